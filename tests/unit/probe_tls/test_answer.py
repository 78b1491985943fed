# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to a hello: every field of a good one, the word for every bad one, and a bound on all of them."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from port995.probe.tls import answer as answers
from port995.probe.tls.answer import Answer, AnswerReader
from port995.probe.tls.client_hello import SSL_2, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3, Offer

from . import flights
from .flights import DONE, FLIGHT, alert, certificate, dhe, ecdhe, extension, message, record, server_hello

SUITES = (0xC02F, 0x009E, 0x0033, 0x0035, 0x0018, 0xC018)
OFFER = Offer(TLS_1_2, SUITES, (0x001D, 0x0017), (0x0804, 0x0401))
NEW = Offer(TLS_1_3, (0x1301, 0x1303), (0x001D, 0x0017, 0x0018), (0x0403, 0x0804), "empty")
OLD = Offer(SSL_2, (0x010080, 0x0700C0))

OUTCOMES = {
    "", "server-hello", "hello-retry-request", "alert", "eof", "malformed", "oversize", "not-tls", "ssl2-error",
}  # fmt: skip
BOUND = answers.MAX_ANSWER + 65536
CHUNK = 16384


def answer_to(offer: Offer, *pieces: bytes) -> Answer:
    reader = AnswerReader(offer)
    for piece in pieces:
        reader.feed(piece)
    return reader.answer


def fed(reader: AnswerReader, data: bytes, limit: int = 1 << 24) -> int:
    """Feed the same octets until the reader has had enough.

    :returns: octets that it took
    """
    taken = 0
    while taken < limit:
        taken += len(data)
        if reader.feed(data):
            break
    return taken


# What a good answer says


def test_every_field_of_a_tls_1_2_flight_is_read() -> None:
    random = bytes(24) + b"DOWNGRD\x01"
    hello = server_hello(0x0303, 0xC02F, extension(0xFF01, b"\0"), extension(23), random=random)
    data = record(hello + certificate(b"leaf", b"intermediate") + ecdhe(0x0017, 0x0401) + DONE)
    assert answer_to(OFFER, data) == Answer(
        "server-hello",
        version=TLS_1_2,
        suite=0xC02F,
        group=0x0017,
        signature=0x0401,
        complete=True,
        leaf=b"leaf",
        chain=(b"intermediate",),
        extensions=(0xFF01, 23),
        random_tail=random[-8:].hex(),
        compression=0,
        head=data[:32],
        octets=len(data),
    )


def test_a_flight_of_rsa_key_exchange_needs_no_server_key_exchange() -> None:
    answer = answer_to(OFFER, record(server_hello(0x0303, 0x0035) + certificate(b"leaf") + DONE))
    assert (answer.outcome, answer.complete, answer.suite, answer.group) == ("server-hello", True, 0x0035, None)


def test_compression_that_was_never_offered_is_told() -> None:
    assert answer_to(OFFER, record(server_hello(compression=1) + DONE)).compression == 1


def test_before_tls_1_2_a_signature_has_no_scheme() -> None:
    answer = answer_to(OFFER, record(server_hello(0x0301, 0xC02F) + certificate(b"leaf") + ecdhe(0x0017, None) + DONE))
    assert (answer.version, answer.group, answer.signature, answer.complete) == (TLS_1_0, 0x0017, None, True)


@pytest.mark.parametrize("bits", [512, 768, 1023, 1024, 2048, 8192])
def test_the_size_of_a_finite_field_group_is_that_of_its_prime(bits: int) -> None:
    answer = answer_to(OFFER, record(server_hello(0x0303, 0x009E) + certificate(b"leaf") + dhe(bits) + DONE))
    assert (answer.dh_bits, answer.signature, answer.group) == (bits, 0x0804, None)


@pytest.mark.parametrize("suite", [0x0018, 0xC018])
def test_an_anonymous_key_exchange_has_no_signature(suite: int) -> None:
    exchange = dhe(1024, 0x0804) if suite == 0x0018 else ecdhe(0x0017, 0x0804)
    answer = answer_to(OFFER, record(server_hello(0x0303, suite) + exchange + DONE))
    assert (answer.outcome, answer.signature, answer.leaf) == ("server-hello", None, None)


@pytest.mark.parametrize(("curve_type", "group"), [(1, 0xFF01), (2, 0xFF02)])
def test_explicit_curves_are_groups_of_their_own(curve_type: int, group: int) -> None:
    data = server_hello() + certificate(b"leaf") + ecdhe(0x0101, curve_type=curve_type) + DONE
    answer = answer_to(OFFER, record(data))
    assert (answer.outcome, answer.group) == ("server-hello", group)


def test_a_hello_retry_request_names_suite_and_group() -> None:
    answer = answer_to(NEW, record(flights.server_hello_13(0x1303, 0x0018, retry=True)))
    assert (answer.outcome, answer.version, answer.suite, answer.group, answer.complete) == (
        "hello-retry-request", TLS_1_3, 0x1303, 0x0018, True,
    )  # fmt: skip


def test_a_tls_1_3_server_hello_to_a_real_share_is_the_end_of_what_can_be_read() -> None:
    offer = dataclasses.replace(NEW, key_share="x25519")
    answer = answer_to(offer, record(flights.server_hello_13()), record(bytes(64), 23))
    assert (answer.outcome, answer.group, answer.complete) == ("server-hello", 0x001D, True)


def test_an_older_version_is_an_answer_to_a_newer_offer() -> None:
    offer = Offer(TLS_1_3, (0x1301, 0xC02F), (0x001D,), (0x0804,), "empty")
    answer = answer_to(offer, record(server_hello(0x0302) + certificate(b"leaf") + ecdhe(signature=None) + DONE))
    assert (answer.outcome, answer.version) == ("server-hello", TLS_1_1)


def test_a_certificate_message_without_certificates_has_no_leaf() -> None:
    answer = answer_to(OFFER, record(server_hello() + certificate() + ecdhe() + DONE))
    assert (answer.outcome, answer.leaf) == ("server-hello", b"")


# Records and pieces


@pytest.mark.parametrize("size", [1, 2, 5, 17, 100])
def test_messages_may_be_split_over_records(size: int) -> None:
    whole = answer_to(OFFER, FLIGHT)
    answer = answer_to(OFFER, flights.in_records_of(size, FLIGHT[5:]))
    assert dataclasses.replace(answer, head=b"", octets=0) == dataclasses.replace(whole, head=b"", octets=0)


@given(st.lists(st.integers(0, len(FLIGHT)), max_size=30))
def test_the_pieces_in_which_it_comes_make_no_difference(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(FLIGHT)]
    pieces = [FLIGHT[start:end] for start, end in zip(at, at[1:], strict=False)]
    assert answer_to(OFFER, *pieces) == answer_to(OFFER, FLIGHT)


@pytest.mark.parametrize("length", range(1, len(FLIGHT)))
def test_half_a_flight_is_not_complete(length: int) -> None:
    reader = AnswerReader(OFFER)
    assert not reader.feed(FLIGHT[:length])
    reader.end("eof")
    assert (reader.answer.outcome, reader.answer.complete) == ("eof", False)


def test_a_few_empty_records_do_no_harm_and_many_are_malformed() -> None:
    few, many = record(b"") * answers.MAX_EMPTY_RECORDS, record(b"") * (answers.MAX_EMPTY_RECORDS + 1)
    assert answer_to(OFFER, few, FLIGHT).outcome == "server-hello"
    assert answer_to(OFFER, many, FLIGHT).outcome == "malformed"


def test_a_record_larger_than_tls_allows_is_malformed() -> None:
    assert answer_to(OFFER, b"\x16\x03\x03" + (16385 + 2048).to_bytes(2, "big")).outcome == "malformed"


# Refusals


@pytest.mark.parametrize("description", [10, 40, 47, 70, 71, 80, 86, 109, 112, 120])
def test_a_fatal_alert_is_told_by_its_number(description: int) -> None:
    answer = answer_to(OFFER, alert(description))
    assert (answer.outcome, answer.alert, answer.complete) == ("alert", description, False)


def test_a_warning_is_no_refusal_and_what_follows_counts() -> None:
    assert answer_to(OFFER, alert(112, flights.WARNING), FLIGHT).outcome == "server-hello"
    reader = AnswerReader(OFFER)
    assert not reader.feed(alert(112, flights.WARNING))
    assert reader.answer.alert is None


def test_warnings_without_end_are_malformed() -> None:
    answer = answer_to(OFFER, alert(112, flights.WARNING) * (answers.MAX_WARNINGS + 1))
    assert (answer.outcome, answer.alert) == ("malformed", None)


@pytest.mark.parametrize("level", [0, 3, 255])
def test_an_alert_of_no_known_level_refuses_nothing(level: int) -> None:
    answer = answer_to(OFFER, alert(40, level))
    assert (answer.outcome, answer.alert) == ("malformed", None)


@pytest.mark.parametrize("content", [b"\x02", b"\x02\x28\x02\x28"])
def test_an_alert_of_another_length_refuses_nothing(content: bytes) -> None:
    answer = answer_to(OFFER, record(content, 21))
    assert (answer.outcome, answer.alert) == ("malformed", None)


@pytest.mark.parametrize("level", [flights.WARNING, flights.FATAL])
def test_close_notify_is_an_end_and_no_refusal(level: int) -> None:
    answer = answer_to(OFFER, alert(0, level))
    assert (answer.outcome, answer.alert) == ("eof", None)


def test_an_alert_after_the_choice_leaves_the_choice_incomplete() -> None:
    answer = answer_to(OFFER, record(server_hello()), alert(80))
    assert (answer.outcome, answer.alert, answer.suite, answer.complete) == ("alert", 80, 0xC02F, False)


# What is no answer

MALFORMED = {
    "a suite that was not offered": (OFFER, record(server_hello(0x0303, 0xC030) + DONE)),
    "the renegotiation SCSV as a suite": (OFFER, record(server_hello(0x0303, 0x00FF) + DONE)),
    "a version above the offer": (OFFER, record(server_hello(0x0304) + DONE)),
    "a version below SSL 3.0": (OFFER, record(server_hello(0x0200) + DONE)),
    "a version that is none": (OFFER, record(server_hello(0x7F12) + DONE)),
    "TLS 1.3 in answer to TLS 1.2": (OFFER, record(server_hello(0x0303, 0xC02F, extension(43, b"\x03\x04")))),
    "a TLS 1.3 suite that was not offered": (NEW, record(flights.server_hello_13(0x1302, retry=True))),
    "a TLS 1.3 group that was not offered": (NEW, record(flights.server_hello_13(0x1301, 0x0019, retry=True))),
    "a group without a share to choose it by": (NEW, record(flights.server_hello_13(0x1301, None))),
    "a retry for the share that was sent": (
        dataclasses.replace(NEW, key_share="x25519", groups=(0x0017,)),
        record(flights.server_hello_13(0x1301, 0x001D, retry=True)),
    ),
    "a server hello for a share that was not sent": (
        dataclasses.replace(NEW, key_share="x25519"), record(flights.server_hello_13(0x1301, 0x0017)),
    ),
    "a curve that was not offered": (OFFER, record(server_hello() + certificate() + ecdhe(0x0013) + DONE)),
    "a curve type that is none": (OFFER, record(server_hello() + ecdhe(curve_type=4) + DONE)),
    "a second ServerHello": (OFFER, record(server_hello() + server_hello() + DONE)),
    "a certificate before the ServerHello": (OFFER, record(certificate(b"leaf"))),
    "the done before the ServerHello": (OFFER, record(DONE)),
    "octets behind the ServerHello's extensions": (
        OFFER, record(message(2, server_hello(0x0303, 0xC02F, extension(23))[4:] + b"!")),
    ),
    "half an extension": (OFFER, record(server_hello(0x0303, 0xC02F, b"\0\x17\0\x05!"))),
    "a ServerHello of three octets": (OFFER, record(message(2, b"\x03\x03\0"))),
    "a chain longer than its message": (OFFER, record(server_hello() + message(11, b"\xff\xff\xff"))),
    "a key exchange of one octet": (OFFER, record(server_hello() + message(12, b"\x03"))),
    "a prime of 4097 octets": (OFFER, record(server_hello(0x0303, 0x009E) + message(
        12, flights.vector(2, b"\x80" * 4097) + bytes(8)))),
    "application data in clear": (OFFER, record(b"+OK", 23)),
    "a second record that is none": (OFFER, record(server_hello()) + b"HTTP/1.1 400"),
    "an SSLv2 hello of another version": (OLD, flights.ssl_2_hello(0x010080, version=0x0301)),
    "SSLv2 ciphers of a length that is none": (OLD, flights.ssl_2_hello(0x010080, claimed=2)),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_nonsense_is_malformed_and_never_complete(name: str) -> None:
    offer, data = MALFORMED[name]
    answer = answer_to(offer, data)
    assert (answer.outcome, answer.complete, answer.alert) == ("malformed", False, None)


PLAIN = [b"+OK ready\r\n", b"-ERR\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"\0", b"+", b"SSH-2.0-OpenSSH\r\n", b"\x80"]


@pytest.mark.parametrize("data", PLAIN)
def test_plain_text_is_known_by_its_first_octets(data: bytes) -> None:
    answer = answer_to(OFFER, data)
    assert (answer.outcome, answer.head) == ("not-tls", data[:32])


def test_a_handshake_message_of_2_to_the_24_octets_is_not_waited_for() -> None:
    reader = AnswerReader(OFFER)
    assert reader.feed(record(server_hello()) + record(b"\x0b\xff\xff\xff" + bytes(100)))
    assert (reader.answer.outcome, reader.answer.complete) == ("oversize", False)


def test_an_endless_chain_is_oversize_long_before_memory_is() -> None:
    reader = AnswerReader(OFFER)
    reader.feed(record(server_hello()))
    taken = fed(reader, record(certificate(bytes(16000))))
    assert reader.answer.outcome == "oversize"
    assert taken < BOUND


def test_messages_that_nobody_asked_for_do_not_go_on_for_ever() -> None:
    reader = AnswerReader(OFFER)
    reader.feed(record(server_hello()))
    taken = fed(reader, record(message(22, b"\x01\0\0\x10" + bytes(16))))
    assert reader.answer.outcome == "oversize"
    assert taken < BOUND


def test_change_cipher_spec_without_end_is_oversize() -> None:
    reader = AnswerReader(NEW)
    assert fed(reader, record(b"\x01", 20) * 100) < BOUND
    assert reader.answer.outcome == "oversize"


# SSLv2


def test_an_ssl_2_server_hello_is_read() -> None:
    answer = answer_to(OLD, flights.ssl_2_hello(0x010080, 0x0700C0, leaf=b"leaf"))
    assert (answer.outcome, answer.version, answer.suite, answer.leaf, answer.complete) == (
        "server-hello", SSL_2, 0x010080, b"leaf", True,
    )  # fmt: skip


def test_ssl_2_without_a_cipher_in_common_is_spoken_all_the_same() -> None:
    answer = answer_to(OLD, flights.ssl_2_hello())
    assert (answer.outcome, answer.version, answer.suite, answer.complete) == ("server-hello", SSL_2, None, True)


def test_an_ssl_2_error_is_told() -> None:
    answer = answer_to(OLD, flights.ssl_2_error(1))
    assert (answer.outcome, answer.detail, answer.complete) == ("ssl2-error", "error 1", False)


@pytest.mark.parametrize("description", [40, 70])
def test_a_tls_alert_to_ssl_2_is_an_alert(description: int) -> None:
    for data in (alert(description), record(bytes([2, description]), 21, 0x0300)):
        assert answer_to(OLD, data).alert == description
        assert answer_to(OLD, *(data[at : at + 1] for at in range(len(data)))).alert == description


@pytest.mark.parametrize("data", PLAIN[:6])
def test_plain_text_is_no_ssl_2(data: bytes) -> None:
    answer = answer_to(OLD, data)
    assert answer.outcome == "not-tls"


@given(st.lists(st.integers(0, 60), max_size=10))
def test_ssl_2_comes_in_any_pieces(cuts: list[int]) -> None:
    data = flights.ssl_2_hello(0x010080, leaf=b"leaf")
    at = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in zip(at, at[1:], strict=False) if end > start]
    assert answer_to(OLD, *pieces) == answer_to(OLD, data)


# Anything at all

OFFERS = (OFFER, NEW, dataclasses.replace(NEW, key_share="x25519"), OLD, Offer(TLS_1_0, SUITES))
parts = st.one_of(
    st.binary(max_size=60),
    st.sampled_from((
        FLIGHT, record(server_hello()), record(certificate(b"leaf")), record(ecdhe()), record(DONE), record(b""),
        alert(40), alert(112, 1), alert(0, 1), record(flights.server_hello_13(retry=True)), record(dhe(1024)),
        flights.ssl_2_hello(0x010080), flights.ssl_2_error(1), b"+OK\r\n", record(b"\x01", 20),
        record(server_hello(0x0303, 0x009E)),
    )),
    st.builds(
        record,
        st.builds(message, st.sampled_from((2, 11, 12, 14, 22)), st.binary(max_size=80)),
        st.sampled_from((20, 21, 22, 23)),
    ),
)  # fmt: skip


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(OFFERS), st.lists(parts, max_size=8), st.data())
def test_whatever_comes_in_whatever_pieces_is_an_answer_and_never_raises(
    offer: Offer, pieces: list[bytes], data: st.DataObject
) -> None:
    octets = bytearray(b"".join(pieces))
    for _flip in range(data.draw(st.integers(0, 4)) if octets else 0):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    reader, at = AnswerReader(offer), 0
    while at < len(octets):
        size = data.draw(st.integers(1, 64))
        over = reader.feed(bytes(octets[at : at + size]))
        at += size
        assert over == bool(reader.answer.outcome)
    answer = reader.answer
    assert answer.outcome in OUTCOMES
    assert not answer.complete or answer.outcome in ("server-hello", "hello-retry-request")
    assert answer.alert is None or answer.outcome == "alert"
    assert len(answer.head) <= 32 and len(answer.detail) < 200
    assert answer.suite is None or answer.suite in offer.suites or offer.version == SSL_2
    if answer.complete and answer.version == TLS_1_3 and answer.group is not None:
        assert answer.group in offer.groups


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(OFFERS), st.lists(parts.filter(bool), min_size=1, max_size=4))
def test_a_server_that_never_stops_is_stopped(offer: Offer, pieces: list[bytes]) -> None:
    reader = AnswerReader(offer)
    block = b"".join(pieces)
    assert fed(reader, block * (CHUNK // len(block) + 1)) < BOUND or not reader.answer.outcome
    assert reader.answer.outcome


def test_after_the_end_nothing_changes_any_more() -> None:
    reader = AnswerReader(OFFER)
    reader.feed(alert(40))
    before = dataclasses.replace(reader.answer)
    assert reader.feed(FLIGHT)
    reader.end("timeout")
    assert reader.answer == before
