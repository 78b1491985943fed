# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make settings of a profile, and run a phase of enforcing."""

from __future__ import annotations

from typing import Any

from ansible_collections.port995.pop3s.plugins.plugin_utils._changing import ChangeAction
from ansible_collections.port995.pop3s.plugins.plugin_utils._settings import with_settings


class ActionModule(ChangeAction):
    """See the documentation of the module."""

    MODULE = "port995.pop3s.pop3s_enforce"
    LIMIT = 300.0

    def _make_arguments(self) -> dict[str, Any]:
        return with_settings(self._task.args)
