# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What modules document that change a host, which takes the change back unless it is confirmed."""

from __future__ import annotations


class ModuleDocFragment:
    """See `plugins/module_utils/_changing.py` for the same options in code."""

    DOCUMENTATION = r"""
options:
  phase:
    description:
      - Part of the change. V(begin) changes, V(finish) confirms over a new connection, V(revert) takes back at once.
      - V(status) asks whether the change still waits; it is for the action.
    type: str
    choices: [begin, finish, revert, status]
    default: begin
  change:
    description: Identity of the change that V(begin) returned. The other phases need it.
    type: str
  who:
    description: Who is recorded. The action fills in user, controller and host.
    type: str
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
  platform:
    description: Target OS/families that can be operated against.
    platforms: linux
    support: full
notes:
  - C(/var/lib/port995/revert) takes the last change back at any time, from the host's console, without network and
    Ansible.
"""
