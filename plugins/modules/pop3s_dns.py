#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pop3s_dns
short_description: Ask the DNS what it says of the services of a run
version_added: "0.2.0"
author:
  - The port995 authors (@port995)
description:
  - Looks up SRV records (RFC 6186) of the names and mail domains of the run's hosts, TLSA records (RFC 6698) of their
    names and ports, and what these lead to, and writes C(dns.jsonl) into the run folder.
  - Asks the resolver that M(port995.pop3s.pop3s_plan) was told, and nobody in a run that was not to ask.
  - A lookup that gave no answer is written down as such. It is never an absence, and never fails this task.
  - Runs on the controller, and opens no connection to the hosts.
options:
  out:
    description: Folder of the run.
    type: path
    required: true
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details: Asks in check mode too. It changes nothing.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  platform:
    description: Target OS/families that can be operated against.
    platforms: posix
    support: full
notes:
  - Needs Python 3.11 or later on the controller, and C(dnspython). Without that nothing is asked, and the checks that
    rest on it are not tested.
seealso:
  - module: port995.pop3s.pop3s_plan
  - module: port995.pop3s.pop3s_report
"""

EXAMPLES = r"""
- name: Ask the DNS
  port995.pop3s.pop3s_dns:
    out: "{{ plan.out }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
out:
  description: Folder of the run.
  returned: success
  type: str
  sample: /srv/audit/port995-runs/20261124T120000Z-5f0c1f0c
outcomes:
  description: How many lookups ended how.
  returned: success
  type: dict
  sample: {answered: 12, nxdomain: 3, timeout: 1}
"""
