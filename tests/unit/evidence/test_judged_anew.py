# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished run judged again: the same gives the same bytes; another profile is another run, and sees no more."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from port995.cli import app
from port995.evidence.conclude import conclude, read_gate
from port995.evidence.judge_anew import OtherRules, judge_anew
from port995.evidence.run_folder import RunError, RunFolder, VantagePlan, create_run, open_run
from port995.policy.model import Exit, HostPlan, Intent, Status
from port995.probe.journal import JournalWriter
from tests.unit.policy import seen as policy_seen
from tests.unit.policy.certificates import NOW as SEEN_AT
from tests.unit.policy.certificates import anchors

from .runs import NOW, PROFILE, finished_probe, header

LATER = NOW + datetime.timedelta(days=100)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def serving(out: Path) -> RunFolder:
    """A run over one good server, made for the profile baseline."""
    aims, trusted = (policy_seen.target(),), anchors()
    head = header(
        run_id=policy_seen.RUN, plan=(HostPlan("mx", Intent.SERVE),), targets=aims, anchors_source=trusted.source,
        anchors_sha256=trusted.sha256, vantages=(VantagePlan("controller", "undeclared", ("198.51.100.1",)),),
    )  # fmt: skip
    run = create_run(out, head, PROFILE.raw, trusted.pem)
    with JournalWriter(str(run.journal_path("controller"))) as journal:
        for observation in (policy_seen.session(), policy_seen.companion()):
            journal.append(observation)
    return run


def test_the_same_run_profile_anchors_and_time_give_the_same_bytes(tmp_path: Path) -> None:
    conclude(finished_probe(tmp_path), at=NOW)
    first = files(tmp_path)
    for _again in range(2):
        conclude(open_run(tmp_path), at=NOW)
        assert files(tmp_path) == first
    conclude(open_run(tmp_path), at=LATER)
    assert files(tmp_path)["report.json"] != first["report.json"]
    conclude(open_run(tmp_path), at=NOW.astimezone(datetime.timezone(datetime.timedelta(hours=5))))
    assert files(tmp_path) == first


def test_a_stricter_profile_never_passes_on_what_the_offers_did_not_cover(tmp_path: Path) -> None:
    old = serving(tmp_path / "old")
    assert conclude(old, at=SEEN_AT).gate.exit is Exit.PASSED
    before = files(tmp_path / "old")
    new = judge_anew(old, tmp_path / "new", OtherRules("strict"), ("judge",))
    conclusion = conclude(new, at=SEEN_AT)
    assert conclusion.gate.exit is Exit.INCOMPLETE, conclusion.gate.reasons
    # Suites with short tags were not among what was offered for the old profile.
    found = {r.check_id: r.status for r in conclusion.judgement.results if r.host is not None}
    assert found["POP3S-CIPH-009"] is Status.NOT_TESTED
    assert read_gate(tmp_path / "new") == conclusion.gate
    assert files(tmp_path / "old") == before
    header = json.loads((tmp_path / "new" / "run.json").read_text())
    assert header["profile_id"] == "strict" and header["run_id"] == old.header.run_id
    assert any("judged by other rules" in note for note in header["notes"])


def test_a_profile_of_which_nothing_is_in_force_is_refused(tmp_path: Path) -> None:
    asleep = tmp_path / "asleep.yml"
    asleep.write_text(
        "schema: port995/profile/1\nid: x\ndate: 2026-01-02\ntitle: X\nchecks:\n"
        "  POP3S-TLS-001: {effective: 2199-01-01}\n"
    )
    new = judge_anew(serving(tmp_path / "old"), tmp_path / "new", OtherRules(str(asleep)), ())
    with pytest.raises(RunError, match="no rule that is in force"):
        conclude(new, at=SEEN_AT)


def test_the_command_judges_for_a_day_and_by_another_profile(tmp_path: Path) -> None:
    conclude(serving(tmp_path / "old"), at=SEEN_AT)
    runner = CliRunner()

    def judge(*arguments: object) -> tuple[int, str]:
        run = runner.invoke(app, ["judge", str(tmp_path / "old"), *map(str, arguments)])
        return run.exit_code, run.output

    assert judge("--profile", "strict")[0] == 2  # a folder of its own
    assert judge("--out", tmp_path / "x")[0] == 2
    assert judge("--policy-ref", "main")[0] == 2
    assert judge("--require-profile-sha256", "0" * 64)[0] == 2
    code, said = judge("--profile", "strict", "--out", tmp_path / "new", "--at", SEEN_AT.isoformat())
    assert code == 3 and "Frameworks" in said, said
    digest = open_run(tmp_path / "old").header.profile_sha256
    code, said = judge("--at", SEEN_AT.date().isoformat(), "--require-profile-sha256", digest)
    assert "Passes today, and will not" in said, said
    code, said = judge("--at", (SEEN_AT + datetime.timedelta(days=3000)).date().isoformat())
    assert code == 1 and "POP3S-CERT-003" in said
