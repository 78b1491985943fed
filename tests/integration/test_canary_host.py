# SPDX-License-Identifier: GPL-3.0-or-later
"""The canary host: a server known to be bad, so that a network which eats old hellos is not taken for good servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from port995.lab.lab import Lab

from ..ports import own_base_port
from .command_line import QUICK, port995, statuses

SOURCES = ("--source", "127.0.0.2")
OLD = {"POP3S-VER-001", "POP3S-VER-002", "POP3S-VER-003", "POP3S-VER-004", "POP3S-CIPH-001", "POP3S-CIPH-004"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), own_base_port()) as running:
        yield running


def audited(lab: Lab, out: Path, canary: str) -> tuple[int, dict[str, str]]:
    run = port995(
        "audit", f"127.0.95.1:{lab.base_port + 995}", "--server-name", "well-served.lab.port995.example",
        "--pop3-port", lab.base_port + 110, "--ca-file", lab.ca_file, "--out", out, "--canary-host", f"{canary}:{lab.base_port + 995}", *SOURCES, *QUICK,
    )  # fmt: skip
    return run.code, statuses(out, f"127.0.95.1:{lab.base_port + 995}")


def test_an_old_hello_that_came_through_lets_refusals_count(lab: Lab, tmp_path: Path) -> None:
    code, found = audited(lab, tmp_path / "out", "127.0.95.10")
    assert {found[check] for check in OLD} == {"pass"}
    assert code == 0


@pytest.mark.parametrize("canary", ["127.0.95.3", "127.0.95.8"])
def test_one_that_shows_nothing_old_leaves_refusals_unproven(lab: Lab, tmp_path: Path, canary: str) -> None:
    """A server of today, and one that is not there: both look like a network that eats old hellos."""
    code, found = audited(lab, tmp_path / "out", canary)
    assert {found[check] for check in OLD} == {"not_tested"}
    assert found["POP3S-GRP-001"] == found["POP3S-CERT-001"] == "pass"
    assert code == 3


def test_a_canary_host_that_is_no_host_is_refused(tmp_path: Path) -> None:
    for canary in ("192.0.2.0/24", "--x", "a b"):
        assert port995("audit", "192.0.2.1", "--out", tmp_path / "out", "--canary-host", canary).code == 2
    assert not (tmp_path / "out").exists()
