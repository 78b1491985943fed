# SPDX-License-Identifier: GPL-3.0-or-later
"""Handshake messages: what is there is read, and no octets whatever make the readers raise, or invent a fact."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from port995.probe.handshake_messages import (
    ALERT,
    CERTIFICATE,
    CERTIFICATE_VERIFY,
    HANDSHAKE,
    MAX_KEPT,
    SERVER_HELLO,
    SERVER_KEY_EXCHANGE,
    HandshakeFacts,
    Transcript,
    read_handshake,
    read_ticket,
)

SUITES = [
    None,
    "",
    "TLS_AES_128_GCM_SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES128-SHA",
    "ADH-AES128-SHA",
    "AES128-SHA",
]
X25519, SECP256R1 = 0x001D, 0x0017
KINDS = [SERVER_HELLO, CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_VERIFY]


def vector(size: int, content: bytes) -> bytes:
    return len(content).to_bytes(size, "big") + content


def number(value: int, size: int = 2) -> bytes:
    return value.to_bytes(size, "big")


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + vector(3, body)


def server_hello(
    version: int = 0x0303, *, supported: int | None = None, share: int | None = None, retry: bool = False
) -> bytes:
    extensions = b""
    if supported is not None:
        extensions += number(43) + vector(2, number(supported))
    if share is not None:
        extensions += number(51) + vector(2, number(share) + (b"" if retry else vector(2, bytes(32))))
    body = number(version) + bytes(32) + vector(1, bytes(32)) + b"\xc0\x2f\x00"
    return message(SERVER_HELLO, body + (vector(2, extensions) if extensions else b""))


def chain_1_3(*certificates: bytes, extensions: bytes = b"") -> bytes:
    entries = b"".join(vector(3, one) + vector(2, extensions) for one in certificates)
    return message(CERTIFICATE, vector(1, b"") + vector(3, entries))


def chain_1_2(*certificates: bytes) -> bytes:
    return message(CERTIFICATE, vector(3, b"".join(vector(3, one) for one in certificates)))


def ecdhe(group: int, scheme: int | None) -> bytes:
    signed = b"" if scheme is None else number(scheme)
    return message(SERVER_KEY_EXCHANGE, b"\x03" + number(group) + vector(1, bytes(65)) + signed + vector(2, bytes(70)))


def transcript(*messages: bytes) -> Transcript:
    made = Transcript()
    for one in messages:
        made.record(HANDSHAKE, one[0], one)
    return made


def test_tls_1_3_tells_group_scheme_and_chain() -> None:
    seen = transcript(
        server_hello(supported=0x0304, share=X25519),
        chain_1_3(b"leaf", b"issuer", extensions=number(5) + vector(2, b"staple")),
        message(CERTIFICATE_VERIFY, number(0x0804) + vector(2, bytes(256))),
    )
    assert read_handshake(seen, "TLS_AES_128_GCM_SHA256") == HandshakeFacts(
        0x0304, X25519, 0x0804, (b"leaf", b"issuer")
    )


def test_the_hello_after_a_hello_retry_request_stands() -> None:
    seen = transcript(
        server_hello(supported=0x0304, share=SECP256R1, retry=True), server_hello(supported=0x0304, share=X25519)
    )
    assert read_handshake(seen, "TLS_AES_128_GCM_SHA256").group == X25519


def test_tls_1_2_tells_group_scheme_and_chain_of_ecdhe() -> None:
    seen = transcript(server_hello(), chain_1_2(b"leaf", b"issuer"), ecdhe(SECP256R1, 0x0403))
    assert read_handshake(seen, "ECDHE-ECDSA-AES128-GCM-SHA256") == HandshakeFacts(
        0x0303, SECP256R1, 0x0403, (b"leaf", b"issuer")
    )


def test_below_tls_1_2_a_key_exchange_names_no_scheme() -> None:
    """What stands there is the length of the signature (RFC 4492 section 5.4)."""
    seen = transcript(server_hello(0x0301), ecdhe(SECP256R1, None))
    facts = read_handshake(seen, "ECDHE-RSA-AES128-SHA")
    assert (facts.version, facts.group, facts.signature_scheme) == (0x0301, SECP256R1, None)


def test_dhe_tells_its_scheme_and_no_group() -> None:
    exchange = message(
        SERVER_KEY_EXCHANGE,
        vector(2, bytes(256)) + vector(2, b"\x02") + vector(2, bytes(256)) + number(0x0401) + vector(2, bytes(256)),
    )
    facts = read_handshake(transcript(server_hello(), exchange), "DHE-RSA-AES128-GCM-SHA256")
    assert (facts.group, facts.signature_scheme) == (None, 0x0401)


def test_an_explicit_curve_is_no_named_group() -> None:
    exchange = message(SERVER_KEY_EXCHANGE, b"\x01" + number(SECP256R1) + vector(1, bytes(65)))
    facts = read_handshake(transcript(server_hello(), exchange), "ECDHE-RSA-AES128-SHA")
    assert (facts.group, facts.signature_scheme) == (None, None)


def test_a_key_exchange_of_rsa_tells_nothing() -> None:
    facts = read_handshake(transcript(server_hello(), ecdhe(SECP256R1, 0x0403)), "AES128-SHA")
    assert (facts.group, facts.signature_scheme) == (None, None)


def test_nothing_is_read_without_a_hello() -> None:
    """The form of the Certificate message depends on the version; a guess could misread it."""
    assert read_handshake(transcript(chain_1_2(b"leaf")), "AES128-SHA") == HandshakeFacts()
    assert read_handshake(Transcript(), None) == HandshakeFacts()


def test_only_whole_messages_are_read() -> None:
    whole = chain_1_2(b"leaf", b"issuer")
    for cut in range(len(whole)):
        assert read_handshake(transcript(server_hello(), whole[:cut] or b"\x0b"), "AES128-SHA").certificates == ()
    assert read_handshake(transcript(server_hello(), whole + b"x"), "AES128-SHA").certificates == ()
    assert read_handshake(transcript(server_hello(), whole), "AES128-SHA").certificates == (b"leaf", b"issuer")


@given(
    kinds=st.lists(st.tuples(st.sampled_from(KINDS), st.binary(max_size=200))),
    suite=st.sampled_from(SUITES),
)
def test_no_octets_make_a_reader_raise(kinds: list[tuple[int, bytes]], suite: str | None) -> None:
    made = Transcript()
    for kind, data in kinds:
        made.record(HANDSHAKE, kind, data)
    assert isinstance(read_handshake(made, suite), HandshakeFacts)


@given(
    bodies=st.lists(st.tuples(st.sampled_from(KINDS), st.binary(max_size=120))),
    version=st.sampled_from([0x0300, 0x0301, 0x0303, 0x0304]),
    suite=st.sampled_from(SUITES),
)
def test_no_body_makes_a_reader_raise(bodies: list[tuple[int, bytes]], version: int, suite: str | None) -> None:
    """Deeper: the outer length is right, and a readable hello came first."""
    hello = server_hello(supported=version, share=X25519) if version == 0x0304 else server_hello(version)
    made = transcript(hello, *(message(kind, body) for kind, body in bodies))
    facts = read_handshake(made, suite)
    assert facts.group is None or 0 <= facts.group <= 0xFFFF
    assert facts.signature_scheme is None or 0 <= facts.signature_scheme <= 0xFFFF
    assert sum(map(len, facts.certificates)) <= sum(len(body) for _kind, body in bodies)


@given(
    position=st.integers(0, 400),
    octet=st.integers(0, 255),
    suite=st.sampled_from(SUITES),
)
def test_one_wrong_octet_makes_no_reader_raise(position: int, octet: int, suite: str | None) -> None:
    for messages in (
        [server_hello(supported=0x0304, share=X25519), chain_1_3(b"leaf" * 9, b"issuer" * 9)],
        [server_hello(), chain_1_2(b"leaf" * 9, b"issuer" * 9), ecdhe(SECP256R1, 0x0403)],
    ):
        for index, one in enumerate(messages):
            spoilt = bytearray(one)
            spoilt[position % len(one)] = octet
            changed = [*messages[:index], bytes(spoilt), *messages[index + 1 :]]
            made = Transcript()
            for original, data in zip(messages, changed, strict=True):
                made.record(HANDSHAKE, original[0], data)
            read_handshake(made, suite)


@given(certificates=st.lists(st.binary(min_size=1, max_size=50), max_size=6), version=st.sampled_from([0x0303, 0x0304]))
def test_every_chain_comes_back_as_it_was_sent(certificates: list[bytes], version: int) -> None:
    if version == 0x0304:
        messages = [server_hello(supported=0x0304, share=X25519), chain_1_3(*certificates)]
    else:
        messages = [server_hello(), chain_1_2(*certificates)]
    assert read_handshake(transcript(*messages), "AES128-SHA").certificates == tuple(certificates)


def test_what_is_kept_is_bounded() -> None:
    made = Transcript()
    for _number in range(100):
        made.record(HANDSHAKE, CERTIFICATE, message(CERTIFICATE, bytes(64 * 1024)))
        made.record(ALERT, 0, b"\x01\x5a")
    assert sum(map(len, made.messages.values())) <= MAX_KEPT
    assert len(made.alerts) <= 16
    huge = Transcript()
    huge.record(HANDSHAKE, CERTIFICATE, message(CERTIFICATE, bytes(MAX_KEPT)))
    assert huge.messages == {}


def test_other_records_and_messages_are_not_kept() -> None:
    made = Transcript()
    made.record(HANDSHAKE, 8, message(8, b"encrypted extensions"))
    made.record(23, SERVER_HELLO, server_hello())
    made.record(256, SERVER_HELLO, b"\x16\x03\x03\x00\x01")
    assert made.messages == {}


def test_alerts_are_told_apart() -> None:
    made = Transcript()
    assert (made.fatal_alert, made.closed) == (None, False)
    made.record(ALERT, 0, b"\x01\x70")
    assert (made.fatal_alert, made.closed) == (None, False)
    made.record(ALERT, 0, b"\x02")
    assert made.fatal_alert is None
    made.record(ALERT, 0, b"\x02\x28")
    made.record(ALERT, 0, b"\x02\x46")
    assert (made.fatal_alert, made.closed) == (40, False)
    made.record(ALERT, 0, b"\x01\x00")
    assert made.closed


def test_a_ticket_tells_its_life_and_what_early_data_it_allows() -> None:
    extension = b"\x00\x2a\x00\x04" + (16384).to_bytes(4, "big")
    body = (7200).to_bytes(4, "big") + bytes(4) + b"\x01\x00" + b"\x00\x02tt" + len(extension).to_bytes(2, "big") + extension
    assert read_ticket(message(4, body), "TLSv1.3") == (7200, 16384)
    assert read_ticket(message(4, (300).to_bytes(4, "big") + b"\x00\x01t"), "TLSv1.2") == (300, None)
    for broken in (None, b"", message(4, b"\x00"), message(4, body[:-1])):
        assert read_ticket(broken, "TLSv1.3") in ((None, None), (0, None))
