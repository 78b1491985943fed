# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes along with a handshake: each check passes, fails, can't be determined, and does not apply."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from port995.policy.known_primes import known_primes
from port995.policy.profile import load_profile, read_profile
from port995.probe.model import Hello, Observation

from .certificates import chain, good_leaf
from .hellos import ALERT, good_hellos, hello_of, questions, taken
from .seen import CONTROLLER, companion, good_tls, judged, result_of, session, status_of, target

STRICT = load_profile("strict")
OWN = read_profile(
    STRICT.raw.replace(b"id: strict", b"id: own")
    + b"  POP3S-DH-002: {}\n  POP3S-DOWN-002: {}\n  POP3S-ALPN-001: {}\n  POP3S-TOL-001: {}\n",
    "own.yml",
)
LEAF = chain(good_leaf())[0]


def hellos(**answers: dict[str, Any]) -> tuple[Hello, ...]:
    return good_hellos(LEAF, "strict", **answers)


def found(check: str, seen: Observation) -> str:
    aim = target(pop3_port=None)
    return status_of(judged([dataclasses.replace(seen, target=aim)], targets=[aim], profile=OWN), check)


def only_13() -> tuple[Hello, ...]:
    """A server of TLS 1.3 alone: the control of TLS 1.2 is refused behind an answered one of TLS 1.3."""
    asked = questions("strict")
    answer = taken(0x1301, 0x0304, outcome="hello-retry-request", group=0x001D, answer_extensions=(43, 51))
    first = hello_of(asked["control-1.3"], answer)
    refused = [hello_of(dataclasses.replace(asked["suites-dhe"]), ALERT), hello_of(asked["control-1.2"], ALERT)]
    everything = dataclasses.replace(asked["control-dhe"], id="suites-dhe")
    others = [
        hello for hello in hellos(extras=ALERT, signatures_ecdsa=ALERT, signatures_rsa=ALERT)
        if not hello.question.startswith("control") and hello.question != "suites-dhe"
    ]  # fmt: skip
    return (first, *refused, hello_of(everything, ALERT), *others)


@pytest.mark.parametrize("check", ["RENEG-001", "EMS-001", "DOWN-001", "COMP-001"])
def test_a_good_server_passes(check: str) -> None:
    assert found(check, session(hellos=hellos())) == "pass"


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        ("RENEG-001", taken(answer_extensions=(23,))),
        ("EMS-001", taken(answer_extensions=(0xFF01,))),
        ("DOWN-001", taken(random_tail="0" * 16)),
        ("DOWN-001", taken(random_tail=b"DOWNGRD\x00".hex())),
        ("COMP-001", taken(compression=1)),
    ],
)
def test_what_is_missing_in_one_answer_fails(check: str, answer: dict[str, Any]) -> None:
    assert found(check, session(hellos=hellos(control_1_2=answer))) == "fail"


@pytest.mark.parametrize("check", ["RENEG-001", "EMS-001", "COMP-001"])
def test_what_no_answer_shows_is_not_tested(check: str) -> None:
    timeout = {"outcome": "timeout"}
    asked = hellos(control_1_2=timeout, extras=timeout, signatures_ecdsa=timeout, signatures_rsa=timeout)
    assert found(check, session(hellos=asked)) == "not_tested"


@pytest.mark.parametrize("outcome", ["timeout", "eof", "reset", "malformed", "early"])
def test_compression_that_was_not_answered_is_not_tested(outcome: str) -> None:
    assert found("COMP-001", session(hellos=hellos(extras={"outcome": outcome}))) == "not_tested"


@pytest.mark.parametrize("check", ["RENEG-001", "EMS-001", "DOWN-001", "COMP-001", "DH-001"])
def test_a_server_of_tls_1_3_alone_has_none_of_it(check: str) -> None:
    assert found(check, session(hellos=only_13())) == "not_applicable"


@pytest.mark.parametrize("check", ["RENEG-001", "EMS-001", "DOWN-001"])
def test_what_one_version_shows_says_nothing_of_another(check: str) -> None:
    lost = [
        dataclasses.replace(hello, outcome="timeout", alert=None) if hello.version == 0x0301 else hello
        for hello in good_hellos(chain(good_leaf())[0])
    ]
    assert found(check, session(hellos=tuple(lost))) == "not_tested"


def test_the_sentinel_is_owed_by_servers_of_tls_1_3_only() -> None:
    lower = dataclasses.replace(good_tls(), version="TLSv1.2", cipher_suite="ECDHE-RSA-AES128-GCM-SHA256")
    for library, status in (("OpenSSL 3.0.19", "not_applicable"), ("LibreSSL 2.8", "not_tested")):
        vantage = dataclasses.replace(CONTROLLER, openssl=library)
        old = session(vantage=vantage, tls=lower, hellos=hellos(control_1_2=taken(random_tail="")))
        assert found("DOWN-001", old) == status, library


def dhe(bits: int, public: str = "", prime: int | None = None) -> dict[str, Any]:
    return taken(0x009E, dh_bits=bits, dh_public=public * 64, signature=0x0804, certificate=0, dh_prime=prime)


def test_short_primes_fail_long_ones_pass() -> None:
    assert found("DH-001", session(hellos=hellos(suites_dhe=dhe(2048)))) == "pass"
    assert found("DH-001", session(hellos=hellos(suites_dhe=dhe(1024)))) == "fail"
    assert found("DH-001", session(hellos=hellos(suites_dhe=dhe(2048), control_1_2=dhe(2047)))) == "fail"


def test_a_long_prime_of_one_version_says_nothing_of_another() -> None:
    seen = list(hellos(suites_dhe=dhe(2048)))
    place = next(n for n, hello in enumerate(seen) if (hello.question, hello.version) == ("old-dhe", 0x0301))
    seen[place] = dataclasses.replace(seen[place], outcome="timeout", alert=None)
    assert found("DH-001", session(hellos=tuple(seen))) == "not_tested"


def test_a_prime_that_many_share_is_named() -> None:
    prime = next(number for number, name in known_primes().items() if name == "RFC 2409 group 2")
    seen = session(hellos=hellos(suites_dhe=dhe(1024, prime=0)), dh_primes=(prime.to_bytes(128, "big").hex(),))
    judgement = judged([seen, companion(hellos=hellos())], profile=OWN)
    assert "RFC 2409 group 2" in result_of(judgement, "DH-001").message


@pytest.mark.parametrize("answer", [{"outcome": "eof"}, {"outcome": "timeout"}, taken(0x009E, dh_bits=None)])
def test_dhe_that_was_not_settled_is_not_tested(answer: dict[str, Any]) -> None:
    assert found("DH-001", session(hellos=hellos(suites_dhe=answer))) == "not_tested"


def test_dhe_that_is_refused_has_no_parameters() -> None:
    asked = hellos()
    whole = dataclasses.replace(questions("strict")["control-dhe"], id="suites-dhe")
    asked = (*asked[:-1], hello_of(whole, ALERT), asked[-1])
    assert found("DH-001", session(hellos=asked)) == found("DH-002", session(hellos=asked)) == "not_applicable"


def test_a_public_value_that_comes_twice_fails() -> None:
    again = hellos(suites_dhe=dhe(2048, "a"), control_1_2=dhe(2048, "a"))
    fresh = hellos(suites_dhe=dhe(2048, "a"), control_1_2=dhe(2048, "b"))
    once = hellos(suites_dhe=dhe(2048, "a"))
    assert [found("DH-002", session(hellos=one)) for one in (again, fresh, once)] == ["fail", "pass", "not_tested"]


# Experiments


def experiment(question: str, answer: dict[str, Any], version: int = 0x0303) -> Hello:
    control = questions("strict")["control-1.2" if version == 0x0303 else "control-1.3"]
    return hello_of(dataclasses.replace(control, id=question), answer, experiment=True)


def with_experiments(*more: Hello) -> Observation:
    spoken = experiment("grease-1.3", taken(0x1301, 0x0304, group=0x001D), 0x0304)
    return session(hellos=(*hellos(), spoken, *more))


ALERTS = {number: {**ALERT, "alert": number} for number in (40, 86, 120)}


@pytest.mark.parametrize(
    ("twin", "tried", "status"),
    [
        (taken(), ALERTS[86], "pass"),
        (taken(), taken(), "fail"),
        (taken(), ALERTS[40], "not_tested"),
        (taken(), {"outcome": "eof"}, "not_tested"),
        ({"outcome": "timeout"}, ALERTS[86], "not_tested"),
    ],
)
def test_a_fallback_is_refused_by_its_own_alert(twin: dict[str, Any], tried: dict[str, Any], status: str) -> None:
    seen = with_experiments(experiment("fallback-twin", twin), experiment("fallback", tried))
    assert found("DOWN-002", seen) == status


def test_there_is_no_fallback_from_tls_1_3_alone() -> None:
    assert found("DOWN-002", session(hellos=only_13())) == "not_applicable"


@pytest.mark.parametrize(
    ("own", "foreign", "status"),
    [
        (taken(answered_alpn="pop3"), ALERTS[120], "pass"),
        (taken(), taken(), "fail"),
        (taken(), taken(answered_alpn="http/1.1"), "fail"),
        (taken(), {"outcome": "eof"}, "not_tested"),
        ({"outcome": "timeout"}, ALERTS[120], "not_tested"),
    ],
)
def test_a_foreign_protocol_is_refused_by_its_own_alert(
    own: dict[str, Any], foreign: dict[str, Any], status: str
) -> None:
    seen = with_experiments(experiment("alpn-pop3", own), experiment("alpn-foreign", foreign))
    assert found("ALPN-001", seen) == status


def trials(**answers: dict[str, Any]) -> list[Hello]:
    asked = []
    for question, version, suite in (
        ("grease-1.2", 0x0303, 0xC02F), ("long-1.2", 0x0303, 0xC02F), ("long-1.3", 0x0304, 0x1301),
        ("split-1.3", 0x0304, 0x1301),
    ):  # fmt: skip
        answer = answers.get(question.replace("-", "_").replace(".", "_"), taken(suite, version, group=0x001D))
        times = 2 if answer["outcome"] in ("eof", "timeout") and answer.get("detail") != "once" else 1
        asked += [experiment(question, answer, version)] * times
        if times > 1 and answer.get("detail") != "nothing between":
            asked.insert(-1, experiment("control-again", taken()))
    return asked


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({}, "pass"),
        ({"long_1_3": {"outcome": "timeout"}}, "fail"),
        ({"grease_1_2": ALERTS[40]}, "fail"),
        ({"split_1_3": {"outcome": "eof", "detail": "once"}}, "not_tested"),
        ({"split_1_3": {"outcome": "eof", "detail": "nothing between"}}, "not_tested"),
    ],
)
def test_unusual_hellos(answers: dict[str, Any], status: str) -> None:
    assert found("TOL-001", with_experiments(*trials(**answers))) == status


@pytest.mark.parametrize("check", ["DOWN-002", "ALPN-001", "TOL-001"])
def test_what_was_not_asked_is_not_tested(check: str) -> None:
    assert found(check, session(hellos=hellos())) == "not_tested"


def test_the_refusal_of_an_experiment_proves_nothing_of_its_suites() -> None:
    """Else a server that trips over long hellos would seem to refuse the groups of them."""
    whole = questions("strict")["groups-1.3"]
    left_open = hellos(groups_1_3={"outcome": "timeout"})
    tripped = hello_of(dataclasses.replace(whole, id="long-1.3"), ALERT, experiment=True)
    believed = hello_of(whole, ALERT)
    assert found("GRP-001", session(hellos=(*left_open, tripped))) == "not_tested"
    assert found("GRP-001", session(hellos=(*left_open, believed))) == "pass"
