# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a phase of closing."""

from __future__ import annotations

from ansible_collections.port995.pop3s.plugins.plugin_utils._changing import ChangeAction


class ActionModule(ChangeAction):
    """See the documentation of the module."""

    MODULE = "port995.pop3s.pop3s_close"
