# SPDX-License-Identifier: GPL-3.0-or-later
"""Waivers, baselines and the rules of the gate on a real service: what is accepted is told, and the rest still stops."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml, Skipped

from port995.lab.lab import Lab

from ..ports import own_base_port
from .command_line import QUICK, Ended, port995

CHECK = "POP3S-CERT-001"
"""Fails at a server that is asked for by a name its certificate lacks."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), own_base_port()) as running:
        yield running


def audit(lab: Lab, out: Path, *arguments: object) -> Ended:
    """The lab's good server, asked for by a name that it has not."""
    return port995("audit", f"127.0.95.1:{lab.base_port + 995}", "--pop3-port", lab.base_port + 110, "--server-name",
                   "other.example", "--ca-file", lab.ca_file, "--out", out, *QUICK, *arguments)  # fmt: skip


def waiver(tmp_path: Path, lab: Lab, checks: list[str], **more: str) -> Path:
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    fields = {
        "id": "W-1", "hosts": f'["127.0.95.1:{lab.base_port + 995}"]', "checks": f"[{', '.join(checks)}]",
        "reason": "renamed in spring", "ticket": "OPS-1", "requested_by": "a", "approved_by": "b",
        "created": (now - datetime.timedelta(days=1)).isoformat(),
        "expires": (now + datetime.timedelta(days=20)).isoformat(), **more,
    }  # fmt: skip
    lines = [f"{'  - ' if n == 0 else '    '}{key}: {value}" for n, (key, value) in enumerate(fields.items())]
    path = tmp_path / "waivers.yml"
    path.write_text("\n".join(["schema: port995/waivers/1", "waivers:", *lines]))
    return path


def report(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "report.json").read_text())
    return document


def failing(out: Path) -> list[str]:
    return [one["check_id"] for one in report(out)["results"] if one["status"] == "fail" and one["severity"] != "info"]


@pytest.fixture(scope="module")
def plain(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plain") / "run"
    assert audit(lab, out).code == 1
    assert CHECK in failing(out)
    return out


def test_a_waived_fail_is_told_everywhere_and_stops_nothing(lab: Lab, plain: Path, tmp_path: Path) -> None:
    path = waiver(tmp_path, lab, failing(plain))
    run = audit(lab, tmp_path / "run", "--waivers", path)
    assert run.code == 0, run
    assert "Waived:" in run.out and "W-1" in run.out
    found = [one for one in report(tmp_path / "run")["results"] if one["check_id"] == CHECK]
    assert [one["status"] for one in found] == ["waived"] and found[0]["waiver"] == "W-1"
    cases = [
        case for suite in JUnitXml.fromfile(str(tmp_path / "run" / "TEST-port995.xml")) for case in suite
        if CHECK in case.name
    ]  # fmt: skip
    assert [type(one) for case in cases for one in case.result] == [Skipped]
    assert cases[0].result[0].message.startswith("WAIVED: ")
    assert port995("gate", tmp_path / "run").code == 0
    assert (tmp_path / "run" / "waivers.yml").read_bytes() == path.read_bytes()


def test_the_waivers_of_a_run_can_t_be_changed_afterwards(lab: Lab, plain: Path, tmp_path: Path) -> None:
    path = waiver(tmp_path, lab, failing(plain))
    assert audit(lab, tmp_path / "run", "--waivers", path).code == 0
    kept = tmp_path / "run" / "waivers.yml"
    kept.write_bytes(kept.read_bytes() + b"\n# more\n")
    assert port995("gate", tmp_path / "run").code == 4
    assert port995("judge", tmp_path / "run").code == 4


def test_an_expired_waiver_fails_the_gate(lab: Lab, plain: Path, tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    past = {"created": (now - datetime.timedelta(days=9)).isoformat(), "expires": now.isoformat()}
    run = audit(lab, tmp_path / "run", "--waivers", waiver(tmp_path, lab, failing(plain), **past))
    assert run.code == 1 and "POP3S-WVR-001" in run.out
    assert CHECK in failing(tmp_path / "run")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"approved_by": "a"}, "waivers.yml:9: waivers[0]: 'a' asked for it too"),
        ({"hosts": '["*"]'}, "is for the whole fleet"),
        ({"expires": "2027-01-01"}, "a time without a zone"),
        ({"unti": "x"}, "'unti' is not understood"),
    ],
)
def test_bad_waivers_end_before_the_first_probe(lab: Lab, tmp_path: Path, more: dict[str, str], words: str) -> None:
    run = audit(lab, tmp_path / "run", "--waivers", waiver(tmp_path, lab, [CHECK], **more))
    assert run.code == 2
    assert words in run.err
    assert not (tmp_path / "run").exists()


def test_a_baseline_lets_through_what_was_there(lab: Lab, plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    made = port995("baseline", plain, "-o", path)
    assert made.code == 0 and "known fails of 1 hosts" in made.out
    run = audit(lab, tmp_path / "run", "--baseline", path)
    assert run.code == 0, run
    assert "Known fails (baseline):" in run.out
    assert CHECK in failing(tmp_path / "run")
    suites = JUnitXml.fromfile(str(tmp_path / "run" / "TEST-port995.xml"))
    assert [
        one.message.startswith("KNOWN FAIL: ") for suite in suites for case in suite if CHECK in case.name
        for one in case.result
    ] == [True]  # fmt: skip
    # The same address, another server name: another endpoint.
    run = audit(lab, tmp_path / "third", "--baseline", path, "--server-name", "third.example")
    assert run.code == 1


def test_a_baseline_is_not_made_of_what_can_t_be_vouched_for(plain: Path, tmp_path: Path) -> None:
    shutil.copytree(plain, tmp_path / "run")
    (tmp_path / "run" / "report.json").write_text("{}")
    assert port995("baseline", tmp_path / "run", "-o", tmp_path / "b.json").code == 4
    assert not (tmp_path / "b.json").exists()


def test_a_baseline_that_is_there_is_not_replaced_unasked(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text("mine")
    assert port995("baseline", plain, "-o", path).code == 2
    assert path.read_text() == "mine"
    assert port995("baseline", plain, "-o", path, "--force").code == 0


def test_a_run_is_judged_by_other_rules_in_a_new_folder(lab: Lab, plain: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in plain.iterdir()}
    path = waiver(tmp_path, lab, failing(plain))
    assert port995("judge", plain, "--waivers", path).code == 2
    run = port995("judge", plain, "--waivers", path, "--out", tmp_path / "new")
    assert run.code == 0, run
    assert {path.name: path.read_bytes() for path in plain.iterdir()} == before
    assert any("judged by other rules" in note for note in report(tmp_path / "new")["notes"])
    # A stricter profile asks for what was not offered then: not tested, never a pass.
    run = port995("judge", plain, "--profile", "strict", "--waivers", path, "--out", tmp_path / "strict")
    assert run.code in (1, 3)
    assert any(one["status"] == "not_tested" for one in report(tmp_path / "strict")["results"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--gate-checks", "POP3S-PORT-*"), 0),
        (("--gate-checks", CHECK), 1),
        (("--fail-on", "critical"), 1),
        (("--max-age", "0.0000001"), 1),
        (("--min-coverage", "0"), 2),
        (("--gate-checks", "POP3S-NOPE-*"), 2),
        (("--max-waived", "-1"), 2),
    ],
)
def test_the_gate_stops_at_what_it_is_told(plain: Path, tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    run = port995("judge", plain, *arguments, "-q")
    assert run.code == code, run
    assert port995("judge", plain, "-q").code == 1


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen on this machine (Debian: openssh-client)")
def test_waivers_that_have_to_be_signed_are_taken_from_their_approver_alone(
    lab: Lab, plain: Path, tmp_path: Path
) -> None:
    def keygen(*arguments: object) -> None:
        subprocess.run(["ssh-keygen", "-q", *map(str, arguments)], check=True, capture_output=True)

    for name in ("b", "other"):
        keygen("-t", "ed25519", "-N", "", "-f", tmp_path / name)
    public = {name: " ".join((tmp_path / f"{name}.pub").read_text().split()[:2]) for name in ("b", "other")}
    (tmp_path / "signers").write_text(f"b {public['b']}\nc {public['other']}\n")
    path = waiver(tmp_path, lab, failing(plain))
    number = 0

    def judged() -> Ended:
        nonlocal number
        number += 1
        return port995("judge", plain, "--waivers", path, "--waiver-signers", tmp_path / "signers",
                       "--out", tmp_path / f"run{number}")  # fmt: skip

    unsigned = judged()
    assert unsigned.code == 2 and "waivers.yml.sig" in unsigned.err
    keygen("-Y", "sign", "-n", "port995-waivers", "-f", tmp_path / "b", path)
    assert judged().code == 0
    run = tmp_path / f"run{number}"
    assert port995("judge", run, "-q").code == 0
    (run / "waivers.sig").unlink()
    assert port995("judge", run, "-q").code == 4
    path.write_text(path.read_text() + "\n")
    assert judged().code == 2
    path.with_name("waivers.yml.sig").unlink()
    keygen("-Y", "sign", "-n", "port995-waivers", "-f", tmp_path / "other", path)
    wrong = judged()
    assert wrong.code == 2 and "is approved by 'b', and 'c' signed the file" in wrong.err
    path.with_name("waivers.yml.sig").unlink()
    keygen("-Y", "sign", "-n", "port995", "-f", tmp_path / "b", path)
    assert judged().code == 2
    assert port995("judge", plain, "--waiver-signers", tmp_path / "signers", "--out", tmp_path / "x").code == 2


@pytest.mark.parametrize("name", ["journal-controller.jsonl", "profile.yml", "anchors.pem"])
def test_what_was_changed_after_the_verdict_gets_no_new_one(plain: Path, tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(plain, run)
    data = (run / name).read_bytes()
    (run / name).write_bytes(data + b"\n")
    for arguments in ((), ("--fail-on", "critical"), ("--profile", "strict", "--out", tmp_path / "new")):
        done = port995("judge", run, *arguments, "-q")
        assert done.code == 4 and name in done.err, done
    assert not (tmp_path / "new").exists()
    assert port995("gate", run).code == 4
    (run / name).unlink()
    assert port995("judge", run, "-q").code == 4
    (run / name).write_bytes(data)
    assert port995("judge", run, "-q").code == 1
    assert port995("gate", run).code == 1
