# SPDX-License-Identifier: GPL-3.0-or-later
"""A waiver turns a fail into waived, as long as it may, and nothing else into anything."""

from __future__ import annotations

import datetime
import itertools

import jsonschema
import pytest
import yaml

from port995.policy.model import HostPlan, Intent, Status
from port995.policy.registry import WITH_INPUT
from port995.policy.waiver_file import read_waivers
from port995.policy.waivers import WaiverError, Waivers, refuse_broad
from port995.report import schema

from .certificates import DAY, NOW
from .seen import BASELINE, FILTERED, judged, refused_companion, result_of, session, status_of, target, unanswered

EMPTY_CHECK = "POP3S-PORT-001"
"""Fails of a host that is to be closed and serves."""

WVR = WITH_INPUT["waivers.yml"]
PROFILE = BASELINE.with_checks(WVR)
FIELDS = {
    "id": "W-1",
    "hosts": "[mx1]",
    "checks": f"[{EMPTY_CHECK}]",
    "reason": "is switched off in spring",
    "ticket": "OPS-1",
    "requested_by": "a@example.org",
    "approved_by": "b@example.org",
    "created": "2026-11-20T00:00:00Z",
    "expires": "2026-12-20T00:00:00Z",
}


def text(*entries: dict[str, str]) -> bytes:
    lines = ["schema: port995/waivers/1", "waivers:"]
    for entry in entries:
        fields = {**FIELDS, **entry}
        lines += [f"{'  - ' if n == 0 else '    '}{key}: {value}" for n, (key, value) in enumerate(fields.items()) if value]
    return "\n".join(lines).encode()


def waivers(*entries: dict[str, str]) -> Waivers:
    return read_waivers(text(*entries), "w.yml")


PLAN = [HostPlan(f"mx{n}", Intent.CLOSED, groups=("legacy",) if n == 1 else ("new",)) for n in (1, 2, 3)]
TARGETS = [target((f"mx{n}",), f"192.0.2.{n}", server_name="mx.example.org", pop3_port=None) for n in (1, 2, 3)]


def judgement(*entries: dict[str, str], seen=None, at=NOW, **options):
    """Three hosts that are to be closed; all of them serve."""
    observations = [session(one) for one in TARGETS] if seen is None else seen
    plan = options.pop("plan", PLAN)
    return judged(
        observations, plan=plan, targets=TARGETS, profile=PROFILE, waivers=waivers(*entries), at=at, **options
    )


def statuses(found) -> list[str]:
    return [status_of(found, EMPTY_CHECK, f"mx{n}") for n in (1, 2, 3)]


def test_without_a_waiver_all_three_fail():
    assert statuses(judgement({"hosts": "[other]"})) == ["fail"] * 3


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("[mx1]", ["waived", "fail", "fail"]),
        ("[MX1]", ["waived", "fail", "fail"]),
        ('["mx[12]"]', ["waived", "waived", "fail"]),
        ("[group:legacy]", ["waived", "fail", "fail"]),
        ("[192.0.2.2]", ["fail", "waived", "fail"]),
        ("[192.0.2.2/31]", ["fail", "waived", "waived"]),
        ('["2001:db8::/32"]', ["fail"] * 3),
        ("[fleet]", ["fail"] * 3),
        ("[group:none]", ["fail"] * 3),
        ("[mx]", ["fail"] * 3),
    ],
)
def test_it_is_for_the_hosts_it_names_and_no_other(hosts, expected):
    assert statuses(judgement({"hosts": hosts})) == expected


def test_it_says_in_the_report_who_accepted_it_and_until_when():
    result = result_of(judgement({"compensating_control": "a firewall"}), EMPTY_CHECK, "mx1")
    assert result.waiver == "W-1"
    for word in ("W-1", "2026-12-20", "OPS-1", "b@example.org", "is switched off in spring", "a firewall"):
        assert word in result.message


def test_another_check_of_the_host_still_fails():
    found = judgement({"checks": "[POP3S-VER-001]"})
    assert statuses(found) == ["fail"] * 3


@pytest.mark.parametrize(
    ("endpoints", "status"),
    [('["192.0.2.1:995/*"]', "waived"), ('["*:995/MX.example.org"]', "waived"), ('["192.0.2.1:110*"]', "fail")],
)
def test_it_can_be_for_some_endpoints(endpoints, status):
    assert statuses(judgement({"endpoints": endpoints}))[0] == status


@pytest.mark.parametrize(
    ("created", "expires", "status", "in_time"),
    [
        ("2026-11-20T00:00:00Z", NOW + DAY, "waived", "pass"),
        ("2026-11-20T00:00:00Z", NOW, "fail", "fail"),
        ("2026-11-20T00:00:00Z", NOW + datetime.timedelta(seconds=1), "waived", "pass"),
        (NOW, NOW + DAY, "waived", "pass"),
        (NOW + datetime.timedelta(seconds=1), NOW + DAY, "fail", "fail"),
    ],
)
def test_it_holds_to_the_second(created, expires, status, in_time):
    moments = {"created": str(created).replace(" ", "T"), "expires": str(expires).replace(" ", "T")}
    found = judgement(moments)
    assert statuses(found) == [status, "fail", "fail"]
    assert status_of(found, "POP3S-WVR-001", None) == in_time


def test_an_end_in_another_zone_is_the_moment_it_says():
    ends = (NOW + datetime.timedelta(hours=1)).astimezone(datetime.timezone(datetime.timedelta(hours=9)))
    assert statuses(judgement({"expires": ends.isoformat()}))[0] == "waived"


def test_what_was_not_seen_stays_what_it_is():
    seen = [unanswered(FILTERED, one) for one in TARGETS]
    plain = judged(seen, plan=PLAN, targets=TARGETS, profile=PROFILE)
    waived = judgement({"hosts": '["*"]', "allow_broad": "true"}, seen=seen)
    assert statuses(waived) == statuses(plain)
    assert "waived" not in statuses(waived)


def test_nothing_but_a_fail_is_touched():
    plan = [HostPlan("mx1", Intent.SERVE), *PLAN[1:]]
    found = judgement({}, plan=plan)
    assert status_of(found, EMPTY_CHECK, "mx1") == "pass"


def test_a_waiver_that_lives_too_long_for_the_severity_waives_nothing():
    found = judgement({"expires": "2027-01-20T00:00:00Z"})
    assert statuses(found) == ["fail"] * 3
    result = result_of(found, "POP3S-WVR-006", None)
    assert result.status is Status.FAIL
    assert "30 are allowed for critical" in result.message
    assert status_of(judgement({}), "POP3S-WVR-006", None) == "pass"


def test_a_host_with_a_waived_fail_is_waived_as_a_whole_only_where_nothing_is_worse():
    found = judgement({})
    worst = {r.status for r in found.results if r.host == "mx1"}
    assert (found.host_status["mx1"] is Status.WAIVED) == (not worst & {Status.FAIL, Status.ERROR, Status.NOT_TESTED,
                                                                       Status.UNREACHABLE, Status.MANUAL})


@pytest.mark.parametrize(
    ("entry", "status"),
    [({}, "pass"), ({"hosts": "[mx9]"}, "fail"), ({"checks": "[POP3S-CERT-013]"}, "fail")],
)
def test_a_waiver_that_nothing_needs_is_told(entry, status):
    assert status_of(judgement(entry), "POP3S-WVR-002", None) == status


def test_a_waiver_for_what_was_not_seen_is_not_called_unused():
    seen = [unanswered(FILTERED, TARGETS[0]), session(TARGETS[1]), session(TARGETS[2])]
    plan = [HostPlan("mx1", Intent.SERVE), *PLAN[1:]]
    found = judgement({"checks": "[POP3S-VER-001]"}, seen=seen, plan=plan)
    assert status_of(found, "POP3S-WVR-002", None) == "not_tested"


def test_a_waiver_for_what_passes_by_now_is_told():
    plan = [HostPlan("mx1", Intent.SERVE), *PLAN[1:]]
    assert status_of(judgement({}, plan=plan), "POP3S-WVR-005", None) == "fail"
    assert status_of(judgement({}), "POP3S-WVR-005", None) == "pass"


def test_whether_it_is_still_needed_is_not_known_where_some_of_it_was_not_seen():
    plan = [HostPlan(f"mx{n}", Intent.SERVE) for n in (1, 2, 3)]
    seen = [session(TARGETS[0]), unanswered(FILTERED, TARGETS[1]), session(TARGETS[2])]
    found = judgement({"hosts": "[mx1, mx2]", "checks": "[POP3S-VER-001]"}, seen=seen, plan=plan)
    assert status_of(found, "POP3S-WVR-005", None) == "not_tested"


@pytest.mark.parametrize(("hosts", "status"), [('["mx[12]"]', "fail"), ("[mx1]", "pass")])
def test_a_waiver_for_most_of_the_fleet_is_told(hosts, status):
    assert status_of(judgement({"hosts": hosts}), "POP3S-WVR-003", None) == status


@pytest.mark.parametrize(("days", "status"), [(29, "fail"), (30, "fail"), (31, "pass")])
def test_an_end_within_thirty_days_is_told(days, status):
    found = judgement({"expires": (NOW + days * DAY).isoformat(), "checks": "[POP3S-VER-003]"})
    assert status_of(found, "POP3S-WVR-004", None) == status


@pytest.mark.parametrize("check", WVR)
def test_without_waivers_their_checks_do_not_apply(check):
    found = judged([session(TARGETS[0])], plan=PLAN[:1], targets=TARGETS[:1], profile=PROFILE)
    assert status_of(found, check, None) == "not_applicable"


def test_the_order_of_waivers_and_observations_changes_nothing():
    entries = [{"id": f"W-{n}", "hosts": f"[mx{n}]"} for n in (1, 2, 3)]
    seen = [session(one) for one in TARGETS]
    found = {
        tuple((r.host, r.check_id, r.status, r.waiver) for r in judgement(*entries, seen=list(order)).results)
        for order in itertools.permutations(seen)
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"checks": "[POP3S-COV-000]"}, "can't be waived"),
        ({"checks": "[POP3S-FLT-001]"}, "can't be waived"),
        ({"checks": "[POP3S-WVR-001]"}, "can't be waived"),
        ({"checks": "[POP3S-NOPE-001]"}, "there is no check 'POP3S-NOPE-001'"),
        ({"checks": "[]"}, "at least one entry"),
        ({"checks": "POP3S-VER-001"}, "a list with at least one entry"),
        ({"approved_by": "A@example.org"}, "asked for it too: another has to approve"),
        ({"expires": "2026-12-20"}, "a time without a zone"),
        ({"expires": "2026-12-20T00:00:00"}, "a time without a zone"),
        ({"expires": "20.12.2026"}, "no time"),
        ({"expires": "2026-13-20T00:00:00Z"}, "month must be"),
        ({"expires": "2026-11-19T00:00:00Z"}, "expires before it is created"),
        ({"reason": ""}, "lacks reason"),
        ({"reason": '""'}, "a text of 1 to 1000 characters"),
        ({"until": "2027-01-01"}, "'until' is not understood"),
        ({"hosts": "[300.1.2.0/24]"}, "is no network"),
        ({"hosts": "[192.0.2.1/24]"}, "is no network: 192.0.2.1/24 has host bits set"),
        ({"hosts": '["group:"]'}, "names no group"),
        ({"allow_broad": "maybe"}, "true or false"),
        ({"ticket": "&a x"}, None),
        ({"ticket": "*a"}, "aliases"),
        ({"ticket": "!!python/object:os.system x"}, "tags"),
        ({"ticket": '"a\\x1b[2Jb"'}, "control characters"),
    ],
)
def test_bad_input_is_refused_with_file_and_line(entry, words):
    if words is None:
        assert waivers(entry).entries
        return
    with pytest.raises(WaiverError, match=r"^w\.yml:\d+: ") as told:
        waivers(entry)
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "the file is empty"),
        (b"\xff\xfe", "no UTF-8"),
        (b"schema: port995/waivers/2\nwaivers: []", "w.yml:1: schema is 'port995/waivers/2'"),
        (b"schema: port995/waivers/1\nwaivers: []", "at least one entry"),
        (b"schema: port995/waivers/1\nschema: x\nwaivers: []", "w.yml:2: the key 'schema' stands twice"),
        (b"- a", "the file is a list, a mapping is expected"),
        (b"a: [", "is no YAML"),
        (b"[" * 5000, "nested more than 20 deep"),
        (b"x" * 2_000_000, "larger than"),
        (text({}, {}), "the id 'W-1' stands in line 3 too"),
    ],
)
def test_a_bad_file_is_refused(raw, words):
    with pytest.raises(WaiverError) as told:
        read_waivers(raw, "w.yml")
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("hosts", "refused"),
    [
        ('["*"]', True),
        ('["mx*"]', True),
        ("[group:all]", True),
        ("[192.0.2.0/24]", True),
        ("[0.0.0.0/0]", True),
        ("[mx1, mx2, mx3]", True),
        ('["mx[12]"]', False),
        ("[group:legacy]", False),
        ("[mx1]", False),
    ],
)
def test_a_waiver_for_the_whole_fleet_has_to_say_so(hosts, refused):
    addresses = {f"mx{n}": [f"192.0.2.{n}"] for n in (1, 2, 3)}
    if refused:
        with pytest.raises(WaiverError, match=r"w\.yml:3: waiver W-1 is for the whole fleet"):
            refuse_broad(waivers({"hosts": hosts}), PLAN, addresses, "w.yml")
    else:
        refuse_broad(waivers({"hosts": hosts}), PLAN, addresses, "w.yml")
    refuse_broad(waivers({"hosts": hosts, "allow_broad": "true"}), PLAN, addresses, "w.yml")


def test_a_single_host_that_is_named_is_not_the_whole_fleet():
    refuse_broad(waivers({"hosts": "[mx1]"}), PLAN[:1], {}, "w.yml")


def test_a_waiver_of_a_closed_host_lets_companions_be():
    """What is about another service of the host is another check."""
    seen = [session(one) for one in TARGETS] + [refused_companion(TARGETS[0])]
    assert statuses(judgement({}, seen=seen))[0] == "waived"


def test_the_published_schema_takes_what_is_read_and_refuses_what_is_not():
    validator = jsonschema.Draft202012Validator(schema.load("waivers-1"))
    good = yaml.load(text({"allow_broad": "true", "endpoints": "[a]"}), Loader=yaml.BaseLoader)
    validator.validate(good)
    for spoilt in ({"expires": "2026-12-20"}, {"until": "x"}, {"checks": "[]"}, {"reason": ""}, {"allow_broad": "maybe"}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(yaml.load(text(spoilt), Loader=yaml.BaseLoader))
        with pytest.raises(WaiverError):
            waivers(spoilt)


def test_a_host_that_stands_for_many_is_most_of_the_fleet():
    plan = [HostPlan(host.name, host.intent, count=7 if host.name == "mx1" else 1) for host in PLAN]
    found = result_of(judgement({}, plan=plan), "POP3S-WVR-003", None)
    assert found.status is Status.FAIL and "for 7 of 9 hosts" in found.message
