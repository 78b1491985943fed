#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pop3s_clients_info
short_description: Tell which modelled mail clients and which logins settings of a mail daemon would shut out
version_added: "0.2.0"
author:
  - The port995 authors (@port995)
description:
  - Computes from a run at depth C(full) what each modelled mail client gets today, and from a profile what it would get
    from a daemon that is set by it. Models, made of documents and published hellos; C(port995 clients) lists them.
  - Holds the login records of the last days against what the change takes away.
  - What can't be told is told as such. Runs on the controller, and opens no connection.
options:
  run:
    description: Folder of the run, on the controller. Needed unless O(clients) is empty.
    type: path
  host:
    description: Name of the host in the run.
    type: str
    required: true
  profile:
    description: Name of a profile, or a file. What may be negotiated stays as it is when it is absent.
    type: str
  clients:
    description: Ids of the clients that matter. All of them when it is absent.
    type: list
    elements: str
  daemon:
    description: What M(port995.pop3s.pop3s_enforce) returned as RV(port995.pop3s.pop3s_enforce#module:daemon).
    type: dict
    default: {}
  cleartext:
    description: What is to become of the port for clear text.
    type: str
    choices: ["off", stls, keep]
    default: stls
  logins:
    description: What M(port995.pop3s.pop3s_logins_info) returned. That it is absent is told where it matters.
    type: dict
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  platform:
    description: Target OS/families that can be operated against.
    platforms: posix
    support: full
notes:
  - Needs Python 3.11 or later and C(cryptography) and C(PyYAML) on the controller.
  - A certificate that is to be another one is not computed with; neither is what the host's library lacks.
seealso:
  - module: port995.pop3s.pop3s_enforce
  - module: port995.pop3s.pop3s_logins_info
"""

EXAMPLES = r"""
- name: Who would be shut out by the profile strict?
  port995.pop3s.pop3s_clients_info:
    run: "{{ playbook_dir }}/full"
    host: "{{ inventory_hostname }}"
    profile: strict
    clients: [outlook-windows-10, thunderbird-128]
"""

RETURN = r"""
lost:
  description: Who has the service today and would lose it.
  returned: always
  type: list
  elements: str
  sample: ["outlook-windows-7 (modelled): connects now, cannot connect afterwards: no common version: it offers TLSv1"]
untold:
  description: What could not be found out, and may be somebody.
  returned: always
  type: list
  elements: str
clients:
  description: Each client with what it gets now and afterwards.
  returned: always
  type: list
  elements: dict
  sample: [{client: thunderbird-128, now: {outcome: connects}, after: {outcome: connects}}]
"""
