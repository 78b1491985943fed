#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell who used POP3 on a host in the last days, and who is connected now."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pop3s_logins_info
short_description: Tell who used POP3 on a host in the last days, and who is connected now
version_added: "0.1.0"
author:
  - The port995 authors (@port995)
description:
  - Reads the login records of the host's mail daemons (Dovecot 2.3 and 2.4, Courier, Cyrus) from the journal, from
    C(/var/log/mail.log) and its like, and from Dovecot's own log file, with those that were rotated and packed.
  - Counts users, logins, networks (/24 and /64) and TLS versions; IMAP is counted apart. Users are counted, never named
    unless O(names=true).
  - That nobody used POP3 is said only where records of each of these daemons can be read and reach back far enough.
    Everything else is C(unknown), with the reasons.
options:
  days:
    description: How many days to look back.
    type: int
    default: 30
  ports:
    description: TCP ports of POP3 whose connections are counted.
    type: list
    elements: int
    default: [995]
  names:
    description: Name the users.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  platform:
    description: Target OS/families that can be operated against.
    platforms: linux
    support: full
notes:
  - Root sees all. Another user may not read the journal or the files, and does not see containers; the result says so.
  - Needs Python 3.9 on the host.
seealso:
  - module: port995.pop3s.pop3s_close
"""

EXAMPLES = r"""
- name: Who still uses POP3?
  port995.pop3s.pop3s_logins_info:
    days: 90
    ports: [110, 995]
  become: true
  register: used
"""

RETURN = r"""
state:
  description: V(used), V(unused), or V(unknown) when nothing was seen and that proves nothing.
  returned: always
  type: str
  sample: used
summary:
  description: The same in one line, without names.
  returned: always
  type: str
reasons:
  description: What could not be read or does not reach back far enough.
  returned: always
  type: list
  elements: str
days:
  description: How many days were looked at.
  returned: always
  type: int
daemons:
  description: Mail daemons that are installed and whose records are known.
  returned: always
  type: list
  elements: str
  sample: [dovecot]
sources:
  description: What was read, and from when on.
  returned: always
  type: list
  elements: str
  sample: ["the journal, from 2026-08-01 06:00 UTC"]
users:
  description: How many users logged in by POP3.
  returned: always
  type: int
logins:
  description: How many times.
  returned: always
  type: int
networks:
  description: Logins by network, the fifty with most.
  returned: always
  type: dict
  sample: {192.0.2.0/24: 12}
tls_versions:
  description: Logins by TLS version, where it is logged.
  returned: always
  type: dict
  sample: {TLSv1.3: 11, "TLS, version not logged": 1}
last:
  description: When the latest one was.
  returned: always
  type: str
imap:
  description: Users and logins of IMAP.
  returned: always
  type: dict
  sample: {users: 3, logins: 40}
names:
  description: The users.
  returned: when O(names=true)
  type: list
  elements: str
connected:
  description: Connections that are there now, by network.
  returned: when they can be seen
  type: dict
  sample: {192.0.2.0/24: 1}
connected_problem:
  description: Why they can't be seen.
  returned: when they can't be seen
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.port995.pop3s.plugins.module_utils._port995.closing.reasons import by_network
from ansible_collections.port995.pop3s.plugins.module_utils._port995.daemon import login_records, sockets


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=dict(
            days=dict(type="int", default=30),
            ports=dict(type="list", elements="int", default=[995]),
            names=dict(type="bool", default=False),
        ),
        supports_check_mode=True,
    )
    if not 1 <= module.params["days"] <= 3650:
        module.fail_json(msg="days is %d: it is 1 to 3650" % module.params["days"])
    records = login_records.read(module.params["days"])
    result = login_records.summary(records, module.params["names"])
    result["summary"] = login_records.words(records)
    try:
        result["connected"] = by_network(sockets.connected(module.params["ports"]))
    except sockets.SocketsError as error:
        result["connected_problem"] = str(error)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
