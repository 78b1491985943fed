# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the staged collection into the wheel, beside the library: one package brings the command and the playbook."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CollectionHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Stage, and name what was staged for inclusion.

        An editable install leaves the collection out: a copy would go stale; the checkout is linked instead.
        """
        if version == "editable":
            return
        sys.path.insert(0, str(Path(self.root) / "packaging"))
        from stage import stage

        self._folder = tempfile.TemporaryDirectory(prefix="port995-stage-")
        staged = Path(self._folder.name) / "pop3s"
        stage(staged)
        build_data["force_include"][str(staged)] = "ansible_collections/port995/pop3s"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the staged tree."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()
