#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pop3s_pair
short_description: Put the run before a change and the run after it side by side
version_added: "0.1.0"
author:
  - The port995 authors (@port995)
description:
  - Verifies two finished runs of the same hosts, and writes which host changed from what to what, as C(pair.json) and
    C(pair.txt). The statement names both runs with the SHA-256 of their gate files.
  - Runs on the controller, and opens no connection.
options:
  before:
    description: Folder of the run before the change.
    type: path
    required: true
  after:
    description: Folder of the run after it.
    type: path
    required: true
  out:
    description: Folder for the statement. It is neither of the runs, to which nothing may be added.
    type: path
    required: true
  shut:
    description:
      - Hosts whose POP3S ports the run after must have seen shut, each from every place that looked. Fails otherwise.
    type: list
    elements: str
    default: []
  show:
    description: Print the statement.
    type: bool
    default: true
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details: Writes the statement in check mode too. It changes nothing else.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  platform:
    description: Target OS/families that can be operated against.
    platforms: posix
    support: full
notes:
  - Needs Python 3.11 or later and C(cryptography), C(junit-xml) and C(PyYAML) on the controller.
seealso:
  - module: port995.pop3s.pop3s_report
"""

EXAMPLES = r"""
- name: Say what changed
  port995.pop3s.pop3s_pair:
    before: port995-runs/close/before
    after: port995-runs/close/after
    out: port995-runs/close
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
out:
  description: Folder of the statement.
  returned: success
  type: str
files:
  description: Files written there.
  returned: success
  type: list
  elements: str
  sample: [pair.json, pair.txt]
changed_hosts:
  description: Hosts of which anything differs.
  returned: success
  type: list
  elements: str
hosts:
  description: Every host, before and after.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
    intent:
      description: What it declares.
      type: str
    changed:
      description: Whether anything differs.
      type: bool
    before:
      description: Its status, the state of its ports, and the status of each check.
      type: dict
    after:
      description: The same in the run after.
      type: dict
"""
