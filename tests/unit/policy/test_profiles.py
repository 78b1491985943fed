# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles on each other, on somebody's word, and in time; what can't be meant is refused with file and line."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from port995.policy.gate import gate
from port995.policy.model import Exit, HostPlan, Intent, Severity, Status
from port995.policy.offers import compile_offers
from port995.policy.profile import FOLDER, MAX_CHAIN, Profile, ProfileError, list_profiles, load_profile, read_profile
from port995.policy.profile_words import differences, differences_text, explain, to_json
from port995.policy.registry import ALWAYS
from port995.report import schema

from .certificates import DAY
from .seen import BASELINE, companion, judged, result_of, results_of, session

HEAD = "schema: port995/profile/1\nid: {0}\ndate: 2026-01-02\ntitle: {0}\n"
STANDARDS = ("mozilla-6.0-intermediate", "mozilla-6.0-modern", "nist-800-52r2", "pci-dss-4.0.1", "rfc9325", "closed")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yml"
    path.write_text(HEAD.format(name) + text)
    return path


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yml")), ids=lambda path: path.stem)
def test_the_profiles_of_the_program_fit_the_published_schema(path: Path) -> None:
    data = yaml.safe_load(path.read_bytes())
    data["date"] = data["date"].isoformat()
    for rule in filter(None, data["checks"].values()):
        for key in {"effective", "until"} & set(rule):
            rule[key] = rule[key].isoformat()
    Draft202012Validator(schema.load("profile-1"), format_checker=FormatChecker()).validate(data)
    data["checks"]["POP3S-TLS-001"] = {"severty": "low"}
    assert not Draft202012Validator(schema.load("profile-1")).is_valid(data)


def test_there_are_the_profiles_that_were_promised() -> None:
    assert {one.id for one in list_profiles()} == {"baseline", "strict", *STANDARDS}
    for one in list_profiles():
        assert (FOLDER / f"{one.id}.yml").is_file()


@pytest.mark.parametrize("name", STANDARDS)
def test_each_rule_of_a_standard_names_its_clause_and_document(name: str) -> None:
    profile = load_profile(name)
    assert profile.document
    for id_, rule in profile.checks.items():
        assert rule.source, id_
        # What is asked beyond the standard is told to be ours, and no clause is made up for it.
        assert bool(rule.clause) == (rule.source != "port995"), id_
        assert rule.certain or rule.clause_words.endswith("(not certain)")
    assert profile.not_covered


def test_extending_changes_adds_and_takes_away(tmp_path: Path) -> None:
    path = write(
        tmp_path, "own",
        "source: Our rules\nextends: baseline\nremove: [POP3S-POP-004]\nchecks:\n"
        "  POP3S-CERT-003: {severity: critical, clause: 4.2, parameters: {minimum_left: 0.5}}\n  POP3S-EMS-001:\n",
    )  # fmt: skip
    path.write_text(path.read_text().replace("clause: 4.2", 'clause: "4.2"'))
    own = load_profile(path)
    assert own.extends == ("baseline",)
    assert own.removed == ("POP3S-POP-004",)
    assert set(own.checks) == (set(BASELINE.checks) - {"POP3S-POP-004"}) | {"POP3S-EMS-001"}
    rule = own.checks["POP3S-CERT-003"]
    assert rule.severity is Severity.CRITICAL
    assert rule.parameters == {"minimum_left": 0.5, "note_left": 0.33}
    assert rule.clause_words == "Our rules 4.2"
    assert own.checks["POP3S-TLS-001"] == BASELINE.checks["POP3S-TLS-001"]
    # Its bytes are all there is to it: a run needs no other file to be judged again.
    again = read_profile(own.raw, "profile.yml")
    assert again.checks == own.checks
    assert again.sha256 == own.sha256
    assert read_profile(own.raw, "x").removed == own.removed


def test_a_file_extends_a_file_beside_it_and_that_one_another(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path, "ground", "checks:\n  POP3S-TLS-001: {severity: low}\n  POP3S-POP-001:\n")
    write(tmp_path / "deep", "middle", "extends: ../ground.yml\nremove: [POP3S-POP-001]\n")
    top = load_profile(write(tmp_path, "top", "extends: deep/middle.yml\nchecks:\n  POP3S-CLR-001:\n"))
    assert top.extends == ("middle", "ground")
    assert set(top.checks) == {*ALWAYS, "POP3S-TLS-001", "POP3S-CLR-001"}
    assert top.checks["POP3S-TLS-001"].severity is Severity.LOW
    assert top.removed == ("POP3S-POP-001",)


def test_extending_in_a_circle_is_refused_and_shown(tmp_path: Path) -> None:
    write(tmp_path, "a", "extends: b.yml\n")
    write(tmp_path, "b", "extends: ./a.yml\n")
    with pytest.raises(ProfileError, match=r"b[.]yml:5: extends is circular: a[.]yml -> b[.]yml -> a[.]yml"):
        load_profile(tmp_path / "a.yml")
    with pytest.raises(ProfileError, match="circular"):
        load_profile(write(tmp_path, "self", "extends: self.yml\n"))


def test_a_chain_without_end_is_cut(tmp_path: Path) -> None:
    for number in range(MAX_CHAIN + 2):
        write(tmp_path, f"p{number}", f"extends: p{number + 1}.yml\n")
    with pytest.raises(ProfileError, match="more than 8 profiles"):
        load_profile(tmp_path / "p0.yml")


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("checks:\n  POP3S-TLS-999:\n", 6, "no such check"),
        ("checks:\n  POP3S-TLS-001:\n    severity: worst\n", 7, "worst"),
        ("checks:\n  POP3S-TLS-001:\n    severty: low\n", 7, "severty"),
        ("checks:\n  POP3S-TLS-001: {effective: 2026-13-40}\n", 6, "2026-13-40"),
        ("checks:\n  POP3S-TLS-001: {effective: next year}\n", 6, "a date like"),
        ("checks:\n  POP3S-TLS-001: {effective: 2026-01-02 10:00:00}\n", 6, "without a zone"),
        ("checks:\n  POP3S-TLS-001: {effective: 2026-01-02T10:00:00Z}\n", 6, "a date like"),
        ("checks:\n  POP3S-TLS-001: {effective: 2026-01-02, until: 2026-01-01}\n", 6, "before it begins"),
        ("checks:\n  POP3S-TLS-001: {clause: 4.2.1}\n", 6, "of no document"),
        ("checks:\n  POP3S-TLS-001: {certain: maybe}\n", 6, "true or false"),
        ("checks:\n  POP3S-COV-000: {effective: 2030-01-01}\n  POP3S-TLS-001:\n", 6, "on every day"),
        ("checks: !!python/object/apply:os.system [x]\n", 5, "tags"),
        ("checks: !include other.yml\n", 5, "tags"),
        ("checks: &a\n  POP3S-TLS-001: &b {}\n  POP3S-TLS-002: *b\n", 7, "aliases"),
        ("checks:\n  POP3S-TLS-001:\n  POP3S-POP-001:\n  POP3S-TLS-001:\n", 8, "stands twice"),
        ("checks: {\n", 6, "no YAML"),
        ("checks: " + "{a: " * 30 + "1" + "}" * 30 + "\n", 5, "nested"),
        ("extends: baselin\n", 5, "choose among"),
        ("extends: nowhere.yml\n", 5, "can't be read"),
        ("extends: baseline\nremove: [POP3S-EMS-001]\n", 6, "in no profile"),
        ("extends: baseline\nremove: [POP3S-COV-000]\n", 6, "in every run"),
        ("extends: baseline\nremove: [POP3S-TLS-001]\nchecks:\n  POP3S-TLS-001:\n", 6, "one of the two"),
        ("remove: [POP3S-TLS-001]\nchecks:\n  POP3S-TLS-001:\n", 5, "in no profile"),
        ("requires: '99.1'\nchecks:\n  POP3S-TLS-001:\n", 5, "newer than this program"),
        ("requires: 0.1\nchecks:\n  POP3S-TLS-001:\n", 5, "in quotes"),
        ("not_covered: [{clause: x}]\nchecks:\n  POP3S-TLS-001:\n", 5, "not_covered.0.why"),
        ("checks:\n  POP3S-TLS-001:\n---\nother: 1\n", 8, "schema"),
    ],
)  # fmt: skip
def test_what_can_not_be_meant_is_refused_with_file_and_line(tmp_path: Path, text: str, line: int, word: str) -> None:
    path = write(tmp_path, "own", text)
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert f"own.yml:{line}: " in str(caught.value), caught.value
    assert word in str(caught.value)


@pytest.mark.parametrize("bomb", [
    b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", b"a: &a [*a]\n", b"[" * 100_000, b"{a: " * 5000, b"? [a]\n: b\n",
])  # fmt: skip
def test_a_file_that_would_grow_is_refused_at_once(bomb: bytes) -> None:
    with pytest.raises(ProfileError):
        read_profile(bomb, "own.yml")


def test_a_profile_of_a_later_schema_is_newer_than_the_program() -> None:
    raw = BASELINE.raw.replace(b"port995/profile/1", b"port995/profile/2")
    with pytest.raises(ProfileError, match=r"own[.]yml:3: it is of schema port995/profile/2, newer than this program"):
        read_profile(raw, "own.yml")


def test_an_empty_profile_is_refused_however_it_came_to_be_empty(tmp_path: Path) -> None:
    write(tmp_path, "one", "checks:\n  POP3S-TLS-001:\n")
    with pytest.raises(ProfileError, match="passes everything"):
        load_profile(write(tmp_path, "none", "extends: one.yml\nremove: [POP3S-TLS-001]\n"))
    asleep = load_profile(write(tmp_path, "later", "checks:\n  POP3S-TLS-001: {effective: 2199-01-01}\n"))
    with pytest.raises(ProfileError, match="no rule that is in force on 2026-11-24"):
        judged([session(), companion()], profile=asleep)


def test_a_changed_profile_may_not_bear_the_name_of_one_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / "policy.yml"
    path.write_bytes(BASELINE.raw)
    assert load_profile(path).checks == BASELINE.checks
    path.write_bytes(BASELINE.raw.replace(b"  POP3S-CLR-002: {severity: high}\n", b""))
    with pytest.raises(ProfileError, match="calls itself baseline, and is not the profile of that name"):
        load_profile(path)
    path.write_text(HEAD.format("baseline") + "extends: baseline\nremove: [POP3S-CLR-002]\n")
    with pytest.raises(ProfileError, match="circular"):
        load_profile(path)


def test_a_check_that_is_named_and_left_out_is_not_tested_and_holds_the_gate() -> None:
    narrowed = BASELINE.narrowed(["POP3S-TLS-001"])
    judgement = judged([session(), companion()], profile=narrowed)
    left = result_of(judgement, "CLR-001", None)
    assert left.status is Status.NOT_TESTED
    assert left.message.startswith("deselected")
    assert gate(judgement).exit is Exit.INCOMPLETE
    # Of checks that the plan owes nothing to, nothing is left out.
    assert "POP3S-AUTH-001" not in judgement.deselected
    assert results_of(judgement, "AUTH-001", None) == []
    asked_for = judged([session(), companion()], profile=narrowed, partial=True)
    assert gate(asked_for).exit is Exit.PASSED


@pytest.mark.parametrize(
    ("dates", "there"),
    [
        ("effective: 2026-11-24", True), ("effective: 2026-11-25", False), ("until: 2026-11-24", True),
        ("until: 2026-11-23", False), ("effective: 2026-01-01, until: 2026-12-31", True),
    ],
)  # fmt: skip
def test_a_rule_holds_from_its_first_day_to_its_last(dates: str, there: bool) -> None:
    own = read_profile(
        (HEAD.format("own") + f"checks:\n  POP3S-TLS-001:\n  POP3S-POP-001: {{{dates}}}\n").encode(), "own.yml"
    )
    judgement = judged([session(), companion()], profile=own)
    assert bool(results_of(judgement, "POP-001")) is there
    assert judgement.resting == (() if there else ("POP3S-POP-001",))
    # It is asked for in any case: the run may be judged on another day.
    assert "POP3S-POP-001" in own.checks


def test_what_a_rule_asks_is_probed_before_its_day() -> None:
    own = read_profile(
        (HEAD.format("own") + "checks:\n  POP3S-TLS-001:\n  POP3S-VER-003: {effective: 2199-01-01}\n").encode(), "own"
    )
    assert compile_offers(own)


@pytest.mark.parametrize("name", ["baseline", "strict", *STANDARDS])
def test_a_profile_explains_itself_in_full(name: str) -> None:
    profile = load_profile(name)
    told = explain(profile)
    for id_, rule in profile.checks.items():
        assert f"\n{id_}  " in told
        assert id_ in ALWAYS or rule.clause_words in told
    assert profile.sha256 in told
    said = to_json(profile)
    assert list(said["checks"]) == list(profile.checks)
    assert len(said["not_covered"]) == len(profile.not_covered)


def test_what_two_profiles_differ_in_is_told() -> None:
    one, other = load_profile("mozilla-6.0-intermediate"), load_profile("mozilla-6.0-modern")
    found = {told["check_id"]: told for told in differences(one, other)}
    assert found["POP3S-VER-006"]["only_in"] == "mozilla-6.0-modern"
    assert found["POP3S-VER-005"]["only_in"] == "mozilla-6.0-intermediate"
    left, right = found["POP3S-CERT-018"]["changed"]["parameters"]
    assert (left, right) == ({"days": 366}, {"days": 90})
    assert "days = 366 -> days = 90" in differences_text(one, other)
    assert "they ask the same" in differences_text(one, one)
    assert differences(one, one) == []


def test_closed_fails_a_host_that_declares_a_service_however_well_it_serves() -> None:
    closed = load_profile("closed")
    serving = judged([session(), companion()], profile=closed)
    assert result_of(serving, "COV-002").status is Status.FAIL
    assert gate(serving).exit is Exit.FAILED
    undeclared = judged([session(), companion()], profile=closed, plan=[HostPlan("mx")])
    assert result_of(undeclared, "COV-002").status is Status.NOT_TESTED
    open_ = judged([session(), companion()], profile=closed, plan=[HostPlan("mx", Intent.CLOSED)])
    assert result_of(open_, "COV-002").status is Status.PASS
    assert result_of(open_, "PORT-001").status is Status.FAIL


def test_nist_asks_for_tls_1_3_from_its_day_on() -> None:
    profile = load_profile("nist-800-52r2")
    before = datetime.datetime(2023, 12, 31, 12, tzinfo=datetime.UTC)
    assert "POP3S-TLS-002" in judged([], profile=profile, at=before).resting
    assert "POP3S-TLS-002" not in judged([], profile=profile, at=before + DAY).resting


def profile_of(checks: str) -> Profile:
    return read_profile((HEAD.format("own") + f"checks:\n{checks}").encode(), "own.yml")


def test_no_other_key_kinds_may_be_allowed_but_no_curves_may_not() -> None:
    assert profile_of("  POP3S-CERT-004: {parameters: {others: []}}\n").checks["POP3S-CERT-004"].parameters["others"] == ()
    with pytest.raises(ProfileError, match="curves"):
        profile_of("  POP3S-CERT-004: {parameters: {curves: []}}\n")
