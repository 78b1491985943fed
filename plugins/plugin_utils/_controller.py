# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PRIVATE to this collection: what the actions on the controller have in common."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail

LOWEST_PYTHON = (3, 11)


def require_python() -> None:
    """Fail clearly under a Python that the library does not run on.

    :raises AnsibleActionFail: it is older than 3.11
    """
    if sys.version_info < LOWEST_PYTHON:
        raise AnsibleActionFail(
            "port995 judges on the controller, which needs Python 3.11 or later; this ansible-playbook runs on"
            f" {sys.version.split(maxsplit=1)[0]}. Run it from a newer Python."
        )


def plain(value: Any) -> Any:
    """A templated value as plain Python data, every part of it evaluated.

    :raises ValueError: a part is still a template, or no data: it could not be filled in
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        text = str(value)
        if "{{" in text or "{%" in text:
            raise ValueError("it holds a template that could not be filled in")
        return text
    raise ValueError(f"it is a {type(value).__name__}, not plain data")
