# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of public CAs alone: lifetime by day of issue, timestamps of logs. And who counts as a public one."""

from __future__ import annotations

import base64
import dataclasses
import datetime
from pathlib import Path

import pytest
from cryptography import x509

from port995.policy.checks.certificate_public import LIFETIMES, lifetime_limit
from port995.policy.model import Intent
from port995.policy.trust import SYSTEM, load_anchors

from .certificates import DAY, NOW, anchors, authority, der, intermediate, key, leaf, make
from .hellos import good_hellos
from .seen import CLOSED, companion, good_tls, judged, refused_companion, result_of, session, status_of, unanswered

PUBLIC = [
    (x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.1"), None)]), False),
]
OWN_POLICY = [(x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.3.6.1.4.1.1"), None)]), False)]
POISON = [(x509.PrecertPoison(), True)]
PUBLIC_CHECKS = ["CERT-009", "CERT-010", "CERT-011"]


def stamps(count):
    """The extension with so many timestamps, as a CA writes it (RFC 6962 section 3.3)."""
    one = bytes([0]) + b"l" * 32 + (1_700_000_000_000).to_bytes(8, "big") + b"\0\0" + bytes([4, 3]) + b"\0\x04" + b"sign"
    listed = b"".join(len(one).to_bytes(2, "big") + one for _ in range(count))
    value = len(listed).to_bytes(2, "big") + listed
    head = bytes([4, len(value)]) if len(value) < 128 else bytes([4, 0x81, len(value)])
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
    return [(x509.UnrecognizedExtension(oid, head + value), False)]


def system(*trusted):
    return dataclasses.replace(anchors(*trusted), source=f"{SYSTEM}/etc/ssl/certs/ca-certificates.crt")


def shown(*certificates, trusted=None, at=NOW, **changes):
    texts = tuple(der(one) for one in certificates)
    handshake = dataclasses.replace(good_tls(), certificates=texts, **changes)
    seen = [
        session(tls=handshake, hello_certificates=texts[:1]),
        companion(tls=handshake, hello_certificates=texts[:1]),
    ]
    return judged(seen, anchors=system() if trusted is None else trusted, at=at)


def public(*more, days=90, start=NOW - 30 * DAY):
    """Days as the Baseline Requirements count them: both ends are in."""
    second = datetime.timedelta(seconds=1)
    return leaf(extra=(*PUBLIC, *more), start=start, end=start + days * DAY - second)


@pytest.mark.parametrize(
    ("issued", "days"),
    [
        ("2018-02-28", None), ("2018-03-01", 825), ("2020-08-31", 825), ("2020-09-01", 398), ("2026-03-14", 398),
        ("2026-03-15", 200), ("2027-03-14", 200), ("2027-03-15", 100), ("2029-03-14", 100), ("2029-03-15", 47),
        ("2040-01-01", 47),
    ],
)  # fmt: skip
def test_limits_by_the_day_of_issue(issued, days):
    assert lifetime_limit(datetime.datetime.fromisoformat(f"{issued}T00:00:00+00:00")) == days
    assert [one for one, _ in LIFETIMES] == sorted(one for one, _ in LIFETIMES)


@pytest.mark.parametrize(
    ("days", "start", "status"),
    [
        (90, NOW - 30 * DAY, "pass"),
        (200, NOW - 30 * DAY, "pass"),
        (201, NOW - 30 * DAY, "fail"),
        (398, NOW - 300 * DAY, "pass"),
        (399, NOW - 300 * DAY, "fail"),
        # The change was less than two days before notBefore: it may have been issued before it.
        (398, datetime.datetime(2026, 3, 16, tzinfo=datetime.UTC), "not_tested"),
        (399, datetime.datetime(2026, 3, 16, tzinfo=datetime.UTC), "fail"),
        (200, datetime.datetime(2026, 3, 16, tzinfo=datetime.UTC), "pass"),
        (398, datetime.datetime(2026, 3, 18, tzinfo=datetime.UTC), "fail"),
    ],
)
def test_lifetime_of_a_public_certificate(days, start, status):
    assert status_of(shown(public(days=days, start=start), at=NOW), "CERT-009") == status


def test_a_part_of_a_day_is_a_day():
    start = NOW - 30 * DAY
    exact = leaf(extra=tuple(PUBLIC), start=start, end=start + 200 * DAY)
    assert "201 days" in result_of(shown(exact), "CERT-009").message


def test_older_than_the_oldest_limit_has_no_object():
    start = datetime.datetime(2016, 1, 1, tzinfo=datetime.UTC)
    own = key("ec", "Old CA")
    extensions = [(x509.BasicConstraints(True, None), True)]
    old_ca = make("Old CA", "Old CA", own, own, extensions, start=start - DAY, end=NOW)
    old = leaf("Old CA", extra=tuple(PUBLIC), start=start, end=start + 2000 * DAY)
    judgement = shown(old, trusted=system(old_ca), at=start + DAY)
    assert status_of(judgement, "CERT-002") == "pass"
    assert status_of(judgement, "CERT-009") == "not_applicable"


@pytest.mark.parametrize("check", ["CERT-009", "CERT-011"])
def test_private_ca_is_exempt_and_the_reason_is_told(check):
    long = {"start": NOW - 30 * DAY, "end": NOW + 3000 * DAY}
    given = result_of(shown(leaf(extra=tuple(PUBLIC), **long), trusted=anchors()), check)
    assert given.status.value == "not_applicable" and "anchors were given" in given.message
    for policy in ([], OWN_POLICY):
        installed = result_of(shown(leaf(extra=tuple(policy), **long)), check)
        assert installed.status.value == "not_applicable" and "private one in this machine" in installed.message


@pytest.mark.parametrize("check", ["CERT-009", "CERT-011"])
def test_without_a_path_nobody_knows_whether_the_ca_is_public(check):
    lost = leaf("Good Intermediate", extra=tuple(PUBLIC), end=NOW + 3000 * DAY)
    assert status_of(shown(lost), check) == "not_tested"
    assert status_of(shown(lost, intermediate()), check) == "fail"


@pytest.mark.parametrize(("count", "status"), [(None, "fail"), (0, "fail"), (1, "fail"), (2, "pass"), (3, "pass")])
def test_embedded_timestamps_are_counted(count, status):
    more = [] if count is None else stamps(count)
    result = result_of(shown(public(*more)), "CERT-011")
    assert result.status.value == status
    assert f"embedded timestamps {count or 0}" in result.evidence


@pytest.mark.parametrize(("count", "status"), [(None, "fail"), (1, "fail"), (2, "pass")])
def test_timestamps_beside_the_certificate_count_too(count, status):
    texts = (der(public()),)
    hellos = tuple(dataclasses.replace(one, scts=count) for one in good_hellos(texts[0]))
    both = {
        "tls": dataclasses.replace(good_tls(), certificates=texts), "hellos": hellos, "hello_certificates": texts,
    }  # fmt: skip
    assert status_of(judged([session(**both), companion(**both)], anchors=system()), "CERT-011") == status


def test_timestamps_that_can_not_be_parsed_are_none():
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
    broken = public((x509.UnrecognizedExtension(oid, b"\x04\x03\x00\x09x"), False))
    assert status_of(shown(broken), "CERT-011") in ("fail", "not_tested")


@pytest.mark.parametrize("trusted", [None, anchors()])
def test_precertificate_fails_whoever_the_ca_is(trusted):
    assert status_of(shown(leaf(extra=tuple(POISON)), trusted=trusted), "CERT-010") == "fail"
    assert status_of(shown(leaf(), trusted=trusted), "CERT-010") == "pass"


def test_precertificate_can_not_be_told_where_extensions_can_not_be_parsed():
    whole = base64.b64decode(der(leaf(extra=tuple(OWN_POLICY))))
    broken = whole.replace(bytes.fromhex("0603551d20"), bytes.fromhex("0603551d11"))  # subjectAltName twice
    assert broken != whole
    handshake = dataclasses.replace(good_tls(), certificates=(base64.b64encode(broken).decode(),))
    judgement = judged([session(tls=handshake), companion(tls=handshake)])
    assert status_of(judgement, "CERT-010") == "not_tested"
    assert status_of(judgement, "CERT-017") == "not_tested"
    assert status_of(judgement, "CERT-001") == "fail"


@pytest.mark.parametrize("check", PUBLIC_CHECKS)
def test_port_that_is_shut_as_intended_has_no_certificate(check):
    two = "198.51.100.2"
    seen = [unanswered(CLOSED), unanswered(CLOSED, source=two), refused_companion(), refused_companion(source=two)]
    assert status_of(judged(seen, intent=Intent.CLOSED, anchors=system()), check) == "not_applicable"


@pytest.mark.parametrize("check", PUBLIC_CHECKS)
def test_without_a_session_nothing_is_known(check):
    lost = dataclasses.replace(good_tls(), outcome="eof")
    assert status_of(judged([session(tls=lost), companion(tls=lost)], anchors=system()), check) == "not_tested"


def test_a_file_of_the_user_never_passes_for_the_machine_s_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "system: ca.pem").write_bytes(anchors().pem)
    assert not load_anchors(Path("system: ca.pem")).from_system
    assert system().from_system and not anchors(authority("Other CA")).from_system
