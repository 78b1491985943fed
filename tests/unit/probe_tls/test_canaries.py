# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test: all canaries are seen on this machine, and each is missed by a probe that is blind to its fault."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from port995.probe.tls import answer, canaries, exchange
from port995.probe.tls.answer import AnswerReader
from port995.probe.tls.canaries import NAMES, sing
from port995.probe.tls.client_hello import Offer, write_hello

TLS_12_KEY_EXCHANGES = {"TLSv1.2 group", "TLSv1.2 signature"}


def seen() -> set[str]:
    return set(asyncio.run(sing()))


def missed() -> set[str]:
    return set(NAMES) - seen()


def test_this_machine_sees_every_canary() -> None:
    assert asyncio.run(sing()) == NAMES


def test_no_two_canaries_have_one_name() -> None:
    assert len(set(NAMES)) == len(NAMES)


def blind_to(field: str) -> Callable[[pytest.MonkeyPatch], None]:
    """A reader that never notes one field of an answer."""

    def spoil(patch: pytest.MonkeyPatch) -> None:
        class Blind(answer.Answer):
            def __setattr__(self, name: str, value: Any) -> None:
                object.__setattr__(self, name, None if name == field else value)

        patch.setattr(answer, "Answer", Blind)

    return spoil


def without(constant: str, value: Any, where: Any = answer) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(where, constant, value)


def refusing_version(version: int) -> Callable[[pytest.MonkeyPatch], None]:
    """As a network or a library would that does not let one version through."""
    original = AnswerReader._server_hello

    def choose(self: AnswerReader, body: Any) -> None:
        original(self, body)
        if self.answer.version == version:
            raise answer.Unreadable("never heard of it")

    return lambda patch: patch.setattr(AnswerReader, "_server_hello", choose)


def offering(change: Callable[[Offer], Offer]) -> Callable[[pytest.MonkeyPatch], None]:
    """A writer that does not offer what it was told to."""
    return lambda patch: patch.setattr(exchange, "write_hello", lambda offer: write_hello(change(offer)))


def first_suite(offer: Offer) -> Offer:
    return dataclasses.replace(offer, suites=offer.suites[:1])


def first_group(offer: Offer) -> Offer:
    return dataclasses.replace(offer, groups=offer.groups[:1])


def first_signature(offer: Offer) -> Offer:
    return dataclasses.replace(offer, signatures=offer.signatures[:1])


@pytest.mark.parametrize(
    ("spoil", "blind"),
    [
        (without("SSL_2_SERVER_HELLO", 99), {"SSLv2"}),
        (refusing_version(0x0300), {"SSLv3"}),
        (refusing_version(0x0301), {"TLSv1"}),
        (refusing_version(0x0302), {"TLSv1.1"}),
        (without("HELLO_RETRY_REQUEST", b""), {"TLSv1.3 suite", "TLSv1.3 group"}),
        (without("EXTENSION_SUPPORTED_VERSIONS", 99), {"TLSv1.3 suite", "TLSv1.3 group"}),
        (without("EXTENSION_KEY_SHARE", 99), {"TLSv1.3 suite", "TLSv1.3 group"}),
        (without("SERVER_KEY_EXCHANGE", 99), TLS_12_KEY_EXCHANGES),
        (blind_to("group"), {"TLSv1.3 suite", "TLSv1.3 group", "STLS", *TLS_12_KEY_EXCHANGES}),
        (blind_to("signature"), TLS_12_KEY_EXCHANGES),
        (blind_to("alert"), {"alert"}),
        (without("FATAL", 1), {"alert", "warning"}),
        (without("ALERT", 99), {"alert", "warning"}),
        (lambda patch: patch.setattr(AnswerReader, "end", lambda self, how: None), {"eof", "warning"}),
        (without("_begin_tls", lambda stream: _raise(OSError("no")), exchange), {"STLS"}),
        (offering(first_suite), {"SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2 suite", "TLSv1.3 suite", "TLSv1.3 group"}),
        (offering(first_group), {"TLSv1.3 suite", "TLSv1.3 group", *TLS_12_KEY_EXCHANGES}),
        (offering(first_signature), TLS_12_KEY_EXCHANGES),
    ],
)  # fmt: skip
def test_a_probe_that_is_blind_to_a_fault_misses_its_canary(
    monkeypatch: pytest.MonkeyPatch, spoil: Callable[[pytest.MonkeyPatch], None], blind: set[str]
) -> None:
    spoil(monkeypatch)
    assert missed() == blind


async def _raise(error: BaseException) -> None:
    raise error


def test_a_probe_that_takes_plain_text_for_tls_misses_that_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnswerReader, "_read_records", lambda self: None)
    assert "plain text" in missed()


def test_a_probe_of_which_the_reader_is_broken_sees_no_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: AnswerReader, data: bytes) -> bool:
        raise RuntimeError("broken")

    monkeypatch.setattr(AnswerReader, "feed", broken)
    # The one that is an end of the connection needs no reader.
    assert seen() == {"eof"}


def test_a_probe_that_hangs_sees_no_canary_and_the_run_does_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_arguments: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(exchange, "_converse", hang)
    monkeypatch.setattr(canaries, "TIMEOUT", 0.3)
    assert seen() == set()
