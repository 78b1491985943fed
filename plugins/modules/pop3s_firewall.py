#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Close, restrict or open the ports of POP3 in a host's firewall."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pop3s_firewall
short_description: Close, restrict or open the ports of POP3 in a host's firewall
version_added: "0.2.0"
author:
  - The port995 authors (@port995)
description:
  - Closes port 995 (and others when asked) on a host over IPv4 and IPv6, or lets only some networks in, by a table of
    its own in nftables that stands before every other one. It closes ports that containers publish as well.
  - The rules survive a reboot, with no moment in which the port is open, and reload, restart, stop and start of
    nftables, also C(nft -f /etc/nftables.conf) by hand, which flushes all rules on Debian.
    They stay as well while ufw, firewalld or iptables are loaded anew.
  - With O(backend) the rules are put into C(iptables), C(ufw) or C(firewalld) instead, where the administrator looks
    for them. What each can't do, and what opens its ports with all others, is said in RV(notes) and as a warning.
  - Rules of others are never flushed, saved or put in another order, and no firewall is installed or enabled.
    O(state=absent) takes away what is named for port995 and nothing else.
  - A change is made in the running system first. It is written to disk when a B(new) connection of Ansible reaches
    the host and the port looks from the controller as it should. If not, or when the controller or the power fails, the
    host takes the change back by itself, after O(time_limit) or at its next boot. C(/var/lib/port995/revert) takes the
    last change back at any time, from the console, without network and Ansible.
  - One run at a time changes a host. Another one is told who is at it, and since when.
  - Who changed what is recorded in C(/var/lib/port995/record.jsonl).
extends_documentation_fragment:
  - port995.pop3s.changing
  - port995.pop3s.firewall_rules
options:
  state:
    description:
      - V(closed) lets nobody in, V(restricted) only the networks of O(allow).
      - V(open) lets everybody in, by the firewall that shuts the port on this host (C(firewalld), C(ufw) or
        C(iptables)). A rule that bans some goes first, except in C(firewalld), where rich rules of a negative priority
        do. V(open) fails where tables of nftables shut the port, since no table lets in what another one drops.
      - V(absent) takes away what this module has put in, in every back end.
    type: str
    choices: [closed, restricted, open, absent]
    required: true
  allow:
    description: Addresses and networks, of IPv4 and IPv6, that are let in with O(state=restricted).
    type: list
    elements: str
    default: []
  vantages:
    description:
      - Addresses that must see the port, such as those of monitoring. The task fails, and nothing is changed, when
        O(state) and O(allow) would shut one out.
    type: list
    elements: str
    default: []
  loopback:
    description: Close the port to the host's own connections too, such as those of a webmail on it.
    type: bool
    default: false
  backend:
    description:
      - What the rules are put into. What was put into another one before is taken away, at no moment of which the port
        is open.
      - V(auto) takes V(nftables) where C(nft) is installed, else V(iptables); for O(state=open) the firewall that is in
        use, and it fails where two are.
      - V(iptables) has a chain C(port995) in the table C(filter) of both families. It comes back by a unit, by lines in
        C(/etc/iptables/rules.v4), C(rules.v6) or C(/etc/sysconfig/iptables), C(ip6tables) where these hold that table,
        and by a plugin of C(netfilter-persistent); rules of others are never saved. C(iptables -F) flushes it.
      - V(ufw) has rules with the comment C(port995), in front of others. C(ufw disable) opens the port with all others,
        and C(ufw reload) does for a moment. It can do neither O(established=cut) nor O(loopback=true).
      - V(firewalld) has rich rules of the priorities -9951 and -9950 in every zone. Stopping C(firewalld) opens the
        port with all others. It can do neither O(established=cut) nor O(loopback=true) nor O(forward=true).
      - All but V(nftables) refuse where destination NAT, such as that of a container, goes around them.
      - V(ufw) and V(firewalld) have to be in use already.
    type: str
    choices: [auto, nftables, iptables, ufw, firewalld]
    default: auto
  outside_view:
    description:
      - Look at the ports from the controller before and after the change, at the address of C(ansible_host), and take
        the change back when they do not look as O(state) says.
      - Where the controller can't reach the host directly, set it to V(false) and audit afterwards from elsewhere.
    type: bool
    default: true
  revert:
    description:
      - V(host) lets the host take the change back by itself, which needs systemd. V(none) changes the running system
        and the disk at once.
    type: str
    choices: [host, none]
    default: host
  time_limit:
    description: Seconds until the host takes back a change that was not confirmed, 10 to 3600.
    type: float
    default: 60.0
notes:
  - Needs root, Python 3.9 and the programs of the back end on the host, for V(nftables) C(nft) 0.9.3 or later.
  - The action calls the phases itself, so a task sets neither O(phase) nor O(change).
  - What is seen from the controller is one vantage. Audit afterwards; two vantages prove that a port is closed.
seealso:
  - module: port995.pop3s.pop3s_info
"""

EXAMPLES = r"""
- name: Close POP3S to everybody
  port995.pop3s.pop3s_firewall:
    state: closed
  become: true

- name: Let only the office and the monitoring in, over IPv4 and IPv6
  port995.pop3s.pop3s_firewall:
    state: restricted
    ports: [110, 995]
    allow: [192.0.2.0/24, "2001:db8:1::/48"]
    vantages: [192.0.2.10]
    action: reject
  become: true

- name: Close it by rich rules of firewalld
  port995.pop3s.pop3s_firewall:
    state: closed
    backend: firewalld
  become: true

- name: Take away what the tasks above have put in
  port995.pop3s.pop3s_firewall:
    state: absent
  become: true
"""

RETURN = r"""
backend:
  description: What the rules are in.
  returned: always
  type: str
  sample: nftables
found:
  description: Firewalls that are in use beside this module's table.
  returned: always
  type: list
  elements: str
  sample: [ufw, docker]
rules:
  description:
    - This module's rules as they are, or in check mode as they are to be. Empty when there are none.
    - In C(ufw) with those of others, as rules have no names there.
  returned: when state is not status
  type: str
notes:
  description: What is to be known of the result.
  returned: always
  type: list
  elements: str
planned:
  description: Whether this is only what would be done.
  returned: always
  type: bool
persisted:
  description: Whether the rules are written to disk, and the change is confirmed.
  returned: always
  type: bool
change:
  description: Identity of the change in the host's record.
  returned: when something was changed
  type: str
  sample: 5f0c1f0c6bb84d0f9a5a3f6c0e1d2b3a
looks:
  description: How the ports looked from the controller after the change.
  returned: when something was changed and O(outside_view=true)
  type: list
  elements: dict
  sample: [{address: 192.0.2.25, port: 995, source: 192.0.2.1, state: filtered, reason: no-response}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.port995.pop3s.plugins.module_utils._changing import (
    changing_options,
    differences,
    firewall_options,
    run_phase,
)
from ansible_collections.port995.pop3s.plugins.module_utils._port995.firewall import steps
from ansible_collections.port995.pop3s.plugins.module_utils._port995.firewall.model import wanted

WANTED = ("state", "ports", "action", "allow", "vantages", "loopback", "forward", "established")


def argument_spec():
    """The module's options."""
    return dict(
        state=dict(type="str", required=True, choices=["closed", "restricted", "open", "absent"]),
        allow=dict(type="list", elements="str", default=[]),
        vantages=dict(type="list", elements="str", default=[]),
        loopback=dict(type="bool", default=False),
        backend=dict(type="str", choices=["auto", "nftables", "iptables", "ufw", "firewalld"], default="auto"),
        outside_view=dict(type="bool", default=True),
        revert=dict(type="str", choices=["host", "none"], default="host"),
        **firewall_options(),
        **changing_options(60.0)
    )


def ask(params):
    """What is wanted, checked."""
    return wanted(**{name: params[name] for name in WANTED})


def planes(made):
    """The two planes of each back end, running and on disk: (name, before, after)."""
    return [
        ("%s: %s" % (part.backend, name), plane.before, plane.after)
        for part in made.parts
        for name, plane in (("rules", part.running), ("on disk", part.on_disk))
    ]


def begin(module, asked, who):
    """Plan, and change the running system unless this is a check."""
    made = steps.plan(asked, module.params["backend"])
    result = dict(
        changed=made.changed,
        backend=made.backend,
        found=list(made.found.active),
        notes=list(made.notes),
        rules=made.rules,
        planned=module.check_mode,
        persisted=not made.changed,
        diff=differences(planes(made)),
    )
    for part in made.parts:
        for note in part.notes:
            module.warn("%s: %s" % (part.backend, note))
    if not made.changed or module.check_mode:
        return result
    if module.params["revert"] == "none":
        steps.change_without_taking_back(made, who, asked.state)
        result["persisted"] = True
    else:
        result["change"] = steps.begin(made, who, module.params["time_limit"], asked.state)
    return result


def main():
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)

    def finish(change, asked, who):
        steps.finish(change, asked, who, module.params["backend"])

    run_phase(module, steps.PROBLEMS, 10, ask, begin, finish)


if __name__ == "__main__":
    main()
