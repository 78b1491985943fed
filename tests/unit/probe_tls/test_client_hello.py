# SPDX-License-Identifier: GPL-3.0-or-later
"""Hellos as a server reads them: taken apart by a reader of the test's own."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from port995.probe.tls.client_hello import (
    EXTENDED_MASTER_SECRET,
    KEY_SHARE,
    PADDING,
    POINT_FORMATS,
    RENEGOTIATION_SCSV,
    SERVER_NAME,
    SIGNATURE_ALGORITHMS,
    SSL_2,
    SSL_3,
    SUPPORTED_GROUPS,
    SUPPORTED_VERSIONS,
    TLS_1_0,
    TLS_1_1,
    TLS_1_2,
    TLS_1_3,
    Offer,
    digits,
    numbers,
    write_hello,
)

from .parsed_hello import ParsedHello, parse_hello

NAME = "mail.example.org"
NEW = Offer(TLS_1_3, (0x1301, 0x1303), (0x001D, 0x0017), (0x0403, 0x0804), "x25519", NAME)
MIDDLE = Offer(TLS_1_2, (0xC02F, 0x0035), (0x001D, 0x0017), (0x0401, 0x0403), server_name=NAME)

words = st.integers(0, 0xFFFF)
names = st.none() | st.from_regex(r"[a-z]{1,20}(\.[a-z]{1,30}){0,6}", fullmatch=True)
offers = st.builds(
    Offer,
    st.sampled_from((SSL_3, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3)),
    st.lists(words, min_size=1, max_size=400).map(tuple),
    st.lists(words, max_size=60).map(tuple),
    st.lists(words, max_size=60).map(tuple),
    st.sampled_from(("none", "empty", "x25519")),
    names,
    st.integers(0, 2048),
)


def read(offer: Offer) -> ParsedHello:
    return parse_hello(write_hello(offer).octets)


def kinds(hello: ParsedHello) -> list[int]:
    return [kind for kind, _content in hello.extensions or ()]


@settings(deadline=None)
@given(offers)
def test_a_server_reads_what_was_offered(offer: Offer) -> None:
    written = write_hello(offer)
    hello = parse_hello(written.octets)
    own = () if offer.version == TLS_1_3 else (RENEGOTIATION_SCSV,)
    assert hello.suites == (*offer.suites, *own)
    assert tuple(kinds(hello)) == written.extensions
    if offer.version == SSL_3:
        assert hello.extensions is None
        return
    assert hello.server_name == offer.server_name
    assert hello.listed(SUPPORTED_GROUPS) == offer.groups
    assert hello.listed(SIGNATURE_ALGORITHMS) == (offer.signatures if offer.version >= TLS_1_2 else ())


@settings(deadline=None)
@given(offers)
def test_no_hello_has_a_length_that_hangs_a_middlebox(offer: Offer) -> None:
    hello = read(offer)
    if offer.version != SSL_3:
        assert hello.message not in range(256, 512)
        assert not (hello.message > 512 and hello.message % 256 in (10, 14))


@settings(deadline=None)
@given(offers)
def test_no_extension_stands_twice_and_no_empty_one_is_the_last(offer: Offer) -> None:
    hello = read(offer)
    assert len(set(kinds(hello))) == len(kinds(hello))
    if hello.extensions:
        assert hello.extensions[-1][1]


@settings(deadline=None)
@given(offers)
def test_padding_reaches_the_length_that_was_asked_for_with_zeroes_alone(offer: Offer) -> None:
    written = write_hello(offer)
    padding = parse_hello(written.octets).extension(PADDING)
    if offer.version == SSL_3:
        assert padding is None
        return
    assert len(written.octets) >= offer.pad_to
    assert padding is None or not any(padding)
    bare = len(write_hello(dataclasses.replace(offer, pad_to=0)).octets)
    # Not for nothing: the bad lengths lie in between, and one step over them is at the most 4 + 1 + 2 * 5 octets.
    assert len(written.octets) <= max(bare, offer.pad_to, 517) + 15


@pytest.mark.parametrize(
    ("version", "on_the_record", "in_the_hello"),
    [
        (SSL_3, 0x0300, 0x0300),
        (TLS_1_0, 0x0301, 0x0301),
        (TLS_1_1, 0x0301, 0x0302),
        (TLS_1_2, 0x0301, 0x0303),
        (TLS_1_3, 0x0301, 0x0303),
    ],
)
def test_one_version_alone_is_offered(version: int, on_the_record: int, in_the_hello: int) -> None:
    hello = read(dataclasses.replace(MIDDLE, version=version))
    assert (hello.record_version, hello.version) == (on_the_record, in_the_hello)
    assert hello.extension(SUPPORTED_VERSIONS) == (b"\x02\x03\x04" if version == TLS_1_3 else None)


def test_each_hello_is_fresh() -> None:
    one, other = read(NEW), read(NEW)
    assert one.random != other.random
    assert one.session != other.session and len(one.session) == 32
    assert one.shares != other.shares


def test_nothing_is_to_be_resumed_below_tls_1_3() -> None:
    assert read(MIDDLE).session == b""


def test_tls_1_3_has_a_real_share_or_none_or_an_empty_list_as_asked() -> None:
    shares = {kind: read(dataclasses.replace(NEW, key_share=kind)).shares for kind in ("none", "empty", "x25519")}
    assert shares["none"] is None
    assert shares["empty"] == ()
    ((group, share),) = shares["x25519"] or ()
    assert group == 0x001D and len(share) == 32 and any(share)


def test_key_shares_are_never_sent_below_tls_1_3() -> None:
    assert KEY_SHARE not in kinds(read(dataclasses.replace(MIDDLE, key_share="x25519")))


def test_point_formats_and_extended_master_secret_belong_to_the_older_versions() -> None:
    below, above = kinds(read(MIDDLE)), kinds(read(NEW))
    assert {POINT_FORMATS, EXTENDED_MASTER_SECRET} <= set(below)
    assert not {POINT_FORMATS, EXTENDED_MASTER_SECRET} & set(above)


def test_signature_algorithms_are_not_sent_before_tls_1_2() -> None:
    old = read(dataclasses.replace(MIDDLE, version=TLS_1_1))
    assert SIGNATURE_ALGORITHMS not in kinds(old)
    assert SIGNATURE_ALGORITHMS in kinds(read(MIDDLE))


def test_without_a_name_no_server_name_is_sent() -> None:
    assert SERVER_NAME not in kinds(read(dataclasses.replace(MIDDLE, server_name=None)))


def test_an_empty_extension_that_would_stand_alone_is_left_out() -> None:
    assert read(Offer(TLS_1_1, (0x0035,))).extensions is None


def test_an_empty_extension_that_would_be_the_last_moves_to_the_front() -> None:
    assert kinds(read(Offer(TLS_1_1, (0x0035,), server_name=NAME))) == [EXTENDED_MASTER_SECRET, SERVER_NAME]


def test_an_ssl_2_hello_is_what_the_draft_says() -> None:
    octets = write_hello(Offer(SSL_2, (0x010080, 0x0700C0), server_name=NAME)).octets
    assert octets[0] & 0x80
    assert int.from_bytes(octets[:2], "big") & 0x7FFF == len(octets) - 2
    assert octets[2:11] == bytes.fromhex("010002000600000010")
    assert octets[11:17] == bytes.fromhex("0100800700c0")
    assert len(octets) == 17 + 16
    assert NAME.encode() not in octets


def test_a_hello_that_fits_into_no_record_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        write_hello(Offer(TLS_1_2, tuple(range(9000))))


@given(st.lists(words), st.sampled_from((4, 6)))
def test_lists_of_numbers_come_back_as_they_were_written(values: list[int], size: int) -> None:
    assert numbers(digits(tuple(values), size), size) == tuple(values)


@pytest.mark.parametrize("text", ["c02", "c02fc0", "zzzz"])
def test_a_list_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        numbers(text)
