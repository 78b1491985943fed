# SPDX-License-Identifier: GPL-3.0-or-later
"""Shards become one run: what one of them lost is missed, what two of them saw counts twice, and nobody falls out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from port995.cli import app
from port995.dns.journal import LookupWriter
from port995.dns.model import DNS_SCHEMA, DnsPlan, Lookup
from port995.evidence.bundle import make_bundle
from port995.evidence.conclude import Conclusion, conclude, read_gate
from port995.evidence.host_files import read_hosts, write_failure
from port995.evidence.judge_anew import OtherRules, judge_anew
from port995.evidence.merge import Expected, MergeError, merge
from port995.evidence.run_folder import RunError, RunFolder, VantagePlan, open_run
from port995.evidence.verify import verify_bundle
from port995.policy.inventory import plan_host
from port995.policy.model import Exit, HostPlan, Intent, Status
from port995.probe.journal import JournalWriter
from port995.probe.model import Observation, Target, Vantage
from port995.report.schema import load as load_schema

from .runs import HOSTS, NOW, OPEN, SOURCES, TARGETS, finished_probe, seen

CONTROLLER = VantagePlan("controller", "undeclared", SOURCES)


def shard(
    out: Path, number: int, hosts: tuple[str, ...], sources: tuple[str, ...] = SOURCES, intent: Intent = Intent.CLOSED,
    vantage: VantagePlan | None = None, keep: int | None = None, **more: Any,
) -> RunFolder:
    """A finished run over some of the hosts, each of which refuses as it should."""
    mine = tuple(target for target in TARGETS if target.hosts[0] in hosts)
    plan = tuple(HostPlan(name, intent) for name in hosts)
    vantage = vantage or VantagePlan("controller", "undeclared", sources)
    run_id = f"{number:032x}"
    found = [
        dataclasses.replace(
            seen(target, source, service), run_id=run_id, vantage=Vantage(vantage.name, vantage.side, families=(4,))
        )
        for target in mine for source in vantage.sources for service in ("pop3", "pop3s")
    ]  # fmt: skip
    run = finished_probe_of(
        out, found[:keep], vantage, **{"run_id": run_id, "plan": plan, "targets": mine, "vantages": (vantage,), **more}
    )
    conclude(run, at=NOW)
    return run


def finished_probe_of(out: Path, found: list[Observation], vantage: VantagePlan, **more: Any) -> RunFolder:
    run = finished_probe(out, found, **more)
    written, wanted = run.path / "journal-controller.jsonl", run.journal_path(vantage.name)
    written.rename(wanted)
    return run


def expected(*names: str, intent: Intent | None = None) -> list[Expected]:
    found = []
    for name in names:
        plan, targets = plan_host(name, {"pop3s_intent": (intent or Intent.SERVE).value})
        found.append(Expected(plan, targets, declares=intent is not None))
    return found


def merged(tmp_path: Path, *shards: RunFolder, names: tuple[str, ...] = HOSTS, **options: Any) -> Conclusion:
    run = merge([one.path for one in shards], expected(*names), "hosts.ini", tmp_path / "merged", **options)
    return conclude(open_run(run.path), at=NOW)


def why(conclusion: Conclusion, host: str | None, check: str = "POP3S-COV-000") -> str:
    return next(one.message for one in conclusion.judgement.results if (one.host, one.check_id) == (host, check))


def test_slices_of_one_fleet_are_one_run_with_one_equation(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS[:1]), shard(tmp_path / "2", 2, HOSTS[1:])
    found = merged(tmp_path, one, two)
    assert found.gate.exit is Exit.PASSED, found.gate.reasons
    assert str(found.judgement.coverage) == "inventory 2 = assessed 2 + unreachable 0 + excluded 0"
    assert read_gate(tmp_path / "merged") == found.gate


def test_journals_are_taken_over_byte_for_byte_and_the_header_names_the_shards(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS[:1]), shard(tmp_path / "2", 2, HOSTS[1:])
    merged(tmp_path, one, two)
    run = open_run(tmp_path / "merged")
    for number, part in enumerate((one, two), 1):
        assert run.journal_path(f"{number}/controller").read_bytes() == part.journal_path("controller").read_bytes()
    assert [(s.run_id, s.header_sha256) for s in run.header.shards] == [
        (part.header.run_id, part.header_sha256) for part in (one, two)
    ]
    jsonschema.validate(json.loads((tmp_path / "merged" / "run.json").read_text()), load_schema("run-1"))


def test_a_shard_that_is_missing_makes_its_hosts_unreachable(tmp_path: Path) -> None:
    found = merged(tmp_path, shard(tmp_path / "1", 1, HOSTS[:1]), names=(*HOSTS, "three.example"))
    assert found.gate.exit is Exit.INCOMPLETE
    assert str(found.judgement.coverage) == "inventory 3 = assessed 1 + unreachable 2 + excluded 0"
    assert found.judgement.host_status["three.example"] is Status.UNREACHABLE
    assert "no observation in the journal" in why(found, HOSTS[1])
    assert any("2 hosts of hosts.ini are in no shard" in note for note in open_run(tmp_path / "merged").header.notes)


def test_a_shard_of_nothing_but_a_header_is_missed_target_by_target(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS[:1]), shard(tmp_path / "2", 2, HOSTS[1:], keep=0)
    found = merged(tmp_path, one, two)
    assert found.judgement.host_status == {HOSTS[0]: Status.PASS, HOSTS[1]: Status.UNREACHABLE}
    assert "2/controller" in why(found, HOSTS[1])


def test_what_one_shard_lost_is_missed_though_another_saw_the_host(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS), shard(tmp_path / "2", 2, HOSTS[:1], keep=1)
    found = merged(tmp_path, one, two)
    assert found.judgement.host_status == {HOSTS[0]: Status.UNREACHABLE, HOSTS[1]: Status.PASS}
    assert "no observation in the journal from 2/controller" in why(found, HOSTS[0])


def test_of_a_host_in_two_shards_everything_that_was_seen_counts(tmp_path: Path) -> None:
    """From one address a port that refuses proves nothing; from two it does."""
    one, two = shard(tmp_path / "1", 1, HOSTS, SOURCES[:1]), shard(tmp_path / "2", 2, HOSTS, SOURCES[1:])
    for alone in (one, two):
        assert conclude(alone, at=NOW).gate.exit is Exit.INCOMPLETE
    assert merged(tmp_path, one, two).gate.exit is Exit.PASSED


def test_two_jobs_from_one_address_are_one_witness(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS, SOURCES[:1]), shard(tmp_path / "2", 2, HOSTS, SOURCES[:1])
    assert merged(tmp_path, one, two).gate.exit is Exit.INCOMPLETE


def test_what_one_of_two_shards_found_open_fails(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS), shard(tmp_path / "2", 2, HOSTS[:1], keep=0)
    (two.path / "journal-controller.jsonl").unlink()
    (two.path / "gate.json").unlink()
    lost = [dataclasses.replace(seen(TARGETS[0], source, service, OPEN if service == "pop3s" else seen(TARGETS[0], source).tcp),
                                run_id=two.header.run_id) for source in SOURCES for service in ("pop3", "pop3s")]  # fmt: skip
    with JournalWriter(str(two.journal_path("controller"))) as journal:
        for one_seen in lost:
            journal.append(one_seen)
    conclude(two, at=NOW)
    found = merged(tmp_path, one, two)
    assert found.gate.exit is Exit.FAILED
    assert {r.status for r in found.judgement.results if r.host == HOSTS[0] and r.check_id == "POP3S-PORT-001"} == {Status.FAIL}


def test_contradicting_intents_are_an_error_of_that_host_alone(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS), shard(tmp_path / "2", 2, HOSTS[:1], intent=Intent.SERVE)
    found = merged(tmp_path, one, two)
    assert found.judgement.host_status == {HOSTS[0]: Status.ERROR, HOSTS[1]: Status.PASS}
    assert "closed in shard 1" in why(found, HOSTS[0]) and "serve in shard 2" in why(found, HOSTS[0])


def test_an_intent_of_the_population_that_contradicts_is_an_error(tmp_path: Path) -> None:
    run = merge([shard(tmp_path / "1", 1, HOSTS).path], expected(*HOSTS, intent=Intent.SERVE), "hosts.ini", tmp_path / "m")
    found = conclude(run, at=NOW)
    assert set(found.judgement.host_status.values()) == {Status.ERROR}
    assert "serve in the population" in why(found, HOSTS[0])


def test_a_host_that_the_population_does_not_name_is_told(tmp_path: Path) -> None:
    found = merged(tmp_path, shard(tmp_path / "1", 1, HOSTS), names=HOSTS[:1])
    assert found.judgement.coverage.inventory == 2
    assert found.judgement.host_status == {HOSTS[0]: Status.PASS, HOSTS[1]: Status.ERROR}
    assert "does not name it" in why(found, HOSTS[1])


def test_a_list_may_name_hosts_by_their_address(tmp_path: Path) -> None:
    plan = HostPlan("somebody")
    run = merge([shard(tmp_path / "1", 1, HOSTS).path],
                [Expected(plan, (), ("192.0.2.1",)), *expected(HOSTS[1])], "hosts.csv", tmp_path / "m")  # fmt: skip
    assert conclude(run, at=NOW).judgement.host_status == dict.fromkeys(HOSTS, Status.PASS)


def test_a_host_that_one_shard_left_out_and_another_saw_is_assessed(tmp_path: Path) -> None:
    one = shard(tmp_path / "1", 1, HOSTS[:1],
                plan=(HostPlan(HOSTS[0], Intent.CLOSED), HostPlan(HOSTS[1], excluded="--limit")))  # fmt: skip
    two = shard(tmp_path / "2", 2, HOSTS[1:])
    assert merged(tmp_path, one, two).judgement.coverage.excluded == 0


def test_a_host_that_all_left_out_is_excluded_and_the_run_not_whole(tmp_path: Path) -> None:
    both = (HostPlan(HOSTS[0], Intent.CLOSED), HostPlan(HOSTS[1], excluded="--limit"))
    one = shard(tmp_path / "1", 1, HOSTS[:1], plan=both)
    assert merged(tmp_path, one).gate.exit is Exit.INCOMPLETE
    partly = merge([one.path], expected(*HOSTS), "hosts.ini", tmp_path / "partly", partial=True)
    assert conclude(partly, at=NOW).gate.exit is Exit.PASSED


def test_a_vantage_owes_what_its_shard_had_and_no_more(tmp_path: Path) -> None:
    """One shard over the outside of two hosts, another over the inside of one."""
    one = shard(tmp_path / "1", 1, HOSTS, vantage=VantagePlan("internet", "outside", SOURCES))
    two = shard(tmp_path / "2", 2, HOSTS[:1], vantage=VantagePlan("office", "inside", ("10.0.0.9",)))
    found = merged(tmp_path, one, two)
    assert found.judgement.host_status == dict.fromkeys(HOSTS, Status.PASS)
    (two.journal_path("office")).unlink()
    (two.path / "gate.json").unlink()
    conclude(two, at=NOW)
    run = merge([one.path, two.path], expected(*HOSTS), "hosts.ini", tmp_path / "again")
    found = conclude(run, at=NOW)
    assert found.judgement.host_status == {HOSTS[0]: Status.UNREACHABLE, HOSTS[1]: Status.PASS}
    assert "2/office" in why(found, None, "POP3S-FLT-001")


def test_a_shard_without_a_verdict_is_taken_and_told(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS[:1]), shard(tmp_path / "2", 2, HOSTS[1:])
    (two.path / "gate.json").unlink()
    assert merged(tmp_path, one, two).gate.exit is Exit.PASSED
    assert any("has no gate.json" in note for note in open_run(tmp_path / "merged").header.notes)


def test_a_shard_that_was_changed_after_its_verdict_is_taken_and_stops_the_gate(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS[:1]), shard(tmp_path / "2", 2, HOSTS[1:])
    with two.journal_path("controller").open("ab") as journal:
        journal.write(b"")
    report = two.path / "report.json"
    report.write_bytes(report.read_bytes() + b" ")
    found = merged(tmp_path, one, two)
    assert found.gate.exit is Exit.INCOMPLETE
    assert "its verdict can't be trusted" in why(found, None, "POP3S-FLT-001")


def test_a_journal_that_can_not_be_read_is_taken_and_told(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS[:1]), shard(tmp_path / "2", 2, HOSTS[1:])
    journal = two.journal_path("controller")
    journal.write_bytes(journal.read_bytes()[:-40])
    (two.path / "gate.json").unlink()
    conclude(two, at=NOW)
    found = merged(tmp_path, one, two)
    assert found.gate.exit is Exit.INCOMPLETE
    assert found.judgement.host_status == {HOSTS[0]: Status.PASS, HOSTS[1]: Status.UNREACHABLE}
    assert "is lost" in why(found, None, "POP3S-FLT-001")


def test_observations_of_another_run_in_a_shards_journal_do_not_count(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS[:1]), shard(tmp_path / "2", 2, HOSTS[1:])
    run = merge([one.path, two.path], expected(*HOSTS), "hosts.ini", tmp_path / "merged")
    mine, other = run.journal_path("1/controller"), run.journal_path("2/controller")
    other.write_bytes(mine.read_bytes())
    found = conclude(run, at=NOW)
    assert found.judgement.host_status == {HOSTS[0]: Status.PASS, HOSTS[1]: Status.UNREACHABLE}
    assert "not of shard" in why(found, None, "POP3S-FLT-001")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"profile_id": "other"}, "profile"),
        ({"checks": "safe"}, "choice of checks"),
        ({"dns": DnsPlan(("127.0.0.1:53",), "--resolver")}, "resolvers"),
    ],
)
def test_shards_of_different_rules_are_refused_with_what_to_do(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS[:1]), shard(tmp_path / "2", 2, HOSTS[1:], **change)
    with pytest.raises(MergeError, match=words) as told:
        merge([one.path, two.path], expected(*HOSTS), "hosts.ini", tmp_path / "m")
    assert "port995 judge" in str(told.value) or "run one of them again" in str(told.value)
    assert not (tmp_path / "m").exists()


def test_one_run_twice_and_a_merged_one_are_refused(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS[:1]), shard(tmp_path / "2", 2, HOSTS[1:])
    with pytest.raises(MergeError, match="are the same run"):
        merge([one.path, one.path], expected(*HOSTS), "hosts.ini", tmp_path / "m")
    merged(tmp_path, one, two)
    with pytest.raises(MergeError, match="was made of other runs itself"):
        merge([tmp_path / "merged", one.path], expected(*HOSTS), "hosts.ini", tmp_path / "m")
    with pytest.raises(MergeError, match="names no host"):
        merge([one.path], [], "hosts.ini", tmp_path / "m")
    with pytest.raises(RunError, match="already holds a run"):
        merge([one.path], expected(*HOSTS), "hosts.ini", tmp_path / "merged")


def test_the_order_of_the_shards_changes_no_verdict(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS), shard(tmp_path / "2", 2, HOSTS[:1], intent=Intent.SERVE)
    verdicts = []
    for number, order in enumerate(((one, two), (two, one))):
        run = merge([part.path for part in order], expected(*HOSTS), "hosts.ini", tmp_path / f"m{number}")
        found = conclude(run, at=NOW)
        verdicts.append((found.gate.exit, found.judgement.host_status, found.judgement.coverage))
    assert verdicts[0] == verdicts[1]


def test_merging_the_same_again_is_the_same_run(tmp_path: Path) -> None:
    one = shard(tmp_path / "1", 1, HOSTS)
    ids = {merge([one.path], expected(*HOSTS), "h", tmp_path / f"m{n}").header.run_id for n in (1, 2)}
    assert len(ids) == 1 and ids != {one.header.run_id}


def test_a_merged_run_can_be_bundled_verified_and_judged_anew(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS[:1]), shard(tmp_path / "2", 2, HOSTS[1:])
    merged(tmp_path, one, two)
    make_bundle(tmp_path / "merged", tmp_path / "bundle", None)
    found = verify_bundle(tmp_path / "bundle", None)
    assert found.sound and found.judged_again and not found.differences, found
    anew = judge_anew(open_run(tmp_path / "merged"), tmp_path / "anew", OtherRules("closed"), ("judge",))
    again = conclude(anew, at=NOW)
    assert again.judgement.coverage.assessed == 2


def lookup(run: RunFolder, address: str) -> Lookup:
    return Lookup(DNS_SCHEMA, run.header.run_id, "mx.example", "A", "x", "answered", addresses=(address,), started="t")


def test_lookups_that_agree_are_one_and_those_that_differ_stay_apart(tmp_path: Path) -> None:
    asks = {"dns": DnsPlan(("127.0.0.1:53",), "--resolver")}
    parts = [shard(tmp_path / str(n), n, HOSTS[n - 1 : n], **asks) for n in (1, 2)]
    for part in parts:
        with LookupWriter(part.dns_path) as writer:
            writer.append(lookup(part, "192.0.2.7"))
    run = merge([part.path for part in parts], expected(*HOSTS), "hosts.ini", tmp_path / "same")
    found, problems = run.lookups()
    assert not problems and [(one.run_id, one.addresses) for one in found] == [(run.header.run_id, ("192.0.2.7",))]
    with LookupWriter(parts[1].dns_path) as writer:
        writer.append(lookup(parts[1], "192.0.2.8"))
    run = merge([part.path for part in parts], expected(*HOSTS), "hosts.ini", tmp_path / "differ")
    found, problems = run.lookups()
    assert len(found) == 2 and not problems
    (run.path / "dns-2.jsonl").unlink()
    assert "dns-2.jsonl is missing" in " ".join(run.lookups()[1])
    (run.path / "dns-7.jsonl").write_text("")
    assert "dns-7.jsonl does not belong" in " ".join(run.lookups()[1])


def test_the_command_merges_under_a_list_and_ends_with_the_gate(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS[:1]), shard(tmp_path / "2", 2, HOSTS[1:])
    hosts = tmp_path / "hosts.csv"
    runner = CliRunner()

    def run(rows: str, out: str, *runs: RunFolder) -> tuple[int, str]:
        hosts.write_text(rows)
        said = runner.invoke(app, ["merge", *(str(part.path) for part in runs), "--population", str(hosts), "--out",
                                   str(tmp_path / out)])  # fmt: skip
        return said.exit_code, said.output

    code, said = run("name\none.example\ntwo.example\n", "a", one, two)
    assert "inventory 2 = assessed 2 + unreachable 0 + excluded 0" in said and code in (0, 3), said
    code, said = run("name\none.example\ntwo.example\n", "b", one)
    assert code == 3 and "inventory 2 = assessed 1 + unreachable 1 + excluded 0" in said, said
    assert run("what\nx\n", "c", one)[0] == 2
    assert run("name\none.example\n", "d", one, one)[0] == 2


def inside(run: RunFolder, host: str) -> None:
    write_failure(run.path, run.header.run_id, host, "failed", "no such program")


def test_what_hosts_showed_from_inside_is_taken_over_and_of_two_looks_none(tmp_path: Path) -> None:
    one = shard(tmp_path / "1", 1, HOSTS, inside=True)
    two = shard(tmp_path / "2", 2, HOSTS[:1], inside=True)
    for run, host in ((one, HOSTS[0]), (one, HOSTS[1]), (two, HOSTS[0])):
        inside(run, host)
        conclude(run, at=NOW)
    run = merge([one.path, two.path], expected(*HOSTS), "hosts.ini", tmp_path / "m")
    found, problems = read_hosts(run)
    assert list(found) == [HOSTS[1]] and not problems
    assert any("from inside in several shards" in note for note in run.header.notes)
    three = shard(tmp_path / "3", 3, HOSTS[:1])
    with pytest.raises(MergeError, match="from inside in one of them only"):
        merge([one.path, three.path], expected(*HOSTS), "hosts.ini", tmp_path / "n")


def test_the_header_of_shards_that_do_not_fit_is_refused(tmp_path: Path) -> None:
    merged(tmp_path, shard(tmp_path / "1", 1, HOSTS))
    path = tmp_path / "merged" / "run.json"
    document = json.loads(path.read_text())
    for change in ({"owes": [9]}, {"vantages": {"x": "controller"}}, {"dns": "../x"}, {"owes": [True]}):
        path.write_text(json.dumps({**document, "shards": [{**document["shards"][0], **change}]}))
        with pytest.raises(RunError, match="shard"):
            open_run(tmp_path / "merged")


def test_targets_are_joined(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", 1, HOSTS), shard(tmp_path / "2", 2, HOSTS[:1])
    run = merge([one.path, two.path], expected(*HOSTS), "hosts.ini", tmp_path / "m")
    assert run.header.targets == TARGETS
    assert [part.owes for part in run.header.shards] == [(0, 1), (0,)]
    assert isinstance(run.header.targets[0], Target)
