#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at POP3S on a host from inside."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pop3s_host_info
short_description: Look at POP3S on a host from inside
version_added: "0.2.0"
author:
  - The port995 authors (@port995)
description:
  - Tells who listens on the ports of POP3 (process, program, unit of systemd), what the host's packet filter does with
    connections to them, what its mail daemons are set to, and which certificates they are set to show.
  - Changes nothing, and opens no connection.
  - What the user who looks may not see is told in C(unseen), with the reason. It is never told as absent.
    As a user without rights that is the processes of others, the rules of the packet filter, and files that only root
    may read. With O(ignore:become=true) all is seen. The documentation of the role C(audit) has a table.
  - Of a private key only mode, owner and whether it belongs to the certificate are told.
options:
  ports:
    description: TCP ports to look at.
    type: list
    elements: int
    default: [995, 110]
  out:
    description:
      - Folder of a run on the controller, as M(port995.pop3s.pop3s_plan) made it. What was seen is written into it, for
        M(port995.pop3s.pop3s_report) to judge, and a host that can't be reached or looked at is written down as such.
    type: path
  run_id:
    description: Identity of that run, as the same module returned it. Needed with O(out).
    type: str
    default: ""
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details: Looks in check mode too. It changes nothing.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  platform:
    description: Target OS/families that can be operated against.
    platforms: linux
    support: full
notes:
  - Needs Python 3.9 or later on the host. Uses C(nft), C(iptables-save), C(ss), C(systemctl), C(doveconf), C(ufw) and
    C(firewall-cmd) where they are installed.
  - What filters before the host, such as a router or the rules of a cloud, is not seen from inside.
  - A service in a container with a network of its own is not seen as a listener. Where the host's rules send
    connections on to it, the verdict of the firewall is C(redirected).
seealso:
  - module: port995.pop3s.pop3s_info
  - module: port995.pop3s.pop3s_firewall
"""

EXAMPLES = r"""
- name: See who listens, and whether the firewall lets connections in
  port995.pop3s.pop3s_host_info:
  become: true
  register: inside

- name: Stop where somebody unknown listens on 995
  ansible.builtin.assert:
    that: >-
      inside.seen.listening.listeners | selectattr('port', 'equalto', 995) | map(attribute='processes') | flatten
      | map(attribute='name') | difference(['dovecot', 'pop3-login']) | length == 0
"""

RETURN = r"""
seen:
  description: What was seen, as it is written into a run. Its JSON Schema is C(report/schema/host-1.json).
  returned: success
  type: dict
  contains:
    schema:
      description: Its format.
      type: str
      sample: port995/host/1
    run_id:
      description: The run that it belongs to; empty when there is none.
      type: str
    host:
      description: Inventory name of the host; empty unless O(out) is given.
      type: str
    outcome:
      description: C(seen). In a run also C(unreachable) and C(failed).
      type: str
    detail:
      description: Why it was not seen.
      type: str
    started:
      description: When it began, by the host's clock.
      type: str
      sample: "2026-11-27T22:00:00Z"
    uid:
      description: Number of the user who looked.
      type: int
    addresses:
      description: The host's own IP addresses.
      type: list
      elements: str
    listening:
      description:
        - Who listens. C(families) were looked at to the end, C(absent_families) does the host not speak.
        - Each of C(listeners) has C(family), C(address), C(port), C(uid), C(takes_ipv4), C(processes) (with C(pid),
          C(name), C(executable), C(uid), C(unit)) and C(unseen).
        - C(socket_units) are those of systemd, which may listen for a service that is not running.
      type: dict
    firewall:
      description:
        - C(verdicts) tell for each port and family what the kernel's rules do with a new connection from another host,
          C(open), C(restricted) (with C(sources)), C(closed), C(redirected) or C(unknown), and C(because) of what.
        - C(front_ends) tell what ufw, firewalld, nftables and this collection say of themselves.
      type: dict
    daemons:
      description: Mail daemons that are installed, with version, ports, lowest version of TLS and settings.
      type: list
      elements: dict
    certificates:
      description: Certificates that they are set to show, with the fingerprints of what is in the file, and their key.
      type: list
      elements: dict
    versions:
      description: Versions of kernel, Python, tools and daemons, as C(name) and C(value).
      type: list
      elements: dict
    unseen:
      description: What else was not seen, and why.
      type: list
      elements: str
unseen:
  description: All that was not seen, from every part, and why.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.port995.pop3s.plugins.module_utils._port995.daemon.read import installed
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.codec import CodecError, to_json
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.host.journal import host_from_json
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.host.look import look
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.host.model import DaemonSeen, Named


def daemons_seen(found):
    """The mail daemons, in the words of an observation."""
    return [
        DaemonSeen(
            one.daemon, one.version, one.configuration, one.pop3s_ports, one.pop3_ports, one.minimum,
            one.cleartext_login, tuple(Named(name, value[:4000]) for name, value in sorted(one.settings.items())),
            one.problem[:2000],
        )
        for one in found
    ]  # fmt: skip


def all_unseen(seen):
    """Everything that was not seen, once each."""
    told = list(seen.unseen)
    told += [*seen.listening.unseen, *seen.firewall.unseen]
    for part in (*seen.listening.listeners, *seen.certificates):
        told += part.unseen
    told += [daemon.problem for daemon in seen.daemons if daemon.problem]
    return list(dict.fromkeys(told))


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=dict(
            ports=dict(type="list", elements="int", default=[995, 110]),
            out=dict(type="path"),
            run_id=dict(type="str", default=""),
        ),
        supports_check_mode=True,
    )
    ports = module.params["ports"]
    if not ports or [port for port in ports if not 0 < port < 65536]:
        module.fail_json(msg="ports is %s: it lists TCP ports, 1 to 65535" % ports)
    found = installed()
    certificates = [(one.daemon, one.certificate, one.key) for one in found]
    seen = look(module.params["run_id"], ports, daemons_seen(found), certificates)
    try:
        host_from_json(to_json(seen))
    except CodecError as error:
        module.fail_json(msg="What was seen can't be told: %s" % error)
    module.exit_json(changed=False, seen=to_json(seen), unseen=all_unseen(seen))


if __name__ == "__main__":
    main()
