# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks for what fails, a list of what nothing mends: every fail in one of both, nothing hostile in any."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from port995.evidence.conclude import conclude
from port995.evidence.remediate import remediation_of, sorted_out, write
from port995.evidence.run_folder import RunError
from port995.policy.gate import gate
from port995.policy.model import Disposition, HostPlan, Intent, Judgement, Status, View, Views
from port995.policy.remedies import Remedy
from port995.report.json_report import to_json
from port995.report.remediation import Remediation, playbook_of, to_markdown
from tests.unit.report.judgements import HOSTILE, coverage_result, header_of, judgement_of, result

from .runs import HOSTS, NOW, OPEN, all_seen, finished_probe

ROLES = Path(__file__).resolve().parents[3] / "roles"


def views(host: str, state: str, port: int = 995) -> Views:
    return Views(host, f"192.0.2.1:{port}", (View("a", "outside", None, "192.0.2.1", 4, state, "x"),))


def fails(host: str, *checks: str, port: int = 995, **more: Any) -> list[Any]:
    return [result(host, Status.FAIL, check, f"192.0.2.1:{port}", **more) for check in checks]


def report_of(hosts: dict[str, tuple[Intent | None, str, list[Any]]], counts: dict[str, int] | None = None) -> Any:
    """``report.json`` of hosts: what they are meant to be, the state of their port, their results."""
    results = [one for _intent, _state, found in hosts.values() for one in found]
    results += [coverage_result(name) for name in hosts]
    judgement: Judgement = judgement_of(results, dict.fromkeys(hosts, Disposition.ASSESSED))
    judgement = dataclasses.replace(
        judgement, views=tuple(views(name, state) for name, (_i, state, _r) in hosts.items()), counts=counts or {}
    )
    plan = tuple(HostPlan(name, intent) for name, (intent, _s, _r) in hosts.items())
    return json.loads(json.dumps(to_json(judgement, gate(judgement), header_of(judgement, plan=plan))))


def remediation(report: Any) -> Remediation:
    groups, by_hand = sorted_out(report)
    return Remediation("0" * 32, 1, "a" * 64, groups, by_hand, 0, 0)


def fleet() -> Any:
    return report_of({
        "old.example": (Intent.CLOSED, "open", fails("old.example", "POP3S-PORT-001")),
        "older.example": (Intent.CLOSED, "open", fails("older.example", "POP3S-PORT-001", port=1995)),
        "in.example": (Intent.INTERNAL, "open", fails("in.example", "POP3S-PORT-001", "POP3S-VER-003")),
        "mx1.example": (Intent.SERVE, "open", fails("mx1.example", "POP3S-VER-003", "POP3S-CERT-003")),
        "mx2.example": (Intent.SERVE, "open", fails("mx2.example", "POP3S-CIPH-004", "POP3S-CLR-002")),
        "mx3.example": (Intent.SERVE, "open", fails("mx3.example", "POP3S-CIPH-004")),
        "good.example": (Intent.SERVE, "open", [result("good.example", Status.PASS, "POP3S-VER-003", "192.0.2.1:995")]),
        "dark.example": (Intent.SERVE, "untold", [result("dark.example", Status.UNREACHABLE, "POP3S-PORT-001", "192.0.2.1:995")]),
    })  # fmt: skip


def test_hosts_that_the_same_thing_mends_are_one_group() -> None:
    found = remediation(fleet())
    assert {name: (group.hosts, dict(group.variables)) for name, group in found.names.items()} == {
        "close-1.yml": (("older.example",), {"close_ports": [1995]}),
        "close-2.yml": (("old.example",), {"close_ports": [995]}),
        "restrict.yml": (("in.example",), {"ports": [995]}),
        "enforce-1.yml": (
            ("in.example", "mx1.example", "mx3.example"),
            {"enforce_profile": "{{ playbook_dir }}/profile.yml", "enforce_cleartext": "keep", "enforce_firewall": "keep"},
        ),
        "enforce-2.yml": (
            ("mx2.example",),
            {
                "enforce_profile": "{{ playbook_dir }}/profile.yml", "enforce_cleartext": "stls",
                "enforce_firewall": "keep",
            },
        ),
    }  # fmt: skip
    assert [(one.host, one.check_id) for one in found.by_hand] == [("mx1.example", "POP3S-CERT-003")]


@pytest.mark.parametrize(
    ("intent", "check", "firewall"),
    [
        (Intent.SERVE, "POP3S-PORT-001", "absent"),
        (Intent.SERVE, "POP3S-VER-003", "keep"),
        (Intent.INTERNAL, "POP3S-VER-003", "keep"),
    ],
)
def test_rules_of_a_firewall_go_only_where_the_port_is_to_be_open_to_all(
    intent: Intent, check: str, firewall: str
) -> None:
    (group,) = remediation(report_of({"mx": (intent, "closed", fails("mx", check))})).groups
    assert dict(group.variables)["enforce_firewall"] == firewall


def test_every_fail_is_in_a_playbook_or_in_the_list_and_nothing_else_is() -> None:
    report = fleet()
    found = remediation(report)
    told = Counter((one.host, one.check_id) for group in found.groups for one in group.mends)
    told.update((one.host, one.check_id) for one in found.by_hand)
    assert told == Counter((one["host"], one["check_id"]) for one in report["results"] if one["status"] == "fail")
    assert not {"good.example", "dark.example"} & {host for host, _check in told}


@pytest.mark.parametrize(
    "name",
    ["all", "localhost", "*", "!old", "a:b", "a,b", "~x.*", "@file", "{{ lookup('pipe', 'id') }}", "-e", "a b", "a\nb",
     "a[1:3]", "", "fe80::1%eth0", HOSTILE, "A" * 65536],
)  # fmt: skip
def test_a_name_that_is_more_than_a_name_to_ansible_is_for_people(name: str) -> None:
    report = report_of({name: (Intent.CLOSED, "open", fails(name, "POP3S-PORT-001", message=HOSTILE))})
    found = remediation(report)
    assert found.groups == ()
    (hand,) = found.by_hand
    assert "pattern or a template" in hand.why
    text = to_markdown(found)
    assert all(one.isprintable() or one == "\n" for one in text)
    assert "{{" not in text.replace(r"\{\{", "")


@pytest.mark.parametrize("name", ["mx1", "mx-1.example.org", "192.0.2.1", "2001:db8::1", "a_b"])
def test_plain_names_and_addresses_are_taken(name: str) -> None:
    found = remediation(report_of({name: (Intent.CLOSED, "open", fails(name, "POP3S-PORT-001"))}))
    assert found.groups[0].hosts == (name,)
    assert yaml.safe_load(playbook_of(found.groups[0], "0" * 32))[0]["hosts"] == [name]


def test_nothing_that_a_host_said_is_in_a_playbook() -> None:
    words = fails("mx.example", "POP3S-VER-003", "POP3S-PORT-001", message=HOSTILE, observed=HOSTILE, evidence=(HOSTILE,))
    report = report_of({"mx.example": (Intent.SERVE, "closed", words)})
    (group,) = remediation(report).groups
    (play,) = yaml.safe_load(playbook_of(group, "0" * 32))

    def texts(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [text for key, item in value.items() for text in (*texts(key), *texts(item))]
        return [text for item in value for text in texts(item)] if isinstance(value, list) else [str(value)]

    ours = texts(play)
    assert "mx.example" in ours
    assert not [text for text in ours if "script" in text or "ATTACHMENT" in text or "\x1b" in text]


def test_addresses_that_were_told_together_are_no_host() -> None:
    report = report_of(
        {"192.0.2.0-9": (Intent.CLOSED, "open", fails("192.0.2.0-9", "POP3S-PORT-001"))}, {"192.0.2.0-9": 10}
    )
    found = remediation(report)
    assert found.groups == () and "several addresses" in found.by_hand[0].why


def test_who_is_inside_is_asked_for_and_never_guessed() -> None:
    report = report_of({"in.example": (Intent.INTERNAL, "open", fails("in.example", "POP3S-PORT-001"))})
    (group,) = remediation(report).groups
    first, second = yaml.safe_load(playbook_of(group, "0" * 32))[0]["tasks"]
    assert first["ansible.builtin.assert"]["that"] == ["remediate_networks | default([]) | length > 0"]
    assert second["port995.pop3s.pop3s_firewall"]["state"] == "restricted"


@pytest.mark.parametrize("remedy", [Remedy.CLOSE, Remedy.ENFORCE])
def test_a_role_is_given_only_variables_that_it_has(remedy: Remedy) -> None:
    specification = ROLES / remedy.value / "meta" / "argument_specs.yml"
    if not specification.is_file():
        pytest.skip(f"there is no role {remedy.value} yet")
    options = yaml.safe_load(specification.read_text())["argument_specs"]["main"]["options"]
    for group in remediation(fleet()).groups:
        if group.remedy is remedy:
            for name, value in group.variables:
                assert name in options
                assert not options[name].get("choices") or value in options[name]["choices"]


def a_run(folder: Path) -> Path:
    """A finished run in which two hosts are open that are to be closed."""
    run = finished_probe(folder, all_seen(tcp=OPEN))
    conclude(run, at=NOW)
    return folder


def test_a_run_becomes_a_folder(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    found = remediation_of(run)
    files = write(run, found, tmp_path / "out")
    assert sorted(files) == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    document = json.loads((tmp_path / "out" / "remediation.json").read_text())
    report = json.loads((run / "report.json").read_text())
    assert document["schema"] == "port995/remediation/1"
    listed = sum(len(one["mends"]) for one in document["playbooks"]) + len(document["by_hand"])
    assert listed == report["counts"]["fail"] > 0
    (playbook,) = document["playbooks"]
    assert (playbook["file"], playbook["hosts"]) == ("close.yml", list(HOSTS))
    assert document["open"] == sum(report["counts"][word] for word in ("error", "unreachable", "not_tested", "manual"))


def test_a_run_that_can_t_be_vouched_for_gives_no_playbook(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    (run / "report.json").write_text((run / "report.json").read_text().replace("one.example", "any.example"))
    with pytest.raises(RunError):
        remediation_of(run)


def test_a_folder_that_is_there_is_not_written_into(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    with pytest.raises(RunError, match="is there already"):
        write(run, remediation_of(run), tmp_path)
