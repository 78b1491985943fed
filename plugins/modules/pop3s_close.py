#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stop a host's POP3S listener and close its port, as one change that the host takes back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pop3s_close
short_description: Stop a host's POP3S listener and close its port, as one change that the host takes back
version_added: "0.1.0"
author:
  - The port995 authors (@port995)
description:
  - Made for the role C(port995.pop3s.close), which calls its phases and looks from outside between. V(begin) changes
    the running system and arms the taking back; unless V(finish) follows over a new connection within O(time_limit),
    the host takes all of it back by itself, also after a power cut.
  - Stops the listener. Dovecot 2.3 and 2.4 get a file of this module's own, which is read after the user's; a line of
    cyrus.conf becomes a comment; Courier's units, and sockets of systemd that listen on nothing else, are kept from
    starting. What comes of Dovecot's file is first seen in a copy. An unknown daemon is named with its process, and
    only the firewall acts.
  - Closes the port in the firewall, as M(port995.pop3s.pop3s_firewall) does.
  - Refuses while somebody is connected, while login records show a use in the last O(days) or do not prove that there
    was none, unless O(force=true).
extends_documentation_fragment:
  - port995.pop3s.changing
  - port995.pop3s.firewall_rules
options:
  state:
    description: V(absent) gives back what V(closed) has changed.
    type: str
    choices: [closed, absent]
    default: closed
  listener:
    description: Whether daemons are to let go of the ports.
    type: bool
    default: true
  firewall:
    description: Whether the firewall is to close them.
    type: bool
    default: true
  loopback:
    description: Close the ports to the host itself too.
    type: bool
    default: false
  intent:
    description: What the host declares with C(pop3s_intent). A host that is to serve is not closed.
    type: str
    choices: [serve, internal, closed]
  days:
    description: How many days of login records to look at. V(0) does not ask them, and O(force) decides alone.
    type: int
    default: 30
  force:
    description: Close though it is used, or though that is not known.
    type: bool
    default: false
  time_limit:
    description: Seconds until the host takes the change back unless it is confirmed.
    type: float
    default: 120.0
notes:
  - Needs root, systemd and Python 3.9 on the host, and the program C(nft) unless O(firewall=false).
seealso:
  - module: port995.pop3s.pop3s_firewall
  - module: port995.pop3s.pop3s_logins_info
"""

EXAMPLES = r"""
- name: Say what would be closed
  port995.pop3s.pop3s_close:
    state: closed
  become: true
  check_mode: true

- name: Give it back
  port995.pop3s.pop3s_close:
    state: absent
  become: true
  register: back

- name: Keep that
  port995.pop3s.pop3s_close:
    state: absent
    phase: finish
    change: "{{ back.change }}"
  become: true
  when: back is changed
"""

RETURN = r"""
against:
  description: What speaks against closing; without O(force=true) the module fails with it.
  returned: in phase begin
  type: list
  elements: str
logins:
  description: What M(port995.pop3s.pop3s_logins_info) returns of the login records, without names.
  returned: in phase begin, when they were read
  type: dict
listeners:
  description: Who listens on the ports, before the change.
  returned: in phase begin
  type: list
  elements: str
  sample: ["port 995 of 0.0.0.0, by dovecot (process 312, unit dovecot.service)"]
steps:
  description: What is done to each daemon.
  returned: in phase begin
  type: list
  elements: str
notes:
  description: What is to be known of the result.
  returned: in phase begin
  type: list
  elements: str
planned:
  description: Whether this is only what would be done.
  returned: in phase begin
  type: bool
change:
  description: Identity of the change, for the other phases.
  returned: when something was changed
  type: str
  sample: 5f0c1f0c6bb84d0f9a5a3f6c0e1d2b3a
waits:
  description: Whether the change still waits to be confirmed.
  returned: in phase status
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.port995.pop3s.plugins.module_utils._changing import (
    changing_options,
    differences,
    firewall_options,
    run_phase,
)
from ansible_collections.port995.pop3s.plugins.module_utils._port995.change.asked import WantedError
from ansible_collections.port995.pop3s.plugins.module_utils._port995.closing import firewall_part, reasons, steps
from ansible_collections.port995.pop3s.plugins.module_utils._port995.daemon import login_records, sockets
from ansible_collections.port995.pop3s.plugins.module_utils._port995.firewall.model import wanted

WANTED = ("state", "ports", "action", "loopback", "forward", "established")


def argument_spec():
    """The module's options."""
    return dict(
        state=dict(type="str", choices=["closed", "absent"], default="closed"),
        listener=dict(type="bool", default=True),
        firewall=dict(type="bool", default=True),
        loopback=dict(type="bool", default=False),
        intent=dict(type="str", choices=["serve", "internal", "closed"]),
        days=dict(type="int", default=30),
        force=dict(type="bool", default=False),
        **firewall_options(),
        **changing_options(120.0)
    )


def ask(params):
    """What is wanted, checked."""
    if not 0 <= params["days"] <= 3650:
        raise WantedError("days is %d: it is 0 to 3650" % params["days"])
    return wanted(**{name: params[name] for name in WANTED})


def planes(made):
    """Rules and files, (name, before, after)."""
    rules = firewall_part.planes(made.firewall) if made.firewall is not None else []
    return rules + [(off.daemon, off.text(False), off.text(True)) for off in made.offs]


def look(params, made):
    """What speaks against it: (reasons, login records or None)."""
    records = login_records.read(params["days"]) if params["days"] else None
    peers, problem = None, ""
    try:
        peers = sockets.connected(params["ports"])
    except sockets.SocketsError as error:
        problem = str(error)
    found = reasons.against(records, peers, problem, made.listeners)
    if not params["days"]:
        found += ("the login records were not read, since days is 0",)
    return found, records


def begin(module, asked, who):
    """Plan, look at what speaks against it, and change unless this is a check."""
    params = module.params
    contradiction = reasons.contradiction(params["intent"], asked.state)
    if contradiction:
        module.fail_json(msg=contradiction)
    made = steps.plan(asked, params["listener"], params["firewall"])
    result = dict(
        changed=made.changed,
        planned=module.check_mode,
        listeners=[sockets.told(one) for one in made.listeners],
        steps=[off.what for off in made.offs if off.changed],
        notes=list(made.notes),
        against=[],
        diff=differences(planes(made)),
    )
    if not made.changed:
        return result
    if asked.state == "closed":
        found, records = look(params, made)
        result["against"] = list(found)
        if records is not None:
            result["logins"] = login_records.summary(records)
        if found and not params["force"] and not module.check_mode:
            result["changed"] = False
            module.fail_json(
                msg="Nothing was changed: %s. Set close_force: true (force of the module) to close it nevertheless."
                % "; ".join(found),
                **result
            )
    if not module.check_mode:
        result["change"] = steps.begin(made, who, params["time_limit"])
    return result


def main():
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)

    def finish(change, asked, who):
        steps.finish(change, asked, who, module.params["listener"], module.params["firewall"])

    run_phase(module, steps.PROBLEMS, 10, ask, begin, finish)


if __name__ == "__main__":
    main()
