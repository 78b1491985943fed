# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as a browser shows it: nothing is fetched or refused, nobody is shut out, in light and dark and narrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from port995.lab.lab import Lab

from ..peers import chromium
from ..ports import own_base_port
from .command_line import QUICK, port995

REASON = chromium.missing()
pytestmark = [pytest.mark.wide, pytest.mark.skipif(REASON is not None, reason=str(REASON))]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("html")
    with Lab(folder, own_base_port()) as lab:
        done = port995("audit", "-i", lab.inventory_file, "--ca-file", lab.ca_file, "--out", folder / "run", "--format",
                       "html", *QUICK, "--source", "127.0.0.1", "--source", "127.0.0.2")  # fmt: skip
    assert done.code in (1, 3), done
    yield folder / "run" / "report.html"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360)])
def test_a_browser_shows_it_and_axe_finds_nothing_serious(page: Path, tmp_path: Path, scheme: str, width: int) -> None:
    found = chromium.opened(page, tmp_path / "page.png", width=width, scheme=scheme)
    assert found["problems"] == []
    assert [url for url in found["requests"] if not url.startswith(f"file://{page}")] == []
    assert not found["overflow"]
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert serious == []
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_axe_notices_what_shuts_people_out(page: Path, tmp_path: Path) -> None:
    """The look above can fail."""
    spoilt = tmp_path / "spoilt.html"
    spoilt.write_text(page.read_text().replace('<html lang="en">', "<html>").replace("<title>POP3S", "<title hidden>POP3S"))
    found = chromium.opened(spoilt, tmp_path / "page.png")
    assert "html-has-lang" in [one["id"] for one in found["violations"]]
