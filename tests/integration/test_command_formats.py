# SPDX-License-Identifier: GPL-3.0-or-later
"""A run over the lab in every format: what must be found on each server is counted the same by readers of each."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from port995.lab.compare import load_truth
from port995.lab.lab import Lab
from port995.policy.model import FOLDING_ORDER
from port995.report.formats import all_formats

from ..ports import own_base_port
from .command_line import QUICK, port995

FILES = (
    "port995.sarif", "port995-github.sarif", "assessment-results.json", "certificates.csv", "protocols.csv",
    "port995.prom", "summary.md",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("formats")
    with Lab(folder, own_base_port()) as lab:
        done = port995("audit", "-i", lab.inventory_file, "--ca-file", lab.ca_file, "--out", folder / "run", "--format", "all",
                       *QUICK, "--source", "127.0.0.1", "--source", "127.0.0.2")  # fmt: skip
        assert done.code in (1, 3), done
        yield folder / "run"


def test_each_format_counts_what_the_truth_of_the_lab_says(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    expected = report["counts"]
    truth = Counter(status for statuses in load_truth()["hosts"].values() for status in statuses.values())
    assert {word for word, count in truth.items() if count} <= {word for word, count in expected.items() if count}
    sarif = Counter(
        one["properties"]["status"] for one in json.loads((run / "port995.sarif").read_text())["runs"][0]["results"]
    )
    results = json.loads((run / "assessment-results.json").read_text())["assessment-results"]["results"][0]
    oscal = Counter(
        prop["value"] for one in results["observations"] for prop in one["props"] if prop["name"] == "result"
    )
    prometheus: Counter[str] = Counter()
    for status, count in re.findall(r'port995_results\{.*?status="(\w+)".*?\} (\d+)', (run / "port995.prom").read_text()):
        prometheus[status] += int(count)
    for found in (sarif, oscal, prometheus):
        assert {status.value: found[status.value] for status in FOLDING_ORDER} == expected


def test_the_inventories_know_every_host(run: Path) -> None:
    hosts = {host["name"] for host in json.loads((run / "report.json").read_text())["hosts"]}
    for name in ("certificates.csv", "protocols.csv"):
        with (run / name).open(newline="", encoding="utf-8") as file:
            assert {row["host"] for row in csv.DictReader(file)} == hosts


def test_findings_are_shown_at_the_host_s_line_of_the_inventory(run: Path) -> None:
    results = json.loads((run / "port995-github.sarif").read_text())["runs"][0]["results"]
    inventory = run.parent / "inventory.yml"
    assert results
    for one in results:
        place = one["locations"][0]["physicalLocation"]
        host = one["locations"][0]["logicalLocations"][0]["name"]
        if host == "fleet":
            continue
        assert place["artifactLocation"]["uri"] == "inventory.yml"
        line = inventory.read_text().splitlines()[place["region"]["startLine"] - 1]
        assert re.search(rf"\b{re.escape(host)}\b", line), (host, line)


def test_the_gate_vouches_for_each_format(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    code = port995("gate", copy).code
    assert code in (1, 3)
    for name in FILES:
        data = (copy / name).read_bytes()
        (copy / name).write_bytes(data + b" ")
        assert port995("gate", copy).code == 4, name
        (copy / name).write_bytes(data)
    assert port995("gate", copy).code == code
    # Judged again without them, the old ones are gone: they would tell of another judgement.
    assert port995("judge", copy, "-q").code in (1, 3)
    assert not [name for name in FILES if (copy / name).exists()]


def test_promtool_takes_the_metrics(run: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool on this machine (Debian: prometheus)")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=(run / "port995.prom").read_bytes(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_unknown_format_ends_before_the_first_probe(tmp_path: Path) -> None:
    done = port995("audit", "127.0.0.1", "--out", tmp_path / "run", "--format", "pdf")
    assert done.code == 2 and "there is no format 'pdf'" in done.err
    assert not (tmp_path / "run").exists()


def test_the_help_names_every_format() -> None:
    text = " ".join(port995("audit", "--help").out.split())
    for name in all_formats():
        assert name in text
