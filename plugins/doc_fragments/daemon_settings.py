# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What modules document that set how a mail daemon serves."""

from __future__ import annotations


class ModuleDocFragment:
    """See `plugins/module_utils/_changing.py` for the same options in code."""

    DOCUMENTATION = r"""
options:
  daemon:
    description:
      - Which daemon is meant. V(auto) takes the one that serves port 995, or the only one that is installed.
      - Other daemons (nginx, haproxy, stunnel, perdition ...) are named with their process, and nothing is changed.
    type: str
    choices: [auto, dovecot, courier, cyrus]
    default: auto
  cleartext:
    description:
      - What becomes of the port for clear text. V(off) lets nobody listen there, V(stls) takes no password before TLS,
        V(keep) leaves it as it is.
    type: str
    choices: ["off", stls, keep]
    default: stls
  profile:
    description:
      - Name of a profile, or path of one on the controller. Its checks decide what may be negotiated. What it only
        tells of (severity C(info)) is left on.
      - The action makes O(tls) of it. Leave both away to keep what may be negotiated as it is.
    type: str
  tls:
    description: What may be negotiated, in place of O(profile).
    type: dict
    suboptions:
      minimum:
        description: The oldest version.
        type: str
        choices: [TLSv1, TLSv1.1, TLSv1.2, TLSv1.3]
        required: true
      suites:
        description: All suites that are allowed, by IANA's names, the best first.
        type: list
        elements: str
        required: true
      groups:
        description: All groups that are allowed, by IANA's names, the best first.
        type: list
        elements: str
        required: true
      preference:
        description: Whose order decides.
        type: str
        choices: [server, client]
        default: server
      weak_signatures:
        description: Whether signatures with SHA-1 and older may be made.
        type: bool
        default: false
  certificate:
    description:
      - Path on the host of a PEM file, leaf first, then intermediates. Without it, the one that is set stays.
      - Whichever is served must be valid now, have its key, stand in order, and be for O(names). Else nothing is
        changed.
    type: path
  key:
    description: Path on the host of its key, which others must not be able to read.
    type: path
  names:
    description: Names that the certificate has to be for.
    type: list
    elements: str
    default: []
  install:
    description: Install the daemon that O(daemon) names when it is not there. It stays when the change is taken back.
    type: bool
    default: false
"""
