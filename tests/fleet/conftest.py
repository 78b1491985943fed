# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab for all tests of a run; each file has hosts of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import image
from .lab import Host, Lab


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    reason = image.missing()
    if reason is not None:
        pytest.skip(reason)
    with Lab() as running:
        yield running


@pytest.fixture(scope="module")
def kept_host(lab: Lab) -> Iterator[Host]:
    """The host of a file of tests."""
    host = lab.host()
    yield host
    host.remove()


@pytest.fixture
def host(kept_host: Host) -> Host:
    """The same, as Debian installs it."""
    kept_host.reset()
    kept_host.wait_for_listener()
    return kept_host
