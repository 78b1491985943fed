# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts show from inside, held against intent and wire: passes, fails, what can't be told, what does not apply."""

from __future__ import annotations

import dataclasses

import pytest

from port995.policy.gate import gate
from port995.policy.model import Exit, Intent
from port995.policy.profile import ProfileError, read_profile
from port995.probe.host.model import HOST_SCHEMA, HostObservation, Listener, Named, Process, SocketUnit

from .hellos import good_hellos, taken
from .inside import DOVECOT, EVERYWHERE, certificate, daemon, firewall, judged_inside, listening, looked, silent
from .seen import (
    BASELINE,
    CLOSED,
    CONTROLLER,
    FILTERED,
    INSIDE,
    OUTSIDE,
    RUN,
    companion,
    judged,
    refused_companion,
    result_of,
    session,
    status_of,
    target,
    unanswered,
)  # fmt: skip

IDS = tuple(f"POP3S-HOST-00{number}" for number in range(1, 8))
GOOD = [session(), companion()]
SHUT = [unanswered(CLOSED), refused_companion()]
HIDDEN = ("no process is seen to hold it: 9 of 10 processes can't be looked into by user 1000",)
UNSEEN = tuple(dataclasses.replace(one, processes=(), unseen=HIDDEN) for one in EVERYWHERE)
STRANGER = Process(66, "dovecot", "/tmp/dovecot", 1000, "session-3.scope")


def status(number: int, observations, host, intent=Intent.SERVE, **options):
    return status_of(judged_inside(observations, host, intent=intent, **options), f"HOST-00{number}")


def test_a_good_host_passes_all_that_applies_to_it():
    judgement = judged_inside(GOOD, looked())
    assert {one[-1]: status_of(judgement, one) for one in IDS} == {
        "1": "not_applicable", **dict.fromkeys("23456", "pass"), "7": "not_applicable",
    }  # fmt: skip


@pytest.mark.parametrize("check", IDS)
@pytest.mark.parametrize(("host", "expected"), [
    (None, "unreachable"),
    (HostObservation(HOST_SCHEMA, RUN, "mx", "unreachable", "no route to host"), "unreachable"),
    (HostObservation(HOST_SCHEMA, RUN, "mx", "failed", "no Python"), "error"),
])  # fmt: skip
def test_a_host_that_was_not_looked_at_passes_nothing(check, host, expected):
    for intent in (Intent.CLOSED, Intent.SERVE, Intent.INTERNAL, None):
        judgement = judged_inside(GOOD, host, intent=intent)
        assert status_of(judgement, check) == expected
        assert gate(judgement).exit is not Exit.PASSED


def test_a_run_that_does_not_look_inside_does_not_have_these_checks():
    assert not {one.check_id for one in judged(GOOD).results} & set(IDS)
    # Unless a profile must have them.
    own = read_profile(b"schema: port995/profile/1\nid: own\ndate: 2026-11-24\ntitle: own\nchecks:\n  POP3S-HOST-003:\n", "own.yml")
    assert status_of(judged(GOOD, profile=own), "HOST-003") == "not_tested"
    with pytest.raises(ProfileError, match="only_with is 'outside', expected dns, inside or nothing"):
        read_profile(b"schema: port995/profile/1\nid: own\ndate: 2026-11-24\ntitle: own\n"
                     b"checks:\n  POP3S-HOST-003: {only_with: outside}\n", "own.yml")  # fmt: skip


# POP3S-HOST-001: nothing listens where the port is meant to be closed


def test_nothing_listens_on_a_closed_host():
    assert status(1, SHUT, silent(), Intent.CLOSED) == "pass"
    assert status(1, SHUT, looked(), Intent.CLOSED) == "fail"
    assert status(1, SHUT, silent(listening=listening(families=(4,), unseen=("no table",))), Intent.CLOSED) == "not_tested"
    assert status(1, GOOD, looked(), Intent.SERVE) == "not_applicable"
    assert status(1, GOOD, looked(), None) == "not_tested"


def test_a_listener_on_loopback_alone_is_one():
    here = Listener(4, "127.0.0.1", 995, 0, None, (DOVECOT,))
    result = result_of(judged_inside(SHUT, looked(listening=listening(here)), intent=Intent.CLOSED), "HOST-001")
    assert result.status.value == "fail"
    assert "dovecot (pid 41, /usr/sbin/dovecot, dovecot.service)" in result.message


def test_a_host_that_says_nothing_listens_while_its_port_answers_fails():
    for intent, number in ((Intent.CLOSED, 1), (Intent.CLOSED, 2), (Intent.SERVE, 2), (None, 2)):
        assert status(number, GOOD, silent(), intent) == "fail"
    closed = judged_inside(GOOD, silent(), intent=Intent.CLOSED)
    assert status_of(closed, "PORT-001") == "fail"
    # From one place of several is enough.
    two = [unanswered(CLOSED), session(source="198.51.100.2"), refused_companion(), refused_companion(source="198.51.100.2")]
    assert status(1, two, silent(), Intent.CLOSED) == "fail"


def test_a_lost_look_from_outside_makes_no_pass_of_it():
    assert status(1, [], silent(), Intent.CLOSED) == "not_tested"
    expected = {"controller": ("198.51.100.1", "198.51.100.2")}
    one = [unanswered(CLOSED), refused_companion()]
    assert status(1, one, silent(), Intent.CLOSED, expected=expected) == "not_tested"


def test_a_socket_that_comes_back_is_a_listener():
    unit = SocketUnit("pop3s.socket", "[::]:995", "inactive", "enabled", ("pop3s@.service",))
    assert status(1, SHUT, silent(listening=listening(socket_units=(unit,))), Intent.CLOSED) == "fail"
    off = dataclasses.replace(unit, enabled="disabled")
    assert status(1, SHUT, silent(listening=listening(socket_units=(off,))), Intent.CLOSED) == "pass"
    other = dataclasses.replace(unit, listen="[::]:1995")
    assert status(1, SHUT, silent(listening=listening(socket_units=(other,))), Intent.CLOSED) == "pass"


@pytest.mark.parametrize("redirected", [True, None])
def test_a_port_that_may_be_sent_on_is_not_said_to_be_without_listener(redirected):
    host = silent(firewall=firewall("unknown", redirected=redirected))
    assert status(1, SHUT, host, Intent.CLOSED) == "not_tested"
    assert status_of(judged_inside(SHUT, host, intent=Intent.CLOSED), "PORT-001") == "not_tested"
    assert status(2, GOOD, host) == "not_tested"


# POP3S-PORT-001: the host as a second witness


def test_closed_is_proven_by_a_refusal_and_the_hosts_own_word():
    alone = judged(SHUT, intent=Intent.CLOSED)
    assert status_of(alone, "PORT-001") == "not_tested"
    both = judged_inside(SHUT, silent(), intent=Intent.CLOSED)
    assert status_of(both, "PORT-001") == "pass"
    assert "as the host itself says" in result_of(both, "PORT-001").message


def test_silence_and_the_word_of_a_host_that_has_the_address_prove_it_too():
    quiet = [unanswered(FILTERED), companion(tcp=FILTERED, tls=None, clear=None, pop3=None, hellos=(), injection=None)]
    assert status_of(judged(quiet, intent=Intent.CLOSED), "PORT-001") == "unreachable"
    assert status_of(judged_inside(quiet, silent(), intent=Intent.CLOSED), "PORT-001") == "pass"
    assert status_of(judged_inside(quiet, silent(), intent=Intent.CLOSED), "COV-000") == "pass"
    assert status_of(judged_inside(quiet, silent(), intent=Intent.SERVE), "PORT-001") == "unreachable"


@pytest.mark.parametrize("host", [
    None,
    looked(),
    silent(addresses=("192.0.2.99",)),
    silent(addresses=()),
    silent(listening=listening(families=(4,))),
    silent(listening=listening(ports=(110,)), firewall=firewall("open", families=())),
    silent(firewall=firewall("open", families=(4,))),
    silent(firewall=firewall("closed", redirected=True)),
    HostObservation(HOST_SCHEMA, RUN, "mx", "failed", "no Python"),
], ids=["lost", "listens", "foreign address", "no address", "one family", "other port", "no IPv6 rules", "sent on", "failed"])  # fmt: skip
def test_a_host_that_does_not_say_it_of_this_address_is_no_witness(host):
    assert status_of(judged_inside(SHUT, host, intent=Intent.CLOSED), "PORT-001") == "not_tested"


def test_the_hosts_word_alone_proves_nothing():
    assert status_of(judged_inside([], silent(), intent=Intent.CLOSED), "PORT-001") == "unreachable"
    untold = [session(tcp=None, tls=None, pop3=None, not_tested="no-route"), refused_companion()]
    assert status_of(judged_inside(untold, silent(), intent=Intent.CLOSED), "PORT-001") == "not_tested"


def test_a_family_that_the_host_does_not_speak_needs_no_table():
    host = silent(listening=listening(families=(4,), absent_families=(6,)), firewall=firewall("open", families=(4,)))
    assert status_of(judged_inside(SHUT, host, intent=Intent.CLOSED), "PORT-001") == "pass"


# POP3S-HOST-002: what answers is a listener of the host


def test_what_answers_listens():
    assert status(2, GOOD, looked()) == "pass"
    assert status(2, GOOD, silent()) == "fail"
    assert status(2, GOOD, looked(addresses=("192.0.2.99",))) == "not_tested"
    assert status(2, GOOD, looked(listening=listening(families=(6,), unseen=("no table",)))) == "not_tested"
    assert status(2, [unanswered(FILTERED)], silent()) == "not_tested"
    assert status(2, SHUT, silent(), Intent.CLOSED) == "not_applicable"


def test_a_listener_at_another_address_does_not_answer():
    elsewhere = Listener(4, "192.0.2.7", 995, 0, None, (DOVECOT,))
    assert status(2, GOOD, looked(listening=listening(elsewhere))) == "fail"
    assert status(2, GOOD, looked(listening=listening(dataclasses.replace(elsewhere, address="192.0.2.1")))) == "pass"


@pytest.mark.parametrize(("takes_ipv4", "expected"), [(True, "pass"), (False, "fail"), (None, "not_tested")])
def test_a_socket_of_ipv6_answers_over_ipv4_when_it_takes_both(takes_ipv4, expected):
    both = Listener(6, "::", 995, 0, takes_ipv4, (DOVECOT,))
    assert status(2, GOOD, looked(listening=listening(both))) == expected


# POP3S-HOST-003: the program is a known one


def test_the_program_is_known():
    assert status(3, GOOD, looked()) == "pass"
    strange = tuple(dataclasses.replace(one, processes=(STRANGER,)) for one in EVERYWHERE)
    judgement = judged_inside(GOOD, looked(listening=listening(*strange)))
    assert status_of(judgement, "HOST-003") == "fail"
    assert "/tmp/dovecot" in result_of(judgement, "HOST-003").message and "pid 66" in result_of(judgement, "HOST-003").message
    assert status(3, GOOD, looked(listening=listening(*UNSEEN))) == "not_tested"
    assert status(3, SHUT, silent(), Intent.CLOSED) == "not_applicable"


@pytest.mark.parametrize("path", [
    "/tmp/dovecot", "/home/x/usr/sbin/dovecot", "/usr/sbin/dovecot2", "/usr/sbin/dovecot/x", "/usr/lib/dovecot/../x",
    "/usr/bin/python3.11", "/usr/sbin/dovecot (deleted) (deleted)", "",
])  # fmt: skip
def test_a_program_elsewhere_is_not_taken_for_a_known_one(path):
    process = dataclasses.replace(DOVECOT, executable=path or None)
    host = looked(listening=listening(dataclasses.replace(EVERYWHERE[0], processes=(process,)), EVERYWHERE[1]))
    assert status(3, GOOD, host) == ("fail" if path else "not_tested")


def test_a_stranger_beside_the_daemon_is_found():
    both = dataclasses.replace(EVERYWHERE[0], processes=(DOVECOT, STRANGER))
    assert status(3, GOOD, looked(listening=listening(both, EVERYWHERE[1]))) == "fail"


def test_a_profile_may_know_fewer_programs():
    own = read_profile(b"schema: port995/profile/1\nid: own\ndate: 2026-11-24\ntitle: own\nchecks:\n"
                       b"  POP3S-HOST-003: {parameters: {known: [courier]}}\n", "own.yml")  # fmt: skip
    assert status(3, GOOD, looked(), profile=own) == "fail"


# POP3S-HOST-004: the wire shows what the configuration says


def test_the_wire_shows_what_the_configuration_says():
    assert status(4, GOOD, looked()) == "pass"
    assert status(4, GOOD, looked(daemons=(daemon(minimum="TLSv1.3"),))) == "fail"
    assert status(4, GOOD, looked(daemons=(daemon(pop3s_ports=()),))) == "fail"
    assert status(4, GOOD, looked(daemons=(daemon(pop3_ports=()),))) == "fail"
    assert status(4, GOOD, looked(daemons=(daemon(minimum=None),))) == "not_tested"
    assert status(4, GOOD, looked(daemons=(daemon(pop3s_ports=None),))) == "not_tested"
    assert status(4, GOOD, looked(daemons=(daemon(problem="line 3: what?"),))) == "not_tested"
    assert status(4, GOOD, looked(daemons=())) == "not_tested"
    assert status(4, GOOD, looked(listening=listening(*UNSEEN))) == "not_tested"
    assert status(4, SHUT, silent(), Intent.CLOSED) == "not_applicable"
    assert status(4, [unanswered(FILTERED)], looked()) == "not_tested"


def test_an_old_version_that_only_a_hello_found_is_one():
    old = session(hellos=good_hellos(session().hello_certificates[0], old_ecdhe_rsa=taken(0xC013, 0x0301)))
    assert status(4, [old, companion()], looked(daemons=(daemon(minimum="TLSv1.2"),))) == "fail"


def test_what_was_not_offered_is_not_said_to_be_refused():
    only_session = [session(hellos=()), companion()]
    assert status(4, only_session, looked(daemons=(daemon(minimum="TLSv1.3"),))) == "not_tested"
    assert status(4, only_session, looked()) == "not_tested"


# POP3S-HOST-005: the served certificate is the one on disk


def test_the_served_certificate_is_on_disk():
    assert status(5, GOOD, looked()) == "pass"
    assert status(5, GOOD, looked(certificates=(certificate("0" * 64),))) == "fail"
    assert status(5, GOOD, looked(certificates=(certificate("0" * 64), certificate()))) == "pass"
    unread = certificate(sha256=(), unseen=("can't be read as user 1000",))
    assert status(5, GOOD, looked(certificates=(unread,))) == "not_tested"
    assert status(5, GOOD, looked(certificates=(certificate("0" * 64), unread))) == "not_tested"
    assert status(5, GOOD, looked(certificates=())) == "not_tested"
    assert status(5, SHUT, silent(), Intent.CLOSED) == "not_applicable"


def test_a_certificate_of_another_daemon_or_deeper_in_the_file_is_not_the_one():
    other = dataclasses.replace(certificate(), daemon="cyrus")
    assert status(5, GOOD, looked(certificates=(other,))) == "not_tested"
    behind = certificate(sha256=("0" * 64, certificate().sha256[0]))
    assert status(5, GOOD, looked(certificates=(behind,))) == "fail"


# POP3S-HOST-006: the key is guarded


def test_the_key_is_guarded():
    key = certificate().key

    def with_key(**changes):
        return looked(certificates=(certificate(key=dataclasses.replace(key, **changes)),))

    assert status(6, GOOD, looked()) == "pass"
    assert [status(6, GOOD, with_key(mode=mode)) for mode in ("0600", "0440", "0644", "0660", "0601")] == [
        "pass", "pass", "fail", "fail", "fail",
    ]  # fmt: skip
    assert status(6, GOOD, with_key(matches=False)) == "fail"
    assert status(6, GOOD, with_key(matches=None, unseen="it has a password")) == "not_tested"
    assert status(6, GOOD, looked(certificates=(certificate(key=None),))) == "not_tested"
    assert status(6, GOOD, looked(listening=listening(*UNSEEN))) == "not_tested"
    assert status(6, SHUT, silent(), Intent.CLOSED) == "not_applicable"


# POP3S-HOST-007: the firewall is as intended


def test_the_firewall_is_as_intended():
    office = firewall("restricted", sources=("192.0.2.0/24",))
    table = {
        Intent.CLOSED: {"closed": "pass", "open": "fail", "redirected": "fail", "unknown": "not_tested"},
        Intent.INTERNAL: {"closed": "pass", "open": "fail", "redirected": "not_tested", "unknown": "not_tested"},
        Intent.SERVE: dict.fromkeys(("closed", "open", "redirected", "unknown"), "not_applicable"),
        None: dict.fromkeys(("closed", "open", "redirected", "unknown"), "not_tested"),
    }
    for intent, states in table.items():
        for state, expected in states.items():
            assert status(7, SHUT, silent(firewall=firewall(state)), intent) == expected, (intent, state)
    assert status(7, SHUT, silent(firewall=office), Intent.CLOSED) == "fail"
    assert status(7, SHUT, silent(firewall=office), Intent.INTERNAL) == "pass"


def test_a_family_without_a_verdict_is_not_tested():
    assert status(7, SHUT, silent(firewall=firewall("closed", families=(4,))), Intent.CLOSED) == "not_tested"
    assert status(7, SHUT, silent(firewall=firewall("closed", families=())), Intent.CLOSED) == "not_tested"
    only4 = listening(families=(4,), absent_families=(6,))
    assert status(7, SHUT, silent(listening=only4, firewall=firewall("closed", families=(4,))), Intent.CLOSED) == "pass"


def test_texts_of_the_host_are_shown_and_not_obeyed():
    evil = Process(7, "x\x1b[2J\n", "/tmp/\x1b]0;x\x07", 0, None)
    host = looked(listening=listening(dataclasses.replace(EVERYWHERE[0], processes=(evil,))), versions=(Named("a", "b"),))
    result = result_of(judged_inside(GOOD, host), "HOST-003")
    assert result.status.value == "fail" and result.message.isprintable()


def test_an_internal_host_is_looked_at_from_its_sides():
    seen = [
        session(vantage=INSIDE, source="10.0.0.9"), companion(vantage=INSIDE, source="10.0.0.9"),
        *(unanswered(FILTERED, vantage=OUTSIDE, source=one) for one in ("198.51.100.1", "198.51.100.2")),
    ]  # fmt: skip
    assert [status(number, seen, looked(), Intent.INTERNAL) for number in (2, 4, 5)] == ["pass"] * 3
    assert BASELINE.of_run(dns=False, inside=True).checks.keys() >= set(IDS)
    assert CONTROLLER and target()
