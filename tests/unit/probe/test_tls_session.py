# SPDX-License-Identifier: GPL-3.0-or-later
"""The handshake: what was negotiated and sent is seen as it was, and every hostile end of it has its word."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time

import pytest

from port995.probe import tls_session
from port995.probe.model import Observation, TlsSession
from port995.probe.tls_session import HandshakeEnded, NotTls, TlsStream, make_context, sni_of
from tests.hostile import behaviours
from tests.hostile.behaviours import ALERT_RECORD, HANDSHAKE_RECORD, record
from tests.hostile.server import Behaviour, Server, refusing_port

from .seeing import SAFETY, see, see_clear, stream_to, tls_target
from .tls_servers import identity, inside, pop3, server_context

TLS_1_0, TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
SECP256R1, SECP384R1, X25519 = 23, 24, 29
"""IANA TLS Supported Groups registry."""
ECDSA_SECP256R1_SHA256, RSA_PSS_RSAE_SHA256, ED25519 = 0x0403, 0x0804, 0x0807
"""IANA TLS SignatureScheme registry."""


def seen_of(behaviour: Behaviour, **changes: object) -> Observation:
    with Server(behaviour) as server:
        return see(tls_target(server.port), **changes)


def session_of(behaviour: Behaviour, **changes: object) -> TlsSession:
    tls = seen_of(behaviour, **changes).tls
    assert tls is not None
    return tls


def chain_of(session: TlsSession) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(one) for one in session.certificates)


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
@pytest.mark.parametrize(
    ("kind", "scheme"), [("ec", ECDSA_SECP256R1_SHA256), ("rsa", RSA_PSS_RSAE_SHA256), ("ed25519", ED25519)]
)
@pytest.mark.parametrize(("curve", "group"), [("prime256v1", SECP256R1), ("secp384r1", SECP384R1)])
def test_chain_group_and_signature_scheme_are_seen(
    version: ssl.TLSVersion, kind: str, scheme: int, curve: str, group: int
) -> None:
    seen = session_of(inside(server_context(kind, version, curve=curve)))
    assert (seen.outcome, seen.detail, seen.alert) == ("completed", "", None)
    assert seen.version == {TLS_1_2: "TLSv1.2", TLS_1_3: "TLSv1.3"}[version]
    assert (seen.group, seen.signature_scheme) == (group, scheme)
    assert (seen.chain_source, chain_of(seen)) == ("handshake", identity(kind).chain)
    assert len(seen.certificates) == 3
    assert seen.octets_received > sum(map(len, chain_of(seen)))


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_a_server_without_its_intermediate_is_seen_to_send_none(version: ssl.TLSVersion) -> None:
    lonely = identity("ec", intermediate=False)
    seen = session_of(inside(server_context(version=version, own=lonely)))
    assert (seen.chain_source, chain_of(seen)) == ("handshake", lonely.chain)
    assert len(seen.certificates) == 1


def test_a_group_after_a_hello_retry_request_is_the_one_that_was_used() -> None:
    """A client sends a key share for its first group only; the server asks for another, in a message that looks like
    a ServerHello (RFC 8446 section 4.1.4)."""
    seen = session_of(inside(server_context("ec", TLS_1_3, curve="secp521r1")))
    assert (seen.outcome, seen.group) == ("completed", 25)


def test_a_key_exchange_without_a_group_shows_none() -> None:
    seen = session_of(inside(server_context("rsa", TLS_1_2, ciphers="AES128-SHA:@SECLEVEL=0")))
    assert (seen.cipher_suite, seen.group, seen.signature_scheme) == ("AES128-SHA", None, None)
    assert chain_of(seen) == identity("rsa").chain


def test_a_version_that_no_strict_client_takes_is_still_seen() -> None:
    try:
        context = server_context("rsa", TLS_1_0, ciphers="ALL:@SECLEVEL=0")
    except (ValueError, ssl.SSLError) as error:
        pytest.skip(f"this OpenSSL serves no TLS 1.0: {error}")
    seen = session_of(inside(context))
    assert (seen.outcome, seen.version) == ("completed", "TLSv1")
    assert seen.group is not None and seen.signature_scheme is None
    assert chain_of(seen) == identity("rsa").chain


def handshake_with(context: ssl.SSLContext, server: Server, name: str | None = None) -> TlsSession:
    async def run() -> TlsSession:
        stream = await stream_to(server.port)
        try:
            tls = TlsStream(stream, context, name)
            await tls.handshake()
            return tls.session("completed")
        finally:
            stream.close()

    return asyncio.run(asyncio.wait_for(run(), SAFETY))


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_a_python_that_shows_no_messages_gives_the_leaf_and_says_so(version: ssl.TLSVersion) -> None:
    with Server(inside(server_context(version=version))) as server:
        watched = handshake_with(make_context(), server)
        blind = handshake_with(make_context(watch=False), server)
    assert (watched.chain_source, len(watched.certificates)) == ("handshake", 3)
    assert (blind.chain_source, chain_of(blind)) == ("leaf-only", identity().chain[:1])
    assert (blind.group, blind.signature_scheme) == (None, None)
    assert (blind.outcome, blind.version, blind.cipher_suite) == (
        "completed", watched.version, watched.cipher_suite,
    )  # fmt: skip


def test_a_chain_that_was_misread_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = tls_session.read_handshake

    def misread(*arguments: object) -> object:
        facts = real(*arguments)  # type: ignore[arg-type]
        return type(facts)(facts.version, facts.group, facts.signature_scheme, facts.certificates[1:])

    monkeypatch.setattr(tls_session, "read_handshake", misread)
    seen = session_of(inside(server_context()))
    assert (seen.chain_source, chain_of(seen)) == ("leaf-only", identity().chain[:1])


def test_one_context_keeps_the_sessions_of_two_servers_apart() -> None:
    with Server(inside(server_context("ec"))) as one, Server(inside(server_context("rsa"))) as other:
        context = make_context()

        async def run() -> list[TlsSession]:
            async def shake(port: int) -> TlsSession:
                stream = await stream_to(port)
                try:
                    tls = TlsStream(stream, context, None)
                    await tls.handshake()
                    return tls.session("completed")
                finally:
                    stream.close()

            return list(await asyncio.gather(*(shake(port) for port in [one.port, other.port] * 5)))

        seen = asyncio.run(asyncio.wait_for(run(), SAFETY))
    for index, session in enumerate(seen):
        assert chain_of(session) == identity("rsa" if index % 2 else "ec").chain


@pytest.mark.parametrize("goodbye", [True, False])
def test_the_end_of_tls_before_the_end_of_tcp_is_told(goodbye: bool) -> None:
    assert session_of(inside(server_context(), say_goodbye=goodbye)).close_notify is goodbye


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("mail.example.org", "mail.example.org"),
        ("mail.example.org.", "mail.example.org"),
        ("m\u00fcller.example", "xn--mller-kva.example"),
        ("192.0.2.1", None),
        ("2001:db8::1", None),
        ("", None),
        (None, None),
    ],
)
def test_the_name_as_it_is_sent(given: str | None, sent: str | None) -> None:
    assert sni_of(given) == sent


def test_the_server_hears_the_name_that_is_told() -> None:
    heard: list[str | None] = []
    context = server_context()
    context.sni_callback = lambda connection, name, own: heard.append(name)
    with Server(inside(context)) as server:
        named = see(tls_target(server.port, server_name="mail.example.org"))
        unnamed = see(tls_target(server.port))
    assert heard == ["mail.example.org", None]
    assert named.tls is not None and named.tls.server_name_sent == "mail.example.org"
    assert unnamed.tls is not None and unnamed.tls.server_name_sent is None


@pytest.mark.parametrize("name", ["a" * 300 + ".example", "\u00fc" * 80 + ".example", "a..\u00fc"])
def test_a_name_that_does_not_fit_is_not_tested_and_told(name: str) -> None:
    with Server(inside(server_context())) as server:
        seen = see(tls_target(server.port, server_name=name))
    assert seen.tls is not None and seen.tls.outcome == "not-tested"
    assert "SNI" in seen.tls.detail
    assert seen.tcp is not None and seen.tcp.state == "open"
    assert seen.pop3 is None


@pytest.mark.parametrize("description", [40, 70, 71, 80, 86, 112, 120])
def test_a_fatal_alert_is_told_with_its_number(description: int) -> None:
    seen = session_of(behaviours.alerting(description))
    assert (seen.outcome, seen.alert) == ("alert", description)
    assert seen.certificates == () and seen.version is None and seen.chain_source == "none"


def test_a_warning_alert_alone_is_no_fatal_one() -> None:
    """unrecognized_name as a warning (RFC 6066 section 3); then the server is gone."""
    seen = session_of(behaviours.alerting(112, level=1))
    assert seen.alert is None and seen.outcome in ("eof", "failed")


def test_a_server_that_wants_a_client_certificate_refuses_with_its_alert() -> None:
    context = server_context(version=TLS_1_3)
    context.verify_mode = ssl.CERT_REQUIRED
    seen = seen_of(inside(context))
    assert seen.tls is not None
    assert (seen.tls.outcome, seen.tls.alert) == ("alert", 116)
    assert seen.pop3 is not None and seen.pop3.outcome != "completed"


def test_versions_that_do_not_meet_end_with_an_alert() -> None:
    """The server takes no suite that is offered."""
    with Server(inside(server_context("ec", TLS_1_2, ciphers="ECDHE-RSA-AES128-GCM-SHA256"))) as server:
        seen = see(tls_target(server.port))
    assert seen.tls is not None and (seen.tls.outcome, seen.tls.alert) == ("alert", 40)


ENDS: list[tuple[str, Behaviour, str]] = [
    ("closes before a word", behaviours.close_at_once, "eof"),
    ("closes after the hello", behaviours.close_after_hearing, "eof"),
    ("resets after the hello", behaviours.reset_after_hearing, "reset"),
    ("resets before a word", behaviours.reset_at_once, "reset"),
]


@pytest.mark.parametrize(("behaviour", "word"), [end[1:] for end in ENDS], ids=[end[0] for end in ENDS])
def test_an_early_end_has_its_word(behaviour: Behaviour, word: str) -> None:
    seen = seen_of(behaviour)
    assert seen.tcp is not None and seen.tcp.state == "open"
    assert seen.tls is not None
    # A close with octets unread is a reset for TCP: a server that never read the hello may show either.
    assert seen.tls.outcome in ({word, "reset"} if behaviour is behaviours.close_at_once else {word})
    assert (seen.tls.octets_received, seen.tls.certificates) == (0, ())
    assert "throttle" in seen.tls.detail
    assert seen.pop3 is None and seen.plaintext is None


def test_silence_ends_at_the_deadline_and_hints_at_a_proxy_header() -> None:
    started = time.monotonic()
    seen = session_of(behaviours.silence, tls_timeout=0.5)
    assert (seen.outcome, seen.octets_received) == ("timeout", 0)
    assert "PROXY protocol" in seen.detail
    assert time.monotonic() - started < 20


def test_an_octet_at_a_time_does_not_move_the_deadline() -> None:
    hello = record(HANDSHAKE_RECORD, b"\x02\x00\x10\x00" + bytes(4096))
    started = time.monotonic()
    seen = session_of(behaviours.drip(hello, 0.05, after_hearing=True), tls_timeout=1.0)
    assert seen.outcome == "timeout"
    assert 0 < seen.octets_received < 200
    assert seen.seconds >= 1.0 and time.monotonic() - started < 20
    assert "PROXY" not in seen.detail


def test_a_good_handshake_in_single_octets_is_read_all_the_same() -> None:
    """The same server with its octets passed on one by one, as fast as they come."""
    with Server(inside(server_context())) as behind:

        def relay(caller: behaviours.Caller) -> None:
            import socket
            import threading

            with socket.create_connection(("127.0.0.1", behind.port)) as upstream:
                upstream.settimeout(60)

                def back() -> None:
                    try:
                        while octet := upstream.recv(1):
                            caller.say(octet)
                    except OSError:
                        pass

                thread = threading.Thread(target=back)
                thread.start()
                try:
                    while heard := caller.hear():
                        upstream.sendall(heard)
                finally:
                    upstream.shutdown(socket.SHUT_RDWR)
                    thread.join(30)

        seen = seen_of(relay)
    assert seen.tls is not None and seen.tls.outcome == "completed"
    assert chain_of(seen.tls) == identity().chain
    assert seen.pop3 is not None and seen.pop3.capa_status == "listed"


PLAIN = [
    b"+OK POP3 ready\r\n",
    b"-ERR too many connections\r\n",
    b"220 mail ESMTP\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
]


@pytest.mark.parametrize("spoken", PLAIN)
def test_plain_text_where_tls_is_expected_is_kept(spoken: bytes) -> None:
    seen = seen_of(behaviours.saying(spoken))
    assert seen.tls is not None and seen.tls.outcome == "not-tls"
    assert (seen.plaintext or "").encode("latin-1").startswith(spoken.split(b"\n")[0])
    if spoken.startswith((b"+OK", b"-ERR")):
        assert seen.clear is not None and seen.clear.greeting == spoken.strip().decode()
        assert seen.clear.outcome == "not-tested"
    else:
        assert seen.clear is None


@pytest.mark.parametrize("spoken", [b"+OK POP3 ready\r\n", b"-ERR go away\r\n"])
def test_plain_text_octet_by_octet_is_the_same_plain_text(spoken: bytes) -> None:
    seen = seen_of(behaviours.drip(spoken, 0.01))
    assert seen.tls is not None and seen.tls.outcome == "not-tls"
    assert seen.plaintext == spoken.decode()
    assert seen.clear is not None and seen.clear.greeting == spoken.strip().decode()


@pytest.mark.parametrize("pieces", [1, 2, 5])
def test_a_first_octet_that_could_be_tls_fools_nobody(pieces: int) -> None:
    spoken = b"\x16hello\r\n"

    def behave(caller: behaviours.Caller) -> None:
        caller.say(spoken[:pieces])
        caller.wait(0.2)
        caller.say(spoken[pieces:])
        caller.wait_for_end()

    seen = seen_of(behave)
    assert seen.tls is not None and seen.tls.outcome == "not-tls"
    assert seen.plaintext == spoken.decode()
    assert seen.clear is None


def test_endless_plain_text_is_bounded() -> None:
    seen = seen_of(behaviours.endless(b"x"))
    assert seen.tls is not None and seen.tls.outcome == "not-tls"
    assert seen.plaintext == "x" * 512
    assert seen.connections[0].octets_received < 1024 * 1024


def test_plain_text_without_an_end_is_not_waited_for_long() -> None:
    seen = seen_of(behaviours.saying(b"+OK no line end"))
    assert (seen.plaintext, seen.clear) == ("+OK no line end", None)
    assert seen.tls is not None and seen.tls.outcome == "not-tls"


@pytest.mark.parametrize(
    "piece",
    [
        record(HANDSHAKE_RECORD, b"\x02\xff\xff\xff" + bytes(16000)),
        record(HANDSHAKE_RECORD, b"\x0b\x0f\xff\xff" + bytes(16000)),
        record(HANDSHAKE_RECORD, b"\x00\x00\x00\x00"),
        record(ALERT_RECORD, b"\x01\x00"),
        record(ALERT_RECORD, b"\x01\x5a"),
        record(20, b"\x01"),
        record(23, bytes(16000)),
    ],
    ids=["huge hello", "huge certificate", "hello requests", "close_notify", "warnings", "change cipher", "data"],
)
def test_an_endless_handshake_is_bounded(piece: bytes) -> None:
    seen = seen_of(behaviours.endless(piece, after_hearing=True), tls_timeout=20)
    assert seen.tls is not None and seen.tls.outcome in ("failed", "eof", "alert", "reset")
    assert seen.connections[0].octets_received <= tls_session.MAX_HANDSHAKE_OCTETS + 64 * 1024
    assert seen.pop3 is None and seen.not_tested is None


def test_a_certificate_message_beyond_every_bound_ends_the_handshake() -> None:
    """Longer than OpenSSL's own bound: told as a failure of the handshake, with nothing believed of it."""
    chain = identity().chain
    certificate = b"".join(len(der).to_bytes(3, "big") + der for der in chain * 200)
    message = b"\x0b" + (len(certificate) + 3).to_bytes(3, "big") + len(certificate).to_bytes(3, "big") + certificate
    hello_body = b"\x03\x03" + bytes(32) + b"\x00" + b"\xc0\x2b" + b"\x00"
    hello = b"\x02" + len(hello_body).to_bytes(3, "big") + hello_body
    stream = hello + message
    records = b"".join(record(HANDSHAKE_RECORD, stream[at : at + 16000]) for at in range(0, len(stream), 16000))
    seen = session_of(behaviours.saying(records, after_hearing=True))
    assert seen.outcome == "failed" and seen.detail
    assert seen.certificates == ()


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_no_session(seed: int) -> None:
    seen = seen_of(behaviours.garbage(seed, after_hearing=True), tls_timeout=5)
    assert seen.tls is not None and seen.tls.outcome in ("not-tls", "failed", "eof", "reset", "alert")
    assert seen.not_tested is None and seen.pop3 is None


@pytest.mark.parametrize("seed", range(8))
def test_noise_in_a_record_is_no_session(seed: int) -> None:
    seen = session_of(behaviours.garbage(seed, first=b"\x16\x03\x03\x10\x00\x02", after_hearing=True), tls_timeout=5)
    assert seen.outcome in ("failed", "eof", "reset", "alert") and seen.certificates == ()


def test_what_is_said_inside_tls_at_the_end_of_a_record_is_not_lost() -> None:
    """The greeting may arrive in the same segment as the end of the handshake."""
    for version in (TLS_1_2, TLS_1_3):
        seen = seen_of(inside(server_context(version=version)))
        assert seen.pop3 is not None and seen.pop3.greeting == "+OK ready"
        assert [one.name for one in seen.pop3.capabilities] == ["USER", "UIDL"]


def test_a_connection_that_breaks_inside_tls_keeps_the_handshake() -> None:
    def talk(session: ssl.SSLSocket) -> None:
        session.sendall(b"+OK ready\r\n")
        session.recv(16)

    seen = seen_of(inside(server_context(), talk, say_goodbye=False))
    assert seen.tls is not None and (seen.tls.outcome, seen.tls.chain_source) == ("completed", "handshake")
    assert seen.pop3 is not None and seen.pop3.greeting == "+OK ready"
    assert (seen.pop3.outcome, seen.pop3.ended_in) in {("eof", "capa"), ("reset", "capa")}


def raises(behaviour: Behaviour, kind: type[Exception]) -> Exception:
    async def run(port: int) -> Exception:
        stream = await stream_to(port)
        try:
            with pytest.raises(kind) as caught:
                await TlsStream(stream, make_context(), None).handshake()
            return caught.value
        finally:
            stream.close()

    with Server(behaviour) as server:
        return asyncio.run(asyncio.wait_for(run(server.port), SAFETY))


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (behaviours.close_after_hearing, HandshakeEnded),
        (behaviours.saying(b"+OK\r\n"), NotTls),
        (behaviours.alerting(40), HandshakeEnded),
        (behaviours.reset_after_hearing, OSError),
    ],
)
def test_the_handshake_raises_what_it_declares(behaviour: Behaviour, kind: type[Exception]) -> None:
    assert raises(behaviour, kind)


def stls(reply: bytes, context: ssl.SSLContext, capabilities: bytes = b"STLS\r\n") -> Behaviour:
    def before(caller: behaviours.Caller) -> bool:
        caller.say(b"+OK clear\r\n")
        assert caller.hear_line() == b"CAPA\r\n"
        caller.say(b"+OK\r\n" + capabilities + b".\r\n")
        assert caller.hear_line() == b"STLS\r\n"
        caller.say(reply)
        return reply == b"+OK\r\n"

    def talk(session: ssl.SSLSocket) -> None:
        pop3(session, b"")

    return inside(context, talk, before=before)


def see_stls(behaviour: Behaviour) -> Observation:
    with Server(behaviour) as server, refusing_port() as other:
        return see_clear(server.port, tls_port=other)


def test_stls_leads_into_tls_and_capabilities_are_asked_again() -> None:
    seen = see_stls(stls(b"+OK\r\n", server_context()))
    assert seen.clear is not None and seen.clear.stls_reply == "+OK" and seen.clear.octets_after_stls == ""
    assert seen.tls is not None and (seen.tls.outcome, chain_of(seen.tls)) == ("completed", identity().chain)
    assert seen.pop3 is not None and seen.pop3.greeting is None
    assert [one.name for one in seen.pop3.capabilities] == ["USER", "UIDL"]
    assert [one.purpose for one in seen.connections] == ["POP3 and STLS session"]


def test_octets_behind_the_answer_to_stls_are_told_and_end_it() -> None:
    """What an attacker put there would be read as if it came from inside TLS (CVE-2011-0411)."""
    seen = see_stls(stls(b"+OK\r\n+OK injected\r\n", server_context()))
    assert seen.clear is not None and seen.clear.octets_after_stls == "+OK injected\r\n"
    assert seen.tls is None and seen.pop3 is None


def test_stls_that_is_refused_is_no_tls() -> None:
    def before(caller: behaviours.Caller) -> bool:
        behaviours.answering(b"+OK\r\n", {b"CAPA": b"+OK\r\nSTLS\r\n.\r\n", b"QUIT": b"+OK\r\n"}, b"-ERR no\r\n")(
            caller
        )
        return False

    seen = see_stls(inside(server_context(), before=before))
    assert seen.clear is not None
    assert (seen.clear.outcome, seen.clear.stls_reply, seen.clear.quit_reply) == ("completed", "-ERR no", "+OK")
    assert seen.tls is None


def test_a_hang_after_stls_does_not_blame_a_missing_proxy_header() -> None:
    def before(caller: behaviours.Caller) -> bool:
        caller.say(b"+OK clear\r\n")
        caller.hear_line()
        caller.say(b"+OK\r\nSTLS\r\n.\r\n")
        caller.hear_line()
        caller.say(b"+OK\r\n")
        caller.wait_for_end()
        return False

    with Server(inside(server_context(), before=before)) as server, refusing_port() as other:
        seen = see_clear(server.port, tls_port=other, tls_timeout=0.5)
    assert seen.tls is not None and seen.tls.outcome == "timeout"
    assert "PROXY" not in seen.tls.detail


def test_the_context_verifies_nothing_and_offers_the_old() -> None:
    context = make_context()
    assert (context.check_hostname, context.verify_mode) == (False, ssl.CERT_NONE)
    names = {one["name"] for one in context.get_ciphers()}
    assert {"AES128-SHA", "TLS_AES_128_GCM_SHA256"} <= names
