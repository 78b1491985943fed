# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What modules document that keep others from a port by the host's firewall."""

from __future__ import annotations


class ModuleDocFragment:
    """See `plugins/module_utils/_changing.py` for the same options in code."""

    DOCUMENTATION = r"""
options:
  ports:
    description: TCP ports.
    type: list
    elements: int
    default: [995]
  action:
    description: Whether connections that are not let in get no answer (V(drop)) or a TCP reset (V(reject)).
    type: str
    choices: [drop, reject]
    default: drop
  forward:
    description: Keep them from connections that the host only routes, too, to guests with addresses of their own.
    type: bool
    default: false
  established:
    description: Whether sessions that are there already and would not be let in go on (V(keep)) or end (V(cut)).
    type: str
    choices: [keep, cut]
    default: keep
"""
