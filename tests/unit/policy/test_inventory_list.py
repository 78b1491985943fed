# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of hosts against the inventory: who is missing fails, what can't be told is not tested, silence never passes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from port995.evidence.begin import chosen
from port995.policy.model import HostPlan, Intent, Judgement
from port995.policy.population import CLOSED, FILTERED, OPEN, Listed, ListedName, Population, plain_address, plain_name
from port995.policy.registry import WITH_INPUT, all_checks
from port995.probe.model import Resolution

from .seen import BASELINE, companion, judged, result_of, session, target

UNSEEN, UNKNOWN = "POP3S-INV-001", "POP3S-INV-002"
NAMED = target(address="mail.example.org")
STRANGER = "203.0.113.9"
WITH_LIST = BASELINE.with_checks(WITH_INPUT["population.csv"])


def listed(*hosts: Listed, **more: Any) -> Population:
    return Population("hosts.csv", hosts, **more)


def told(population: Population | None, **options: Any) -> Judgement:
    """The judgement of a run over one host, mx at 192.0.2.1."""
    options = {"profile": WITH_LIST, **options} if population is not None else options
    return judged(options.pop("observations", [session(), companion()]), population=population, **options)


def verdict(population: Population | None, **options: Any) -> tuple[str, str]:
    """Status of both checks."""
    judgement = told(population, **{"profile": WITH_LIST, **options})
    return (result_of(judgement, UNSEEN, None).status.value, result_of(judgement, UNKNOWN, None).status.value)


@pytest.mark.parametrize(
    "host",
    [
        Listed((), ("192.0.2.1",), OPEN),
        Listed((), ("::ffff:192.0.2.1",), OPEN),
        Listed(("mx",), ()),
        Listed(("MX.",), ()),
        Listed(("mx",), ("10.0.0.1",)),
        Listed(("another name",), ("192.0.2.1", "10.0.0.1"), FILTERED),
    ],
)
def test_a_host_that_the_inventory_has_passes(host: Listed) -> None:
    assert verdict(listed(host)) == ("pass", "pass")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (Listed((), (STRANGER,), OPEN), ("fail", "fail")),
        (Listed((), (STRANGER,), CLOSED), ("pass", "fail")),
        (Listed((), (STRANGER,), FILTERED), ("not_tested", "fail")),
        (Listed((), (STRANGER,)), ("not_tested", "fail")),
        (Listed(("other.example.org",), ("2001:db8::9",)), ("not_tested", "fail")),
        # The inventory has the name, and looks elsewhere: what serves there is seen by nobody.
        (Listed(("mx",), (STRANGER,), OPEN), ("fail", "pass")),
    ],
)
def test_a_stranger_fails(host: Listed, expected: tuple[str, str]) -> None:
    assert verdict(listed(host)) == expected
    assert verdict(listed(Listed(("mx",), ()), host)) == expected


def test_what_a_name_points_back_to_makes_nobody_known() -> None:
    """Pointers are written by who owns the address; a reader of Nmap's files keeps them out of `Listed.names`."""
    assert verdict(listed(Listed((), (STRANGER,), OPEN))) == ("fail", "fail")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((ListedName("other.example.org", "resolved", ("192.0.2.1",)),), ("pass", "pass")),
        ((ListedName("other.example.org", "resolved", (STRANGER,)),), ("not_tested", "fail")),
        ((ListedName("other.example.org", "not-found"),), ("not_tested", "not_tested")),
        ((ListedName("other.example.org", "timeout"),), ("not_tested", "not_tested")),
        ((ListedName("other.example.org", "not-tested"),), ("not_tested", "not_tested")),
        ((), ("not_tested", "not_tested")),
    ],
)
def test_a_name_is_what_it_led_to(names: Sequence[ListedName], expected: tuple[str, str]) -> None:
    population = listed(Listed(("other.example.org",), ()), names={one.name: one for one in names})
    assert verdict(population) == expected


def test_addresses_that_names_of_the_inventory_resolved_to_are_known() -> None:
    seen = [session(NAMED, address="192.0.2.7"), companion(NAMED, address="192.0.2.7")]
    seen = [dataclasses.replace(one, resolution=Resolution("resolved", ("192.0.2.7", "192.0.2.8"))) for one in seen]
    for address in ("192.0.2.7", "192.0.2.8"):
        assert verdict(listed(Listed((), (address,), OPEN)), observations=seen, targets=[NAMED]) == ("pass", "pass")
    assert verdict(listed(Listed((), ("192.0.2.9",), OPEN)), observations=seen, targets=[NAMED]) == ("fail", "fail")


def test_while_a_host_of_the_inventory_has_no_known_address_a_stranger_may_be_that_one() -> None:
    lost = [dataclasses.replace(session(NAMED, address=None), resolution=Resolution("not-found"), tcp=None, tls=None)]
    plans = {
        "did not resolve": {"observations": lost, "targets": [NAMED]},
        "was lost": {"observations": [], "targets": [NAMED]},
        "can't be read": {"plan": [HostPlan("mx", Intent.SERVE, ("pop3s_address: x",))], "targets": []},
        "was left out": {"plan": [HostPlan("mx", excluded="--limit")], "targets": []},
    }
    for why, options in plans.items():
        assert verdict(listed(Listed((), (STRANGER,), OPEN)), **options) == ("not_tested", "not_tested"), why
    message = result_of(told(listed(Listed((), (STRANGER,))), **plans["was lost"]), UNKNOWN, None).message
    assert "it may be mx" in message


def test_a_host_that_was_left_out_is_known_by_what_it_declares() -> None:
    plan = [HostPlan("mx", excluded="out of scope: x", variables={"pop3s_address": "192.0.2.66"})]
    options: dict[str, Any] = {"plan": plan, "targets": [], "observations": []}
    assert verdict(listed(Listed((), ("192.0.2.66",), OPEN)), **options) == ("pass", "pass")
    assert verdict(listed(Listed((), (STRANGER,), OPEN)), **options) == ("fail", "fail")


@pytest.mark.parametrize(
    "population", [listed(), listed(dark=254), listed(dark=3, problems=("hosts.xml is cut off",))]
)
def test_a_list_that_says_nothing_passes_nothing(population: Population) -> None:
    assert verdict(population) == ("not_tested", "not_tested")


def test_a_list_that_is_not_whole_passes_nothing_and_what_it_shows_fails() -> None:
    broken = {"problems": ("hosts.xml: it ends before its end",)}
    assert verdict(listed(Listed(("mx",), ()), **broken)) == ("not_tested", "not_tested")
    assert verdict(listed(Listed((), (STRANGER,), OPEN), **broken)) == ("fail", "fail")


def test_addresses_without_a_sign_of_life_are_told() -> None:
    judgement = told(listed(Listed(("mx",), ()), dark=254))
    for check in (UNSEEN, UNKNOWN):
        assert "254 addresses gave no sign of life" in result_of(judgement, check, None).message


def test_every_stranger_is_in_the_evidence_and_hostile_names_are_escaped() -> None:
    hosts = [Listed((), (f"203.0.113.{number}",), OPEN, f"line {number}") for number in range(200)]
    hosts.append(Listed(("\x1b[2J\u202e",), ("203.0.113.250",), OPEN))
    result = result_of(told(listed(*hosts)), UNKNOWN, None)
    assert result.message.startswith("201 of 201 listed hosts are not in the inventory: 203.0.113.0 (line 0); ")
    assert len(result.evidence) == 201 and "\x1b" not in "".join(result.evidence)


def test_the_checks_are_made_only_where_there_is_a_list_and_then_whatever_profile_and_choice() -> None:
    both = {UNSEEN, UNKNOWN}
    for name in ("population.csv", "population.xml", "population.gz"):
        assert both <= set(chosen(BASELINE, "POP3S-PORT-001", dns=False, crls=False, inputs=[name]).checks)
    assert not both & set(chosen(BASELINE, "", dns=False, crls=True, inputs=["waivers.yml"]).checks)
    assert not both & {one.check_id for one in told(None).results}


def test_a_profile_that_demands_a_list_is_not_met_without() -> None:
    assert verdict(None) == ("not_tested", "not_tested")


def test_losing_or_spoiling_what_was_seen_makes_no_stranger_known() -> None:
    population = listed(Listed((), ("192.0.2.1",), OPEN), Listed((), (STRANGER,), OPEN))
    for observations in ([], [session()], [companion()], [session(run_id="1" * 32)]):
        assert verdict(population, observations=observations)[1] == "fail"


def test_spellings() -> None:
    assert plain_address(" [2001:DB8:0::1%eth0] ") == "2001:db8::1" and plain_address("192.0.2.1 x") == ""
    assert plain_name("Mail.Example.ORG.") == "mail.example.org"
    assert plain_name("Bücher.example") == "xn--bcher-kva.example"
    assert all(check in all_checks() for check in (UNSEEN, UNKNOWN))
