# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person says is shown as that, for as long as it holds, and makes nothing of what a probe saw or did not see."""

from __future__ import annotations

import datetime
from typing import Any

import jsonschema
import pytest
import yaml

from port995.policy.attestation_file import AttestationError, read_attestations
from port995.policy.attestations import Attestations
from port995.policy.gate import gate
from port995.policy.model import Exit, HostPlan, Intent, Judgement, Result, Status
from port995.policy.registry import WITH_INPUT, adding
from port995.report.schema import load

from .certificates import DAY, NOW
from .seen import BASELINE, companion, judged, session, target

CONTROL = "{id: M-KEYS-001, title: Keys are kept in the vault}"
OF_HOSTS = '{id: M-ROOM-001, title: The room is locked, severity: high, hosts: ["mx[12]"]}'
FIELDS = {
    "control": "M-KEYS-001", "by": "a@example.org", "made": "2026-11-01T00:00:00Z", "until": "2027-02-01T00:00:00Z",
    "text": "saw the vault",
}  # fmt: skip


def text(*entries: dict[str, str], controls: tuple[str, ...] = (CONTROL,)) -> bytes:
    lines = ["schema: port995/attestations/1"]
    lines += ["controls:", *(f"  - {one}" for one in controls)] if controls else []
    lines += ["attestations:"] if entries else []
    for entry in entries:
        fields = {**FIELDS, **entry}
        lines += [f"{'  - ' if n == 0 else '    '}{key}: {value}" for n, (key, value) in enumerate(fields.items()) if value]
    return "\n".join(lines).encode()


def attestations(*entries: dict[str, str], **more: Any) -> Attestations:
    return read_attestations(text(*entries, **more), "a.yml")


PLAN = [HostPlan(f"mx{n}", Intent.SERVE) for n in (1, 2, 3)]
TARGETS = [target((f"mx{n}",), f"192.0.2.{n}") for n in (1, 2, 3)]
GOOD = [seen for aim in TARGETS for seen in (session(aim), companion(aim))]


def judgement(given: Attestations, at: datetime.datetime = NOW, **options: Any) -> Judgement:
    with adding(given.checks()):
        names = [*WITH_INPUT["attestations.yml"], *(one.id for one in given.controls)]
        return judged(options.pop("seen", GOOD), plan=PLAN, targets=TARGETS, profile=BASELINE.with_checks(names),
                      attestations=given, at=at, **options)  # fmt: skip


def result(found: Judgement, control: str = "M-KEYS-001", host: str | None = None) -> Result:
    return next(one for one in found.results if (one.check_id, one.host) == (control, host))


def test_without_controls_the_fleet_passes() -> None:
    assert gate(judged(GOOD, plan=PLAN, targets=TARGETS)).exit is Exit.PASSED


def test_a_control_that_nobody_attested_is_manual_and_stops_the_gate() -> None:
    found = judgement(attestations())
    assert result(found).status is Status.MANUAL and not result(found).attested
    assert "nobody attested it" in result(found).message
    verdict = gate(found)
    assert verdict.exit is Exit.INCOMPLETE and any("M-KEYS-001 manual" in reason for reason in verdict.reasons)


def test_one_that_is_attested_stays_manual_says_by_whom_and_stops_nothing() -> None:
    found = judgement(attestations({}))
    one = result(found)
    assert one.status is Status.MANUAL
    for word in ("a@example.org", "2026-11-01", "2027-02-01T00:00:00Z", "saw the vault"):
        assert word in one.attested and word in one.message
    assert gate(found).exit is Exit.PASSED


@pytest.mark.parametrize(
    ("made", "until", "holds", "words"),
    [
        (NOW - DAY, NOW + DAY, True, "attested by"),
        (NOW - DAY, NOW, False, "ended at 2026-11-24T12:00:00Z"),
        (NOW - DAY, NOW + datetime.timedelta(seconds=1), True, "attested by"),
        (NOW, NOW + DAY, True, "attested by"),
        (NOW + datetime.timedelta(seconds=1), NOW + DAY, False, "begins only at"),
    ],
)
def test_it_holds_to_the_second(made: Any, until: Any, holds: bool, words: str) -> None:
    found = judgement(attestations({"made": made.isoformat(), "until": until.isoformat()}))
    assert bool(result(found).attested) is holds and words in result(found).message
    assert gate(found).exit is (Exit.PASSED if holds else Exit.INCOMPLETE)


def test_of_several_the_one_that_holds_counts() -> None:
    old = {"until": "2026-11-10T00:00:00Z", "by": "old@example.org"}
    found = judgement(attestations(old, {"by": "new@example.org"}))
    assert "new@example.org" in result(found).attested and gate(found).exit is Exit.PASSED
    assert result(found, "POP3S-ATT-001").status is Status.PASS


def test_a_control_of_hosts_is_asked_of_each_and_attested_for_those_that_are_named() -> None:
    given = attestations({"control": "M-ROOM-001", "hosts": "[mx1]"}, controls=(OF_HOSTS,))
    found = judgement(given)
    assert [result(found, "M-ROOM-001", f"mx{n}").status for n in (1, 2, 3)] == [
        Status.MANUAL, Status.MANUAL, Status.NOT_APPLICABLE,
    ]  # fmt: skip
    assert [bool(result(found, "M-ROOM-001", f"mx{n}").attested) for n in (1, 2)] == [True, False]
    verdict = gate(found)
    assert verdict.exit is Exit.INCOMPLETE and len(verdict.reasons) == 1 and "mx2" in verdict.reasons[0]
    assert found.host_status["mx1"] is Status.MANUAL


def test_a_word_changes_nothing_of_what_was_seen_and_is_told_to_be_for_nothing() -> None:
    given = attestations({"control": "POP3S-TLS-001"}, controls=())
    for seen in (GOOD, GOOD[2:]):
        plain = judged(seen, plan=PLAN, targets=TARGETS)
        found = judgement(given, seen=seen)
        assert {(r.check_id, r.host, r.endpoint): r.status for r in plain.results} == {
            (r.check_id, r.host, r.endpoint): r.status for r in found.results if "-ATT-" not in r.check_id
        }
        assert gate(found).exit is gate(plain).exit
        assert result(found, "POP3S-ATT-002").status is Status.FAIL


def test_one_that_ends_soon_is_told() -> None:
    soon = judgement(attestations({"until": (NOW + 20 * DAY).isoformat()}))
    assert result(soon, "POP3S-ATT-001").status is Status.FAIL and "ends in 20 days" in result(soon, "POP3S-ATT-001").message
    assert gate(soon).exit is Exit.PASSED
    later = judgement(attestations({}))
    assert result(later, "POP3S-ATT-001").status is Status.PASS
    assert result(judgement(attestations()), "POP3S-ATT-001").status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (text({"until": "2028-02-01T00:00:00Z"}), "more than 366 days"),
        (text({"until": "2026-10-01T00:00:00Z"}), "ends before it is made"),
        (text({"made": "2026-11-01T00:00:00"}), "without a zone"),
        (text({"control": "M-OTHER-001"}), "no control of this file and no check"),
        (text({"control": "POP3S-COV-000"}), "nothing that a person can attest"),
        (text({"control": "POP3S-ATT-001"}), "nothing that a person can attest"),
        (text({"hosts": "[mx1]"}), "about the fleet"),
        (text({"who": "me"}), "'who' is not understood"),
        (text({"by": ""}), "lacks by"),
        (text({"hosts": "[300.0.0.0/8]", "control": "M-ROOM-001"}, controls=(OF_HOSTS,)), "no network"),
        (text(controls=(CONTROL, CONTROL)), "stands twice"),
        (text(controls=("{id: POP3S-OWN-001, title: x}",)), "is not like"),
        (text(controls=("{id: keys, title: x}",)), "is not like"),
        (text(controls=("{id: M-KEYS-001, title: x, severity: heavy}",)), "none of critical"),
        (b"schema: port995/attestations/1\n", "no controls and no attestations"),
        (b"schema: port995/attestations/2\ncontrols: [{id: M-A-1, title: x}]\n", "this version reads"),
        (b"schema: port995/attestations/1\ncontrols: &a [*a]\n", "aliases"),
        (b"", "empty"),
    ],
)
def test_what_can_not_be_meant_is_refused_with_its_line(given: bytes, words: str) -> None:
    with pytest.raises(AttestationError, match=words) as told:
        read_attestations(given, "a.yml")
    assert str(told.value).startswith("a.yml")


def test_the_schema_takes_what_the_program_takes() -> None:
    document = yaml.load(text({}, {"hosts": "[mx1]", "control": "M-ROOM-001"}, controls=(CONTROL, OF_HOSTS)), yaml.BaseLoader)  # noqa: S506
    jsonschema.validate(document, load("port995/attestations/1"))
    for change in ({"other": 1}, {"controls": []}, {"schema": "x"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document, **change}, load("attestations-1"))
