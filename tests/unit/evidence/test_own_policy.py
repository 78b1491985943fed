# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of users and attestations in run folders: kept with their bytes, judged again with those and no others, and a
program that came with somebody's evidence is not run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from port995.cli import app
from port995.evidence.begin import RunRequest, VantagePlan, begin
from port995.evidence.bundle import make_bundle
from port995.evidence.conclude import Conclusion, conclude, read_gate
from port995.evidence.judge_anew import OtherRules, judge_anew
from port995.evidence.own_files import OwnFileError, read_own, using
from port995.evidence.protected_policy import PolicySource
from port995.evidence.run_folder import RunError, RunFolder, open_run
from port995.evidence.verify import verify_bundle
from port995.policy.model import Exit, HostPlan, Intent, Status
from port995.policy.own_checks_kit import template
from port995.policy.profile import ProfileError, load_profile
from port995.policy.registry import SelectionError, all_checks
from port995.probe.journal import JournalWriter
from tests.unit.policy import seen as policy_seen
from tests.unit.policy.certificates import NOW, anchors

ATTESTATIONS = """\
schema: port995/attestations/1
controls:
  - {id: M-KEYS-001, title: Keys are kept in the vault}
attestations:
  - {control: M-KEYS-001, by: a, made: 2026-11-01T00:00:00Z, until: 2027-02-01T00:00:00Z, text: saw it}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "greeting.py"
    path.write_text(template("greeting"))
    return path


def make(tmp_path: Path, paths: list[Path], name: str = "run", **options: object) -> RunFolder:
    """A run over one good server, with these checks."""
    ca = tmp_path / "ca.pem"
    ca.write_bytes(anchors().pem)
    files = read_own(paths)
    with using(files):
        run = begin(
            RunRequest(tmp_path / name, ca_file=ca, own=files,
                       vantages=(VantagePlan("controller", "undeclared", ("198.51.100.1",)),), **options),
            [HostPlan("mx", Intent.SERVE)], [policy_seen.target()],
        )  # fmt: skip
    with JournalWriter(str(run.journal_path("controller"))) as journal:
        for observation in (policy_seen.session(), policy_seen.companion()):
            journal.append(dataclasses.replace(observation, run_id=run.header.run_id))
    return run


def concluded(run: RunFolder, paths: list[Path]) -> Conclusion:
    with using(read_own(paths)):
        return conclude(open_run(run.path), at=NOW)


def status(found: Conclusion, check: str = "X-GREETING-001") -> Status:
    return next(one.status for one in found.judgement.results if one.check_id == check)


def test_checks_of_the_user_take_part_and_are_kept_with_their_bytes(tmp_path: Path, own: Path) -> None:
    run = make(tmp_path, [own])
    found = concluded(run, [own])
    assert status(found) is Status.PASS and found.gate.exit is Exit.PASSED, found.gate.reasons
    assert (run.path / "checks-1.py").read_bytes() == own.read_bytes()
    kept = open_run(run.path).header.inputs["checks-1.py"]
    assert kept.source == str(own)
    assert json.loads((run.path / "gate.json").read_text())["files"]["checks-1.py"] == kept.sha256
    assert "X-GREETING-001" not in all_checks()


def test_somebody_elses_program_is_not_run(tmp_path: Path, own: Path) -> None:
    mark = tmp_path / "was-run"
    own.write_text(template("greeting") + f"\n\nopen({str(mark)!r}, 'a').close()\n")
    run = make(tmp_path, [own])
    concluded(run, [own])
    mark.unlink()
    before = (run.path / "gate.json").read_bytes()
    with pytest.raises(RunError, match="--checks-path"):
        conclude(open_run(run.path), at=NOW)
    assert not mark.exists() and (run.path / "gate.json").read_bytes() == before
    make_bundle(run.path, tmp_path / "bundle", None)
    assert any("--checks-path" in one for one in verify_bundle(tmp_path / "bundle", None).problems)
    assert not mark.exists()
    with using(read_own([own])):
        assert verify_bundle(tmp_path / "bundle", None).judged_again
    assert mark.exists()


def test_judging_again_takes_the_kept_ones_and_gives_the_same_bytes(tmp_path: Path, own: Path) -> None:
    run = make(tmp_path, [own])
    concluded(run, [own])
    first = (run.path / "report.json").read_bytes()
    concluded(run, [run.path / "checks-1.py"])
    assert (run.path / "report.json").read_bytes() == first
    other = tmp_path / "other.py"
    other.write_text(template("greeting").replace('"dovecot"', '"ready"'))
    with using(read_own([other])), pytest.raises(RunError, match="--checks-path"):
        conclude(open_run(run.path), at=NOW)
    (run.path / "checks-1.py").write_bytes(other.read_bytes())
    with using(read_own([own])), pytest.raises(RunError, match="is not what this run was given"):
        conclude(open_run(run.path), at=NOW)


def test_judged_anew_by_other_checks_is_another_run(tmp_path: Path, own: Path) -> None:
    run = make(tmp_path, [own])
    concluded(run, [own])
    own.write_text(template("greeting").replace('"dovecot"', '"ready"'))
    files = read_own([own])
    with using(files):
        anew = judge_anew(open_run(run.path), tmp_path / "anew", OtherRules(own=files), ("judge",))
        found = conclude(anew, at=NOW)
    assert status(found) is Status.FAIL and found.gate.exit is Exit.FAILED
    with using(files):
        none = judge_anew(open_run(run.path), tmp_path / "none", OtherRules(own=()), ("judge",))
    assert not none.header.inputs


@pytest.mark.parametrize("text", ["def x(:\n", "import no_such_library\n", "x = 1\n", template("a").replace("X-A-001", "POP3S-A-001")])
def test_a_broken_one_makes_the_run_incomplete_and_is_named(tmp_path: Path, own: Path, text: str) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(text)
    run = make(tmp_path, [own, bad])
    found = concluded(run, [own, bad])
    assert status(found) is Status.PASS and found.gate.exit is Exit.INCOMPLETE
    fleet = next(one for one in found.judgement.results if one.check_id == "POP3S-FLT-001")
    assert fleet.status is Status.ERROR and str(bad) in fleet.message
    assert read_gate(run.path) == found.gate


def test_one_that_raises_makes_the_run_incomplete(tmp_path: Path, own: Path) -> None:
    own.write_text(template("greeting").replace("    endpoint = subject.endpoint\n", "    1 / 0\n"))
    found = concluded(make(tmp_path, [own]), [own])
    assert status(found) is Status.ERROR and found.gate.exit is Exit.INCOMPLETE


def test_it_is_chosen_by_an_expression_and_left_out_only_when_that_is_said(tmp_path: Path, own: Path) -> None:
    run = make(tmp_path, [own], checks="X-*")
    found = concluded(run, [own])
    assert status(found) is Status.PASS and found.gate.exit is Exit.INCOMPLETE  # the profile's own are deselected
    part = make(tmp_path, [own], "part", checks="not X-*", partial=True)
    assert status(concluded(part, [own])) is Status.NOT_TESTED
    with pytest.raises(SelectionError):
        make(tmp_path, [], "none", checks="X-*")


def test_a_profile_names_it_with_a_severity_of_its_own(tmp_path: Path, own: Path) -> None:
    mine = tmp_path / "mine.yml"
    mine.write_text("schema: port995/profile/1\nid: mine\ndate: 2026-11-25\ntitle: Mine\nextends: baseline\n"
                    "checks:\n  X-GREETING-001: {severity: critical}\n")  # fmt: skip
    found = concluded(make(tmp_path, [own], profile=str(mine)), [own])
    assert next(r.severity.value for r in found.judgement.results if r.check_id == "X-GREETING-001") == "critical"
    with pytest.raises(ProfileError, match="no such check"):
        load_profile(mine)


def test_files_are_read_from_folders_and_refused_where_there_are_none(tmp_path: Path, own: Path) -> None:
    folder = tmp_path / "checks"
    folder.mkdir()
    with pytest.raises(OwnFileError, match="holds no file"):
        read_own([folder])
    for name in ("b.py", "a.py", "_hidden.py", ".x.py", "notes.txt"):
        (folder / name).write_text("x = 1\n")
    assert [Path(one.source).name for one in read_own([folder])] == ["a.py", "b.py"]
    with pytest.raises(OwnFileError, match="can't be read"):
        read_own([tmp_path / "none.py"])
    (tmp_path / "huge.py").write_bytes(b"#" * (256 * 1024 + 1))
    with pytest.raises(OwnFileError, match="larger than"):
        read_own([tmp_path / "huge.py"])
    with pytest.raises(OwnFileError, match="is a folder"):
        read_own([folder], PolicySource(ref="main"))


def test_attestations_are_kept_and_judged_again_at_their_time(tmp_path: Path) -> None:
    path = tmp_path / "attested.yml"
    path.write_text(ATTESTATIONS)
    run = make(tmp_path, [], attestations=path)
    found = conclude(open_run(run.path), at=NOW)
    assert found.gate.exit is Exit.PASSED and status(found, "M-KEYS-001") is Status.MANUAL
    document = json.loads((run.path / "report.json").read_text())
    told = next(one for one in document["results"] if one["check_id"] == "M-KEYS-001")
    assert "attested by a" in told["attested"]
    make_bundle(run.path, tmp_path / "bundle", None)
    assert verify_bundle(tmp_path / "bundle", None).judged_again
    late = conclude(open_run(run.path), at=NOW.replace(year=2027, month=2, day=2))
    assert status(late, "M-KEYS-001") is Status.MANUAL and late.gate.incomplete
    assert any("M-KEYS-001" in reason for reason in late.gate.reasons)


def test_the_command_judges_with_checks_only_when_they_are_named(tmp_path: Path, own: Path) -> None:
    run = make(tmp_path, [own])
    runner = CliRunner()

    def judge(*arguments: object) -> tuple[int, str]:
        said = runner.invoke(app, ["judge", str(run.path), "--at", NOW.isoformat(), *map(str, arguments)])
        return said.exit_code, said.output

    code, said = judge()
    assert code == 4 and "--checks-path" in said
    assert judge("--checks-path", own)[0] == 0
    attested = tmp_path / "attested.yml"
    attested.write_text(ATTESTATIONS.split("attestations:\n")[0])
    code, said = judge("--checks-path", own, "--attestations", attested, "--out", tmp_path / "anew")
    assert code == 3 and "manual M-KEYS-001" in said, said
    own.write_text(own.read_text() + "\n# another\n")
    assert judge("--checks-path", own)[0] == 2  # other rules, so a folder of its own
    assert judge("--checks-path", tmp_path / "none.py")[0] == 2
