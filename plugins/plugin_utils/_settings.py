# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PRIVATE to this collection: what a daemon may negotiate, made of a profile on the controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import plain, require_python

try:
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.daemon_settings import (
        settings_for,
        today,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.libraries import LibraryMissing
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.profile import (
        ProfileError,
        load_profile,
    )
except (ImportError, SyntaxError) as error:  # An older Python; `require_python` says so.
    IMPORT_ERROR: Exception | None = error
else:
    IMPORT_ERROR = None


def with_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """A task's arguments, with what its profile says in place of the profile.

    :raises ValueError: the profile can't be read, leaves nothing, or stands beside the settings
    :raises AnsibleActionFail: the library can't be loaded
    """
    require_python()
    if IMPORT_ERROR is not None:
        raise AnsibleActionFail(f"The library of the collection can't be loaded: {IMPORT_ERROR}")
    arguments = dict(given)
    profile = arguments.pop("profile", None)
    if profile is None:
        return arguments
    if arguments.get("tls"):
        raise ValueError("profile and tls: one of them says what may be negotiated, leave the other out")
    try:
        arguments["tls"] = settings_for(load_profile(str(plain(profile))), today())
    except (ProfileError, LibraryMissing) as error:
        raise ValueError(str(error)) from error
    return arguments
