# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins: by each way that is offered, to nobody but the right server, once with a wrong password, and without a trace of
it anywhere."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest

from port995.probe.codec import observation_to_json
from port995.probe.credentials import Logins, logins_of
from port995.probe.model import Login, Mailbox, Observation, Target
from port995.probe.options import OptionsError
from port995.probe.pop3_login import PURPOSE
from tests.hostile.server import Server

from .mail_server import CHALLENGE, MESSAGES, NAME, SECRET, USER, Mail, Pki, logins, make_pki, plain
from .seeing import look, tls_target

TOTAL = sum(map(len, MESSAGES.values()))
RIGHT = Mailbox(
    "completed", None, "+OK", 3, TOTAL, "+OK", 3, TOTAL, "+OK", 3, True, "+OK", "+OK", len(MESSAGES[2]),
    len(MESSAGES[2]), "", "+OK", ("TOP", "USER", "SASL", "RESP-CODES", "UIDL", "AUTH-RESP-CODE"), quit="+OK",
)  # fmt: skip


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


def target(port: int, login: str = "read", **more: Any) -> Target:
    return tls_target(port, **{"server_name": NAME, "login": login, **more})


def visited(mail: Mail, pki: Pki, given: Logins | None = None, **more: Any) -> Observation:
    """What is seen of a mailbox."""
    scan = {key: more.pop(key) for key in list(more) if key.endswith("_timeout")}
    with Server(mail.behaviour(pki.context)) as server:
        seen, _summary = look(target(server.port, **more), logins=given or logins(pki), **scan)
    (one,) = seen
    return one


def outcomes(seen: Observation) -> list[tuple[str, str]]:
    return [(one.mechanism, one.outcome) for one in seen.logins]


def secrets(password: str = SECRET) -> list[str]:
    """The password, as it is and as it was sent."""
    return [password, plain(password=password).decode(), base64.b64encode(password.encode()).decode(), USER]


def test_each_way_that_is_offered_works_over_a_connection_of_its_own(pki: Pki) -> None:
    mail = Mail()
    seen = visited(mail, pki)
    assert outcomes(seen) == [("USER", "logged-in"), ("PLAIN", "logged-in"), ("APOP", "logged-in")]
    assert all(one.verified and one.sent for one in seen.logins)
    assert seen.logins[0].mailbox is not None
    assert dataclasses.replace(
        seen.logins[0].mailbox, capabilities=tuple(sorted(seen.logins[0].mailbox.capabilities))
    ) == dataclasses.replace(RIGHT, capabilities=tuple(sorted(RIGHT.capabilities)))
    assert [one.mailbox for one in seen.logins[1:]] == [None, None]
    assert [one.purpose for one in seen.connections][1:] == [PURPOSE % way for way in ("USER", "PLAIN", "APOP")]
    assert mail.sessions == 4 and mail.deleted == [] and seen.logins_ended == ""
    words = [line.split()[0] for line in mail.said]
    assert b"DELE" not in words and words.count(b"PASS") == 1 and words.count(b"QUIT") == 4


def test_one_connection_is_open_at_a_time(pki: Pki) -> None:
    seen = visited(Mail(), pki)
    began = [datetime.datetime.fromisoformat(one.started).timestamp() for one in seen.connections]
    assert len(began) == 4
    for number, one in enumerate(seen.connections[:-1]):
        assert began[number] + one.seconds <= began[number + 1] + 0.01


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        (Mail(capabilities=(b"USER",), greeting=b"+OK"), ["USER"]),
        (Mail(capabilities=(b"SASL LOGIN PLAIN",), greeting=b"+OK"), ["PLAIN"]),
        (Mail(capabilities=(b"UIDL",)), ["APOP"]),
    ],
)
def test_only_what_is_offered_is_tried(pki: Pki, mail: Mail, expected: list[str]) -> None:
    assert [one.mechanism for one in visited(mail, pki).logins] == expected


def test_where_nothing_is_offered_nothing_is_sent(pki: Pki) -> None:
    mail = Mail(capabilities=(b"UIDL", b"SASL CRAM-MD5"), greeting=b"+OK")
    seen = visited(mail, pki)
    assert seen.logins == () and "no way to log in" in seen.logins_ended
    assert mail.sessions == 1


@pytest.mark.parametrize("closing", [False, True])
def test_a_wrong_password_is_tried_once(pki: Pki, closing: bool) -> None:
    mail = Mail(close_on_refusal=closing)
    seen = visited(mail, pki, logins(pki, "wrong"))
    assert outcomes(seen) == [("USER", "refused"), ("PLAIN", "not-tried"), ("APOP", "not-tried")]
    assert seen.logins[0].code == "AUTH"
    assert sum(line.startswith((b"PASS", b"AUTH", b"APOP")) for line in mail.said) == 1


def test_a_wrong_password_is_tried_once_in_the_whole_run(pki: Pki) -> None:
    """Three addresses of a name, at one time: a password is wrong on all of them when it is wrong on one."""
    mail = Mail()
    with Server(mail.behaviour(pki.context)) as server, Server(mail.behaviour(pki.context), "127.0.0.2") as other:
        aims = [target(server.port), target(other.port, address="127.0.0.2"), target(server.port, hosts=("twice",))]
        seen, _summary = look(aims, logins=logins(pki, "wrong"))
    assert sum(line.startswith((b"PASS", b"AUTH", b"APOP")) for line in mail.said) == 1
    assert sorted(one.logins[0].outcome for one in seen) == ["not-tried", "not-tried", "refused"]


def test_logins_to_one_mailbox_are_made_one_after_the_other(pki: Pki) -> None:
    mail = Mail()
    with Server(mail.behaviour(pki.context)) as server:
        seen, _summary = look([target(server.port, hosts=(str(number),)) for number in range(3)], logins=logins(pki))
    inside = [line for line in mail.said if line.split()[0] in (b"STAT", b"RETR")]
    assert inside == [b"STAT", b"RETR 2"] * 3
    assert all(login.outcome == "logged-in" for one in seen for login in one.logins)


@pytest.mark.parametrize("code", ["IN-USE", "LOGIN-DELAY", "SYS/TEMP", "SYS/PERM"])
def test_a_refusal_for_now_is_none_of_the_password(pki: Pki, code: str) -> None:
    seen = visited(Mail(password="other", refusal=b"-ERR [%s] later\r\n" % code.encode()), pki)
    assert outcomes(seen)[0] == ("USER", "temporary") and seen.logins[0].code == code
    assert outcomes(seen)[1][1] == "not-tried"


def test_with_login_delay_one_way_is_tried(pki: Pki) -> None:
    seen = visited(Mail(capabilities=(b"USER", b"LOGIN-DELAY 60", b"SASL PLAIN")), pki)
    assert [one.outcome for one in seen.logins] == ["logged-in", "not-tried", "not-tried"]


def nothing_was_sent(mail: Mail) -> bool:
    return not any(line.split()[:1] in ([b"USER"], [b"PASS"], [b"AUTH"], [b"APOP"]) for line in mail.said)


@pytest.mark.parametrize(
    ("name", "why"), [("other.test.example", "mismatch"), ("mail.test.example.", ""), ("MAIL.test.example", "")]
)
def test_the_certificate_must_be_for_the_expected_name(pki: Pki, name: str, why: str) -> None:
    mail = Mail()
    seen = visited(mail, pki, server_name=name)
    if why:
        assert outcomes(seen)[0] == ("USER", "not-verified") and why in seen.logins[0].detail
        assert outcomes(seen)[1:] == [("PLAIN", "not-tried"), ("APOP", "not-tried")]
        assert nothing_was_sent(mail) and not seen.logins[0].sent
    else:
        assert outcomes(seen)[0] == ("USER", "logged-in")


def test_an_address_is_expected_where_there_is_no_name(pki: Pki) -> None:
    assert outcomes(visited(Mail(), pki, server_name=None))[0] == ("USER", "logged-in")
    mail = Mail()
    with Server(mail.behaviour(pki.context), "127.0.0.3") as server:
        (seen,), _summary = look(target(server.port, address="127.0.0.3", server_name=None), logins=logins(pki))
    assert outcomes(seen)[0] == ("USER", "not-verified") and nothing_was_sent(mail)


def test_a_certificate_of_another_ca_gets_no_password(pki: Pki, tmp_path: Path) -> None:
    stranger = make_pki(tmp_path)
    mail = Mail()
    seen = visited(mail, stranger, logins(pki))
    assert outcomes(seen)[0] == ("USER", "not-verified") and nothing_was_sent(mail)
    system = logins_of({"user": USER, "password": SECRET})
    assert outcomes(visited(mail, stranger, system))[0] == ("USER", "not-verified") and nothing_was_sent(mail)


def test_the_user_may_ask_for_less(pki: Pki, tmp_path: Path) -> None:
    seen = visited(Mail(), make_pki(tmp_path, "other.test.example"), logins(pki, unverified=True))
    assert outcomes(seen)[0] == ("USER", "logged-in") and not seen.logins[0].verified


def test_a_server_in_clear_text_gets_nothing(pki: Pki) -> None:
    heard = []

    def clear(caller: Any) -> None:
        caller.say(b"+OK ready\r\n")
        while line := caller.hear_line():
            heard.append(line)
            caller.say(b"+OK\r\n.\r\n")

    with Server(clear) as server:
        (seen,), _summary = look(target(server.port), logins=logins(pki))
    assert seen.logins == () and "no POP3 session inside TLS" in seen.logins_ended
    assert not any(b"USER" in line or b"PASS" in line for line in heard)


def test_where_no_login_is_owed_none_is_made(pki: Pki) -> None:
    mail = Mail()
    seen = visited(mail, pki, login=None)
    assert seen.logins == () and seen.logins_ended == "" and nothing_was_sent(mail)
    with Server(mail.behaviour(pki.context)) as server:
        (seen,), _summary = look(target(server.port))
    assert seen.logins == () and seen.logins_ended == "no credentials came here for it"


def test_dele_is_taken_back(pki: Pki) -> None:
    mail = Mail()
    seen = visited(mail, pki, login="dele")
    box = seen.logins[0].mailbox
    assert box is not None and (box.dele, box.rset, box.messages_after, box.octets_after) == ("+OK", "+OK", 3, TOTAL)
    assert box.quit == "+OK" and mail.deleted == []


@pytest.mark.parametrize(
    "mail",
    [
        Mail(rset_forgets=True),
        Mail(answers={b"RSET": b"-ERR no\r\n"}),
        Mail(answers={b"RSET": b"huh\r\n"}),
        Mail(answers={b"RSET": b""}),
        Mail(answers={b"DELE": b"huh\r\n"}),
    ],
)
def test_where_rset_did_not_bring_it_back_no_quit_is_said(pki: Pki, mail: Mail) -> None:
    seen = visited(mail, pki, login="dele", pop3_timeout=0.4, tls_timeout=1.0)
    box = seen.logins[0].mailbox
    assert box is not None and box.quit == "not-asked"
    assert mail.deleted == []


def test_where_to_fetch_may_delete_nothing_is_fetched(pki: Pki) -> None:
    mail = Mail(capabilities=(b"USER", b"EXPIRE 0"), greeting=b"+OK")
    box = visited(mail, pki).logins[0].mailbox
    assert box is not None and (box.retr, box.retr_skipped) == ("not-asked", "expires")
    assert not any(line.startswith(b"RETR") for line in mail.said)


def test_an_empty_mailbox(pki: Pki) -> None:
    box = visited(Mail(messages={}), pki, login="dele").logins[0].mailbox
    assert box is not None and box.outcome == "completed"
    assert (box.messages, box.list_messages, box.retr_skipped, box.dele) == (0, 0, "empty", "not-asked")


def test_a_smallest_message_that_is_too_large_is_left_alone(pki: Pki) -> None:
    answers = {b"STAT": b"+OK 1 9000000\r\n", b"LIST": b"+OK\r\n1 9000000\r\n.\r\n"}
    box = visited(Mail(answers=answers), pki).logins[0].mailbox
    assert box is not None and (box.outcome, box.retr_skipped) == ("completed", "too-large")


def test_the_initial_response_waits_where_it_has_no_room(pki: Pki) -> None:
    long = "x" * 300
    mail = Mail(password=long, capabilities=(b"SASL PLAIN",), greeting=b"+OK")
    assert outcomes(visited(mail, pki, logins(pki, long))) == [("PLAIN", "logged-in")]
    assert b"AUTH PLAIN" in mail.said


def test_what_is_not_ascii_goes_by_sasl_alone(pki: Pki) -> None:
    mail = Mail(password="pässword")
    seen = visited(mail, pki, logins(pki, "pässword"))
    assert outcomes(seen)[0] == ("USER", "not-tried")
    mail = Mail(password="pässword", capabilities=(b"SASL PLAIN",), greeting=b"+OK")
    assert outcomes(visited(mail, pki, logins(pki, "pässword"))) == [("PLAIN", "logged-in")]


@pytest.mark.parametrize(
    ("mail", "outcome", "phase"),
    [
        (Mail(answers={b"STAT": b"+OK\r\n"}), "malformed", "stat"),
        (Mail(answers={b"STAT": b"+OK 99999999999999999999 1\r\n"}), "malformed", "stat"),
        (Mail(answers={b"STAT": b"+OK 3 1\r\n+OK\r\n"}), "malformed", "list"),
        (Mail(answers={b"LIST": b"+OK\r\nnothing\r\n.\r\n"}), "malformed", "list"),
        (Mail(answers={b"LIST": b"+OK\r\n1 2\r\n1 2\r\n.\r\n"}), "malformed", "list"),
        (Mail(answers={b"LIST": b"+OK\r\n1 2\r\n"}), "timeout", "list"),
        (Mail(answers={b"LIST": b"+OK\r\n" + b"x" * 65536}), "oversize", "list"),
        (Mail(answers={b"UIDL": b"+OK\r\n"}), "timeout", "uidl"),
        (Mail(answers={b"TOP": b"+OK\r\n" + b"h" * 300000}), "oversize", "top"),
        (Mail(answers={b"RETR": b"+OK\r\n" + b"h" * 300000}), "oversize", "retr"),
        (Mail(answers={b"RETR": b"+OK\r\nend\r\n.\n"}), "timeout", "retr"),
        (Mail(answers={b"CAPA": b"+OK\r\nTOP\r\n"}), "timeout", "capa"),
        (Mail(answers={b"CAPA": b"what\r\n"}), "malformed", "capa"),
    ],
)
def test_how_a_walk_through_the_mailbox_may_end(pki: Pki, mail: Mail, outcome: str, phase: str) -> None:
    seen = visited(mail, pki, pop3_timeout=0.3, tls_timeout=1.0)
    box = seen.logins[0].mailbox
    assert seen.logins[0].outcome == "logged-in" and box is not None
    assert (box.outcome, box.ended_in) == (outcome, phase)
    assert mail.deleted == []


@pytest.mark.parametrize(
    ("answers", "facts"),
    [
        ({b"LIST": b"-ERR no\r\n"}, {"listing": "-ERR", "list_messages": None, "retr_skipped": "empty"}),
        ({b"UIDL": b"-ERR no\r\n"}, {"uidl": "-ERR", "uidl_unique": None}),
        ({b"UIDL": b"+OK\r\n1 a\r\n2 a\r\n3 c\r\n.\r\n"}, {"uidl_unique": False, "uidl_messages": 3}),
        ({b"UIDL": b"+OK\r\n1 a\r\n2\r\n3 c\r\n.\r\n"}, {"uidl_unique": False, "uidl_messages": 3}),
        ({b"RETR": b"+OK\r\nshort\r\n.\r\n"}, {"retr": "+OK", "retr_octets": 7}),
        ({b"RETR": b"+OK\r\n.\r\n"}, {"retr": "+OK", "retr_octets": 0}),
        ({b"RETR": b"+OK\r\n..\r\n\n.\n\r\n.\r\n"}, {"retr": "+OK", "retr_octets": 8}),
        ({b"TOP": b"-ERR\r\n"}, {"top": "-ERR", "retr": "+OK"}),
    ],
)
def test_what_the_mailbox_commands_show(pki: Pki, answers: dict[bytes, bytes], facts: dict[str, Any]) -> None:
    box = visited(Mail(answers=answers), pki).logins[0].mailbox
    assert box is not None and box.outcome == "completed"
    assert {name: getattr(box, name) for name in facts} == facts


def echoes() -> list[Mail]:
    """Servers that say what they have heard, wherever they can."""
    word = SECRET.encode()
    every = b"+OK " + word + b"\r\n" + word + b"\r\n" + plain() + b"\r\n" + USER.encode() + b"\r\n.\r\n"
    return [
        Mail(refusal=b"-ERR [AUTH] " + word + b" " + plain() + b"\r\n", password="another"),
        Mail(refusal=b"-ERR [" + word.upper() + b"] " + word + b"\r\n", password="another"),
        Mail(refusal=word + b"\r\n", password="another"),
        *(Mail(answers={command: every}) for command in (b"STAT", b"LIST", b"UIDL", b"TOP", b"RETR", b"CAPA", b"QUIT")),
    ]


@pytest.mark.parametrize("mail", echoes())
def test_what_a_server_says_back_is_not_kept(pki: Pki, mail: Mail) -> None:
    seen = visited(mail, pki, pop3_timeout=0.4, tls_timeout=1.0)
    text = json.dumps(observation_to_json(seen)) + repr(seen)
    for secret in secrets():
        assert secret not in text and secret.upper() not in text


def test_options_show_no_secret(pki: Pki) -> None:
    from port995.probe.options import ScanOptions

    options = ScanOptions(logins=logins(pki))
    shown = repr(options) + repr(options.logins) + repr(logins_of({"hosts": {"mx": {"user": USER, "password": SECRET}}}))
    assert not any(secret in shown for secret in secrets())
    assert repr(Login("USER", "refused"))


def test_a_login_needs_a_session_and_anchors(pki: Pki) -> None:
    with pytest.raises(OptionsError, match="a login needs a session"):
        look(target(1), logins=logins(pki), depth="port")
    for anchors in ("", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(OptionsError, match="CA certificates"):
            look(target(1), logins=logins_of({"user": USER, "password": SECRET}, anchors))


def test_the_challenge_of_this_very_session_is_answered(pki: Pki) -> None:
    mail = Mail(capabilities=(b"UIDL",))
    visited(mail, pki)
    (line,) = [line for line in mail.said if line.startswith(b"APOP")]
    assert re.fullmatch(rb"APOP monitor [0-9a-f]{32}", line) and CHALLENGE not in line
