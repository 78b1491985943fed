# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe against a real Dovecot: the same facts as ``openssl s_client`` sees, and nothing sent that could harm."""

from __future__ import annotations

import base64

import pytest

from port995.probe.engine import ScanOptions, local_vantage, run_scan
from port995.probe.model import Observation, Target

from . import s_client
from .conftest import SERVER_NAME
from .server import Dovecot

X25519 = 0x001D
"""IANA TLS Supported Groups registry."""


def observe(dovecot: Dovecot, address: str, source: str | None = None) -> dict[str, Observation]:
    """Observe Dovecot on one address: an observation per service."""
    seen: list[Observation] = []
    target = Target(("dovecot",), address, dovecot.pop3s_port, SERVER_NAME, dovecot.pop3_port)
    options = ScanOptions(source_addresses=(source,) if source else ())
    run_scan([target], options, local_vantage(), "run", seen.append)
    assert sorted(one.service for one in seen) == ["pop3", "pop3s"]
    return {one.service: one for one in seen}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_implicit_tls_shows_what_openssl_shows(dovecot: Dovecot, address: str) -> None:
    ours = observe(dovecot, address)["pop3s"]
    theirs = s_client.ask(address, dovecot.pop3s_port, SERVER_NAME)
    assert ours.tcp is not None and (ours.tcp.state, ours.tcp.reason) == ("open", "syn-ack")
    assert ours.tls is not None and ours.tls.outcome == "completed"
    assert ours.tls.version == theirs.version == "TLSv1.3"
    assert ours.tls.cipher_suite == theirs.cipher_suite
    assert (ours.tls.group, theirs.group) == (X25519, "X25519")
    assert ours.tls.chain_source == "handshake"
    assert [base64.b64decode(one) for one in ours.tls.certificates] == list(theirs.certificates)
    assert len(theirs.certificates) == 2


def test_stls_shows_what_openssl_shows(dovecot: Dovecot) -> None:
    ours = observe(dovecot, "127.0.0.1")["pop3"]
    theirs = s_client.ask("127.0.0.1", dovecot.pop3_port, SERVER_NAME, starttls=True)
    assert ours.clear is not None and ours.clear.stls_reply is not None and ours.clear.stls_reply.startswith("+OK")
    assert ours.clear.octets_after_stls in (None, "")
    assert ours.tls is not None
    assert (ours.tls.version, ours.tls.cipher_suite) == (theirs.version, theirs.cipher_suite)
    assert [base64.b64decode(one) for one in ours.tls.certificates] == list(theirs.certificates)


def test_capabilities_are_whole_inside_tls(dovecot: Dovecot) -> None:
    ours = observe(dovecot, "127.0.0.1")["pop3s"]
    assert ours.pop3 is not None and ours.pop3.outcome == "completed"
    assert ours.pop3.greeting == "+OK Dovecot (Debian) ready." or "Dovecot" in (ours.pop3.greeting or "")
    assert ours.pop3.capa_status == "listed"
    capabilities = {one.name: one.arguments for one in ours.pop3.capabilities}
    assert capabilities["SASL"] == ("PLAIN",)
    assert {"CAPA", "TOP", "UIDL", "RESP-CODES", "PIPELINING", "AUTH-RESP-CODE", "USER"} <= set(capabilities)
    assert "STLS" not in capabilities


def test_clear_text_login_is_seen_only_where_dovecot_offers_it(dovecot: Dovecot) -> None:
    """Dovecot calls a connection secured when both ends have the same address, so each source sees its own truth."""
    offered = observe(dovecot, "127.0.0.1", source="127.0.0.1")["pop3"].clear
    withheld = observe(dovecot, "127.0.0.1", source="127.0.0.2")["pop3"].clear
    assert offered is not None and withheld is not None
    assert "USER" in {one.name for one in offered.capabilities}
    names = {one.name for one in withheld.capabilities}
    assert "STLS" in names
    assert "USER" not in names
    assert not [one for one in withheld.capabilities if one.name == "SASL" and "PLAIN" in one.arguments]


def test_no_login_is_ever_tried(dovecot: Dovecot) -> None:
    before = len(dovecot.log)
    observe(dovecot, "127.0.0.1")
    said = dovecot.log[before:]
    assert "auth attempts" in said
    assert "no auth attempts" in said and "auth failed" not in said and "user=<>" in said


def test_each_connection_is_counted_with_its_purpose(dovecot: Dovecot) -> None:
    seen = observe(dovecot, "127.0.0.1", source="127.0.0.2")
    for one in seen.values():
        assert len(one.connections) == 1
        assert one.connections[0].purpose
        assert one.connections[0].source_address == "127.0.0.2"
        assert one.connections[0].octets_received > 1000
