# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order several workers take the tests: the files that take longest first, so that none is left for the end.

`make test` gives each file to one worker (``--dist loadfile``): what a file's tests share is then made once.
"""

from __future__ import annotations

import pytest

LONGEST = (
    "tests/packaging/test_installed.py",
    "tests/integration/test_fail2ban.py",
    "tests/integration/test_peers.py",
    "tests/integration/gate/test_truth_by_configuration.py",
    "tests/unit/policy/test_nothing_improves.py",
    "tests/packaging/test_readme.py",
    "tests/integration/playbook",
    "tests/integration/hostile",
    "tests/integration",
)
"""Files, or folders of them, each beyond ten seconds; the longest first."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort, where this is a worker: a run without workers keeps the order of the files."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _rank(item.nodeid))


def _rank(node: str) -> int:
    return next((rank for rank, begin in enumerate(LONGEST) if node.startswith(begin)), len(LONGEST))
