# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of asking, and when asking ends, against servers that are functions: no socket, no second to wait."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from port995.policy.offers import compile_offers
from port995.policy.profile import load_profile
from port995.probe.model import Hello, Question
from port995.probe.tls import exchange, interrogation
from port995.probe.tls.client_hello import SSL_2, SSL_3, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3, digits, numbers

from . import flights
from .scripted_line import Asked, ScriptedLine, ScriptedServer, Ssl2Hello, interrogate, question
from .test_certificate_key import certificate_of

GOOD = (0xC02F, 0x009E)
CONTROL = question("control", TLS_1_2, (0xC02F, 0x0035), control=True, groups=(0x001D, 0x0017), pad_to=600)
SHORT = question("control-short", TLS_1_2, (0xC02F,), control=True, groups=(0x001D,))
OLD_CONTROL = question("control-old", TLS_1_1, (0x0035, 0x002F), control=True, groups=(0x001D,))
WEAK = question(
    "weak", TLS_1_2, (0x0005, 0x000A, 0x0035, 0x002F), groups=(0x001D,),
    marks={"RC4": (0x0005,), "3DES": (0x000A,), "CBC": (0x000A, 0x0035, 0x002F), "RSA": (0x0005, 0x000A, 0x0035, 0x002F)},
)  # fmt: skip
OLD = question(
    "old", TLS_1_1, (0x0035, 0x002F, 0x000A), groups=(0x001D,), lower=True, marks={"CBC": (0x0035, 0x002F, 0x000A)},
)  # fmt: skip
TLS11 = dataclasses.replace(OLD, lower=False)
SSL2 = question("ssl2", SSL_2, (0x010080,))
MODERN = ScriptedServer((TLS_1_2, TLS_1_3), (0x1301, *GOOD))


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Back-off in milliseconds; the hello goes at once."""
    monkeypatch.setattr(exchange, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(interrogation, "BACK_OFF", (0.001, 0.002, 0.003))
    yield []


def ids(hellos: list[Hello]) -> list[str]:
    return [hello.question for hello in hellos]


def offered(hello: Hello) -> tuple[int, ...]:
    return numbers(hello.suites, 6 if hello.version == SSL_2 else 4)


# Controls


def test_the_first_control_that_is_answered_ends_the_controls() -> None:
    hellos, heard = interrogate(ScriptedLine(MODERN), [CONTROL, SHORT, OLD_CONTROL, WEAK, TLS11, SSL2])
    assert ids(hellos) == ["control", "weak", "old", "ssl2"]
    assert heard.ended == ""


def test_controls_are_asked_until_one_is_answered() -> None:
    old = ScriptedServer((TLS_1_0,), (0x0035,))
    hellos, heard = interrogate(ScriptedLine(old), [CONTROL, SHORT, OLD_CONTROL])
    assert ids(hellos) == ["control"], "a server of TLS 1.0 answers the first with TLS 1.0"
    picky = ScriptedServer((TLS_1_0,), (0x002F,))
    hellos, heard = interrogate(ScriptedLine(picky), [CONTROL, SHORT, OLD_CONTROL])
    assert ids(hellos) == ["control", "control-short", "control-old", "control"]
    assert heard.ended == ""


def test_without_any_answer_nothing_else_is_asked() -> None:
    hellos, heard = interrogate(ScriptedLine(ScriptedServer((), ())), [CONTROL, SHORT, WEAK, OLD])
    assert ids(hellos) == ["control", "control-short"]
    assert heard.ended == "no hello was answered"


@pytest.mark.parametrize("octets", [b"+OK ready\r\n", b"SSH-2.0-x\r\n"])
def test_plain_text_ends_it_at_the_first_hello(octets: bytes) -> None:
    hellos, heard = interrogate(ScriptedLine(lambda asked: octets), [CONTROL, SHORT, WEAK])
    assert len(hellos) == 1
    assert "does not speak TLS" in heard.ended


def test_a_service_that_speaks_first_is_no_tls_service() -> None:
    line = ScriptedLine(MODERN, lambda number: "greets")
    hellos, heard = interrogate(line, [CONTROL, SHORT, WEAK])
    assert (ids(hellos), hellos[0].outcome, hellos[0].octets_received) == (["control"], "early", 11)
    assert line.asked == [], "the hello was not sent"
    assert "does not speak TLS" in heard.ended


@pytest.mark.parametrize("refuses", [flights.alert(40), "eof", "reset"])
def test_a_server_that_only_answers_short_hellos_is_asked_in_chunks_of_60(refuses: bytes | str) -> None:
    def intolerant(asked: Asked) -> bytes | str:
        if isinstance(asked, Ssl2Hello) or len(asked.suites) > 64 or asked.message > 500:
            return refuses
        return MODERN(asked)

    many = tuple(range(0xC100, 0xC100 + 130))
    asks = question("many", TLS_1_2, many, marks={"weak": many})
    hellos, _heard = interrogate(ScriptedLine(intolerant), [CONTROL, SHORT, asks])
    asked = list(dict.fromkeys(offered(hello) for hello in hellos if hello.question == "many"))
    assert [len(suites) for suites in asked] == [60, 60, 10]
    assert sum(asked, ()) == many


def test_a_server_that_answers_the_long_control_is_asked_in_one_piece() -> None:
    many = tuple(range(0xC100, 0xC100 + 130))
    hellos, _heard = interrogate(ScriptedLine(MODERN), [CONTROL, question("many", TLS_1_2, many)])
    assert [len(offered(hello)) for hello in hellos if hello.question == "many"] == [130]


def test_a_control_is_padded_for_the_name_too() -> None:
    line = ScriptedLine(MODERN)
    hellos, _heard = interrogate(line, [CONTROL], server_name="a-rather-long-name.of-a-mail-server.example.org")
    assert hellos[0].octets >= 600 + len("a-rather-long-name.of-a-mail-server.example.org")


# Walking


def test_after_an_answer_only_what_could_show_something_new_is_offered_again() -> None:
    lax = ScriptedServer((TLS_1_2,), (0xC02F, 0x0035, 0x0005, 0x000A))
    hellos, _heard = interrogate(ScriptedLine(lax), [CONTROL, WEAK])
    walk = [offered(hello) for hello in hellos if hello.question == "weak"]
    # 0x0035 showed CBC and RSA, so RC4 and 3DES are left; each shows itself.
    assert walk == [offered(hellos[1]), (0x0005, 0x000A), (0x000A,)]
    assert [hello.suite for hello in hellos if hello.question == "weak"] == [0x0035, 0x0005, 0x000A]


def test_a_walk_ends_with_a_refusal_of_the_rest() -> None:
    lax = ScriptedServer((TLS_1_2,), (0xC02F, 0x0035))
    hellos, _heard = interrogate(ScriptedLine(lax), [CONTROL, WEAK])
    assert [(offered(hello), hello.outcome) for hello in hellos[1:]] == [
        ((0x0005, 0x000A, 0x0035, 0x002F), "server-hello"), ((0x0005, 0x000A), "alert"),
    ]  # fmt: skip


def test_a_question_without_marks_is_settled_by_one_answer() -> None:
    keys = question("key", TLS_1_2, (0xC02F, 0xC030))
    hellos, _heard = interrogate(ScriptedLine(MODERN), [CONTROL, keys])
    assert ids(hellos) == ["control", "key"]


def test_a_server_that_always_chooses_the_same_forbidden_suite_does_not_keep_us_for_ever() -> None:
    def stubborn(asked: Asked) -> bytes | str:
        return flights.record(flights.server_hello(0x0303, 0x0035) + flights.certificate(b"leaf") + flights.DONE)

    hellos, heard = interrogate(ScriptedLine(stubborn), [CONTROL, WEAK, OLD, SSL2])
    assert len(hellos) < 20
    # Where it was not offered it is no answer.
    assert {hello.outcome for hello in hellos if 0x0035 not in offered(hello)} <= {"malformed", "not-tls"}


# Lower versions

OLD_VERSIONS = (SSL_3, TLS_1_0, TLS_1_1)
SUBSETS = [subset for size in range(4) for subset in itertools.combinations(OLD_VERSIONS, size)]


@pytest.mark.parametrize("gaps", [False, True], ids=["answers in a lower one", "refuses what it does not speak"])
@pytest.mark.parametrize(
    ("versions", "newer"), [(old, new) for old in SUBSETS for new in ((), (TLS_1_2,), (TLS_1_2, TLS_1_3)) if old or new]
)
def test_every_old_version_that_is_spoken_is_shown(
    versions: tuple[int, ...], newer: tuple[int, ...], gaps: bool
) -> None:
    server = ScriptedServer((*versions, *newer), (0x1301, 0xC02F, 0x0035), gaps=gaps)
    hellos, heard = interrogate(ScriptedLine(server), [CONTROL, OLD_CONTROL, OLD, dataclasses.replace(OLD, id="old-2")])
    if heard.ended:
        # Not even the controls were answered: then nothing is said of anything.
        assert gaps and heard.ended == "no hello was answered"
        return
    shown = {hello.answered_version for hello in hellos if hello.complete}
    assert shown & set(OLD_VERSIONS) == set(versions)


def test_an_answer_in_a_lower_version_that_shows_nothing_new_hides_what_else_was_on_offer() -> None:
    both = question(
        "both", TLS_1_1, (0x0035, 0x0005), groups=(0x001D,), marks={"CBC": (0x0035,), "RC4": (0x0005,)}
    )  # fmt: skip
    hellos, _heard = interrogate(ScriptedLine(ScriptedServer((TLS_1_0,), (0x0035, 0x0005))), [CONTROL, TLS11, both])
    assert [offered(hello) for hello in hellos if hello.question == "both"] == [(0x0035, 0x0005), (0x0005,)]


def test_who_refuses_a_version_as_such_is_not_asked_about_it_with_other_suites() -> None:
    server = ScriptedServer((TLS_1_2,), GOOD, refuses=flights.alert(70))
    more = dataclasses.replace(OLD, id="old-dhe", suites=digits((0x0033,)))
    hellos, _heard = interrogate(ScriptedLine(server), [CONTROL, OLD, more])
    assert [(hello.question, hello.version) for hello in hellos[1:]] == [
        ("old", TLS_1_1), ("old", TLS_1_0), ("old", SSL_3),
    ]  # fmt: skip


def test_who_refuses_suites_is_asked_about_others_in_every_version() -> None:
    more = dataclasses.replace(OLD, id="old-dhe", suites=digits((0x0033,)))
    hellos, _heard = interrogate(ScriptedLine(MODERN), [CONTROL, OLD, more])
    asked = {(hello.question, hello.version) for hello in hellos[1:]}
    assert asked == {(id_, version) for id_ in ("old", "old-dhe") for version in OLD_VERSIONS}


def test_no_offer_is_made_three_times_to_a_server_that_answers_well() -> None:
    for versions in ((TLS_1_2,), (TLS_1_0, TLS_1_2), (SSL_3, TLS_1_0, TLS_1_1, TLS_1_2), (TLS_1_0,)):
        server = ScriptedServer(versions, (0xC02F, 0x0035, 0x0005, 0x000A))
        hellos, _heard = interrogate(ScriptedLine(server), [CONTROL, OLD_CONTROL, OLD, WEAK, SSL2])
        times = Counter((hello.question, hello.version, hello.suites) for hello in hellos)
        assert max(times.values()) == 1, (versions, times)


# Weak ends


@pytest.mark.parametrize(
    ("end", "outcome"), [("eof", "eof"), ("reset", "reset"), (flights.alert(80), "alert")],
)  # fmt: skip
def test_a_weak_end_is_asked_once_more_behind_an_answered_control(end: bytes | str, outcome: str) -> None:
    server = ScriptedServer((TLS_1_2, TLS_1_3), GOOD, refuses=end)
    hellos, heard = interrogate(ScriptedLine(server), [CONTROL, WEAK, TLS11, SSL2])
    assert ids(hellos) == ["control", "weak", "old", "ssl2", "control", "weak", "old", "ssl2"]
    assert {hello.outcome for hello in hellos if hello.question != "control"} == {outcome}
    assert hellos[4].complete and heard.ended == ""
    for first, again in zip(hellos[:4], hellos[4:], strict=True):
        assert (first.version, first.suites, first.groups) == (again.version, again.suites, again.groups)


def test_where_the_last_question_was_answered_no_control_is_asked_before_the_repetitions() -> None:
    server = ScriptedServer((TLS_1_2,), GOOD, refuses="eof")
    good = question("good", TLS_1_2, GOOD, groups=(0x001D,))
    hellos, _heard = interrogate(ScriptedLine(server), [CONTROL, WEAK, TLS11, good])
    assert ids(hellos) == ["control", "weak", "old", "good", "weak", "old"]
    assert hellos[3].complete


def test_silence_is_asked_once_more_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrogation, "MIN_TIMEOUT", 0.05)
    server = ScriptedServer((TLS_1_2,), GOOD, refuses="silence")
    # It has answered at once before: it is not given half a minute each time.
    hellos, _heard = interrogate(ScriptedLine(server), [CONTROL, WEAK], timeout=30.0, seconds=50.0)
    assert [(hello.question, hello.outcome) for hello in hellos] == [
        ("control", "server-hello"), ("weak", "timeout"), ("control", "server-hello"), ("weak", "timeout"),
    ]  # fmt: skip
    assert sum(hello.answer_seconds for hello in hellos) < 10.0


def test_an_alert_that_refuses_is_not_asked_again() -> None:
    hellos, _heard = interrogate(ScriptedLine(MODERN), [CONTROL, WEAK, TLS11])
    assert ids(hellos) == ["control", "weak", "old"]


def test_an_end_that_was_a_fault_on_the_way_hides_nothing() -> None:
    lax = ScriptedServer((TLS_1_2,), (0xC02F, 0x0035, 0x0005))
    told = [0]

    def faulty(asked: Asked) -> bytes | str:
        told[0] += 1
        return "reset" if told[0] == 2 else lax(asked)

    hellos, _heard = interrogate(ScriptedLine(faulty), [CONTROL, WEAK])
    assert {hello.suite for hello in hellos if hello.question == "weak"} == {None, 0x0035, 0x0005}


# Budget, time, throttles


def test_the_budget_is_never_exceeded_and_its_end_is_told() -> None:
    for budget in range(1, 8):
        line = ScriptedLine(ScriptedServer((TLS_1_2,), GOOD, refuses="eof"))
        hellos, heard = interrogate(line, [CONTROL, WEAK, OLD, SSL2], budget=budget)
        assert len(hellos) == budget == line.opened
        assert heard.ended == f"the budget of {budget} hellos is used up"


def test_when_the_time_is_used_up_nothing_more_is_asked() -> None:
    line = ScriptedLine(MODERN)
    hellos, heard = interrogate(line, [CONTROL, WEAK], seconds=0.0)
    assert (hellos, line.opened) == ([], 0)
    assert heard.ended == "the endpoint's time is used up"


def test_a_silent_server_costs_no_more_than_the_endpoints_time() -> None:
    hellos, heard = interrogate(ScriptedLine(lambda asked: "silence"), [CONTROL, SHORT], timeout=60.0, seconds=0.2)
    assert [hello.outcome for hello in hellos] == ["timeout"]
    assert heard.ended == "the endpoint's time is used up"


def test_a_port_that_is_shut_is_left_alone_after_one_connect() -> None:
    line = ScriptedLine(MODERN, lambda number: "shut")
    hellos, heard = interrogate(line, [CONTROL, SHORT, WEAK])
    assert ([hello.outcome for hello in hellos], line.opened) == (["not-connected"], 1)
    assert heard.ended == "the port is not open"


@pytest.mark.parametrize("how", ["shut", "early"])
def test_four_connections_in_a_row_that_fail_are_a_ban_and_it_is_left_alone(how: str) -> None:
    line = ScriptedLine(MODERN, lambda number: how if number > 0 else "")
    asks = [CONTROL, *(dataclasses.replace(WEAK, id=f"weak-{number}") for number in range(10))]
    hellos, heard = interrogate(line, asks)
    assert line.opened == 5
    assert "4 connections in a row failed: a throttle or a ban" in heard.ended
    assert [hello.outcome for hello in hellos[1:]] == ["not-connected" if how == "shut" else "early"] * 4


def test_a_connection_that_is_made_starts_the_count_anew() -> None:
    line = ScriptedLine(MODERN, lambda number: "shut" if number % 4 else "")
    asks = [CONTROL, *(dataclasses.replace(WEAK, id=f"weak-{number}") for number in range(9))]
    _hellos, heard = interrogate(line, asks)
    assert "in a row" not in heard.ended


def test_it_backs_off_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    real = interrogation.asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await real(0)

    monkeypatch.setattr(interrogation, "BACK_OFF", (0.5, 1.0, 2.0))
    monkeypatch.setattr(interrogation.asyncio, "sleep", sleep)
    line = ScriptedLine(MODERN, lambda number: "shut" if number > 0 else "")
    interrogate(line, [CONTROL, *(dataclasses.replace(WEAK, id=str(number)) for number in range(10))])
    assert [seconds for seconds in waits if seconds >= 0.5] == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("k", range(0, 9))
def test_every_connection_is_closed_whatever_number_it_breaks_at(k: int) -> None:
    line = ScriptedLine(MODERN, lambda number: "early" if number >= k else "")
    hellos, _heard = interrogate(line, [CONTROL, SHORT, WEAK, OLD, SSL2])
    assert line.opened == line.closed == len(hellos)


# Certificates and names


def with_keys(*leaves: bytes) -> ScriptedServer:
    """A server that shows its first certificate to whoever takes an RSA suite, the second to ECDSA suites."""

    class Two(ScriptedServer):
        def __call__(self, asked: Asked) -> bytes | str:
            ecdsa = not isinstance(asked, Ssl2Hello) and 0xC02F not in asked.suites and 0xC02B in asked.suites
            self.leaf = leaves[-1] if ecdsa else leaves[0]
            return super().__call__(asked)

    return Two((TLS_1_2,), (0xC02F, 0xC02B) if len(leaves) > 1 else (0xC02F,))


RSA_LEAF = certificate_of(rsa.generate_private_key(65537, 2048))
P_384_LEAF = certificate_of(ec.generate_private_key(ec.SECP384R1()))
KEY_RSA = question("key-rsa", TLS_1_2, (0xC02F,), groups=(0x001D,), unless_key="RSA")
KEY_ECDSA = question("key-ecdsa", TLS_1_2, (0xC02B,), groups=(0x001D,), unless_key="ECDSA")
GROUPS_RSA = question("groups-rsa", TLS_1_2, (0xC02F,), groups=(0x0013, 0x0018), only_key="RSA")
GROUPS_ECDSA = question("groups-ecdsa", TLS_1_2, (0xC02B,), groups=(0x0013, 0x0018, 0x0016), only_key="ECDSA")


def test_the_key_that_was_shown_is_not_asked_for_again_the_other_one_is() -> None:
    hellos, heard = interrogate(ScriptedLine(with_keys(RSA_LEAF)), [CONTROL, KEY_RSA, KEY_ECDSA])
    assert ids(hellos) == ["control", "key-ecdsa"]
    assert len(heard.certificates) == 1


def test_groups_are_asked_for_the_keys_that_there_are() -> None:
    one, _heard = interrogate(ScriptedLine(with_keys(RSA_LEAF)), [CONTROL, KEY_ECDSA, GROUPS_RSA, GROUPS_ECDSA])
    both, heard = interrogate(
        ScriptedLine(with_keys(RSA_LEAF, P_384_LEAF)), [CONTROL, KEY_ECDSA, GROUPS_RSA, GROUPS_ECDSA]
    )
    assert ids(one) == ["control", "key-ecdsa", "groups-rsa"]
    assert ids(both) == ["control", "key-ecdsa", "groups-rsa", "groups-ecdsa"]
    assert [hello.certificate for hello in both] == [0, 1, 0, 1]
    assert len(heard.certificates) == 2


def test_where_no_certificate_was_seen_groups_are_asked_for_both_keys_and_keys_for_none() -> None:
    only_13 = ScriptedServer((TLS_1_3,), (0x1301,))
    control = question("control-1.3", TLS_1_3, (0x1301,), groups=(0x001D,), key_share="empty", control=True)
    hellos, _heard = interrogate(ScriptedLine(only_13), [control, KEY_RSA, KEY_ECDSA, GROUPS_RSA, GROUPS_ECDSA])
    assert ids(hellos) == ["control-1.3", "groups-rsa", "groups-ecdsa"]


def test_the_certificates_own_group_stands_last_in_the_list_and_only_there() -> None:
    line = ScriptedLine(with_keys(RSA_LEAF, P_384_LEAF))
    hellos, _heard = interrogate(line, [CONTROL, KEY_ECDSA, GROUPS_RSA, GROUPS_ECDSA])
    assert hellos[2].groups == digits((0x0013, 0x0018)), "an RSA key has no group"
    assert hellos[3].groups == digits((0x0013, 0x0016, 0x0018))
    last = line.asked[-1]
    assert not isinstance(last, Ssl2Hello) and last.listed(10) == (0x0013, 0x0016, 0x0018)


def test_a_question_without_the_name_is_asked_without_it_and_not_at_all_where_there_is_none() -> None:
    nameless = dataclasses.replace(TLS11, id="old-without-name", server_name=False)
    line = ScriptedLine(MODERN)
    hellos, _heard = interrogate(line, [CONTROL, TLS11, nameless])
    assert [hello.server_name for hello in hellos] == ["mail.example.org", "mail.example.org", None]
    assert [asked.server_name for asked in line.asked if not isinstance(asked, Ssl2Hello)] == [
        "mail.example.org", "mail.example.org", None,
    ]  # fmt: skip
    hellos, _heard = interrogate(ScriptedLine(MODERN), [CONTROL, TLS11, nameless], server_name=None)
    assert ids(hellos) == ["control", "old"]


# All of it


def test_who_finds_no_common_group_is_asked_with_more_of_them_and_once_more() -> None:
    """OpenJDK says "unexpected_message" then, and only for that offer."""
    weak = question("groups-1.3", TLS_1_3, (0x1301,), groups=(0x0013,), key_share="empty")
    control = question("control-1.3", TLS_1_3, (0x1301,), groups=(0x001D, 0x0017), key_share="empty", control=True)
    good = ScriptedServer((TLS_1_3,), (0x1301,))

    def openjdk(asked: Asked) -> bytes | str:
        assert not isinstance(asked, Ssl2Hello)
        return good(asked) if 0x001D in asked.listed(10) else flights.alert(10)

    hellos, _ = interrogate(ScriptedLine(openjdk), [control, weak])
    assert ids(hellos) == ["control-1.3", "groups-1.3", "groups-1.3-every-group", "groups-1.3"]
    assert [hello.groups for hello in hellos[1:]] == ["0013", "0013001d0017", "0013"]


def test_who_finds_fault_with_withdrawn_curves_is_asked_without_them() -> None:
    """tlslite-ng does; others take such a curve, or look past it."""
    suites = question("suites-1.3", TLS_1_3, (0x1305,), groups=(0x001D, 0x0013, 0x001A), key_share="empty")
    control = question("control-1.3", TLS_1_3, (0x1301,), groups=(0x001D,), key_share="empty", control=True)
    good = ScriptedServer((TLS_1_3,), (0x1301,))

    def strict(asked: Asked) -> bytes | str:
        assert not isinstance(asked, Ssl2Hello)
        return flights.alert(47) if 0x001A in asked.listed(10) else good(asked)

    hellos, _ = interrogate(ScriptedLine(strict), [control, suites])
    assert [(hello.groups, hello.alert) for hello in hellos[1:]] == [("001d0013001a", 47), ("001d", 40)]
    hellos, _ = interrogate(ScriptedLine(good), [control, suites])
    assert [(hello.groups, hello.alert) for hello in hellos[1:]] == [("001d0013001a", 40)]


def test_newer_versions_are_asked_for_again_behind_the_answer_of_an_old_server_that_hangs_up() -> None:
    """Their first refusals came before any answer, so two more are needed: one now, one at the end."""
    control_13 = question(
        "control-1.3", TLS_1_3, (0x1301,), groups=(0x001D,), key_share="empty", control=True, pad_to=600,
    )  # fmt: skip

    def old(asked: Asked) -> bytes | str:
        assert not isinstance(asked, Ssl2Hello)
        return ScriptedServer((TLS_1_1,), (0x002F,))(asked) if asked.version == TLS_1_1 else "eof"

    hellos, _ = interrogate(ScriptedLine(old), [CONTROL, control_13, OLD_CONTROL, TLS11])
    behind = hellos[ids(hellos).index("control-old") :]
    for asked_twice in ("control", "control-1.3"):
        first, second = [n for n, hello in enumerate(behind) if hello.question == asked_twice]
        assert any(hello.complete for hello in behind[first:second])


def speaks_13(asked: Asked) -> bool:
    return not isinstance(asked, Ssl2Hello) and asked.extension(43) is not None


@pytest.mark.parametrize("end", ["eof", flights.alert(40), flights.alert(70)], ids=["eof", "alert 40", "alert 70"])
def test_tls_12_is_asked_for_again_behind_the_answer_of_a_server_of_tls_13_alone(end: bytes | str) -> None:
    """A gate offers what is good in TLS 1.2 in the control alone: without this nobody could prove TLS 1.2 refused."""
    good = ScriptedServer((TLS_1_3,), (0x1301,))

    def only_13(asked: Asked) -> bytes | str:
        return good(asked) if speaks_13(asked) else end

    asks = [one for one in compile_offers(load_profile("mozilla-6.0-modern")) if one.kind == "hello"]
    hellos, heard = interrogate(ScriptedLine(only_13), asks)
    assert heard.ended == "" and ids(hellos)[:3] == ["control-1.2", "control-1.3", "control-1.2"]
    assert ids(hellos).count("control-1.2") == (3 if end == "eof" else 2)


def test_a_server_that_is_silent_to_a_long_control_is_not_asked_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrogation, "MIN_TIMEOUT", 0.05)
    good = ScriptedServer((TLS_1_3,), (0x1301,))
    control_13 = question("control-1.3", TLS_1_3, (0x1301,), groups=(0x001D,), key_share="empty", control=True)
    hellos, _ = interrogate(
        ScriptedLine(lambda asked: good(asked) if speaks_13(asked) else "silence"), [CONTROL, control_13], timeout=0.05
    )
    assert ids(hellos) == ["control", "control-1.3"]


def test_signatures_over_dhe_are_asked_about_where_dhe_was_taken() -> None:
    asks = [one for one in compile_offers(load_profile("baseline")) if one.kind == "hello"]
    for suite, expected in ((0x009E, 1), (0xC030, 0)):
        server = ScriptedServer((TLS_1_2, TLS_1_3), (0x1301, 0xC02F, suite), leaf=RSA_LEAF)
        hellos, _ = interrogate(ScriptedLine(server), asks)
        assert ids(hellos).count("signatures-dhe") == expected


@pytest.mark.parametrize("profile", ["baseline", "strict"])
def test_a_good_server_is_asked_each_question_of_a_profile_once(profile: str) -> None:
    asks = [one for one in compile_offers(load_profile(profile)) if one.kind == "hello"]
    server = ScriptedServer((TLS_1_2, TLS_1_3), (0x1301, 0xC02F), leaf=RSA_LEAF)
    hellos, heard = interrogate(ScriptedLine(server), asks)
    needless = {one.id for one in asks if one.unless_key == "RSA" or one.only_key == "ECDSA" or one.only_shown}
    wanted = [one.id for one in asks if not one.control and one.id not in needless]
    assert ids(hellos)[0] == "control-1.2"
    assert [id_ for id_ in dict.fromkeys(ids(hellos)) if not id_.startswith("control")] == wanted
    assert heard.ended == ""


# What is taken with something behind it that is not

MIXED = dataclasses.replace(
    question("mixed", TLS_1_2, (0x009E, 0x0033), groups=(0x001D,)), walk=interrogation.MIXED, experiment=True
)


def test_what_is_taken_is_offered_with_what_is_not_behind_it() -> None:
    server = ScriptedServer((TLS_1_2,), (0xC02F, 0x0035))
    hellos, _ = interrogate(ScriptedLine(server), [CONTROL, WEAK, MIXED])
    (mixed,) = [hello for hello in hellos if hello.question == "mixed"]
    taken = tuple(dict.fromkeys(hello.suite for hello in hellos if hello.suite is not None))
    assert offered(mixed) == (*taken, 0x009E, 0x0033) and len(taken) == 2
    assert mixed.suite in taken and mixed.experiment


@pytest.mark.parametrize(
    ("server", "asked"),
    [
        (ScriptedServer((TLS_1_2,), (0xC02F, 0x009E)), [CONTROL, question("dhe", TLS_1_2, (0x009E,)), MIXED]),
        (ScriptedServer((TLS_1_1,), (0x0035,)), [OLD_CONTROL, MIXED]),
    ],
    ids=["some-of-it-is-taken", "the-version-is-not-spoken"],
)
def test_where_there_is_nothing_to_find_out_nothing_is_mixed(server: ScriptedServer, asked: list[Question]) -> None:
    hellos, heard = interrogate(ScriptedLine(server), asked)
    assert hellos and "mixed" not in ids(hellos) and heard.ended == ""
