# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate revocation lists that the user gives: read before anything is probed, kept in the run, and held against
certificates as RFC 5280 section 6.3 says. Nothing is fetched.

What this program does not do makes a list of no use, and that is said: delta lists, indirect ones, those of some
reasons only, and those with a critical extension that is not known. A list that is of no use never shows that a
certificate is good.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from .certificate import one_line, timestamp
from .extensions import Extensions
from .libraries import hashes, serialization, x509
from .model import Status

MAX_FILE = 64 * 1024 * 1024
"""Octets of one file."""

MAX_LISTS = 10_000
"""Lists in all files together."""

WEAK_HASHES = ("md2", "md5", "sha1")

_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.S)


class CrlError(ValueError):
    """A CRL file that can't be used; says which file, why, and what to do."""


class RevocationList:
    """One list, with what of it is asked again and again."""

    def __init__(self, crl: x509.CertificateRevocationList) -> None:
        self.crl = crl
        self._signed_by: dict[bytes, str] = {}

    @functools.cached_property
    def limits(self) -> Limits:
        """What it is about."""
        return _limits(self.crl)

    @functools.cached_property
    def serials(self) -> frozenset[int]:
        """Serial numbers of all its entries."""
        return frozenset(entry.serial_number for entry in self.crl)

    def unsigned(self, issuer: x509.Certificate) -> str:
        """Why the list is not to be believed as one of this issuer; empty: it is signed by it, soundly."""
        key = issuer.fingerprint(hashes.SHA256())
        if key not in self._signed_by:
            self._signed_by[key] = _unsigned(self.crl, issuer)
        return self._signed_by[key]


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a list speaks of (RFC 5280 section 5.2.5), and whether it may be used at all."""

    useless: str = ""
    """Why it can't be used; empty: it can."""

    points: tuple[str, ...] = ()
    """URLs of the distribution point it is for; none: for all certificates of its issuer."""

    only: str = ""
    """``users``, ``CAs``; empty: both."""


@dataclasses.dataclass(frozen=True)
class Crls:
    """The lists of a run."""

    pem: bytes = dataclasses.field(repr=False)
    """What the run stores."""

    sources: tuple[str, ...]
    """The files they came from."""

    sha256: str
    """Of ``pem``, hex; empty: none were given."""

    lists: tuple[RevocationList, ...] = dataclasses.field(repr=False)

    @functools.cached_property
    def by_issuer(self) -> dict[bytes, tuple[RevocationList, ...]]:
        """Lists by the DER of their issuer's name."""
        found: dict[bytes, tuple[RevocationList, ...]] = {}
        for one in self.lists:
            name = one.crl.issuer.public_bytes()
            found[name] = (*found.get(name, ()), one)
        return found


NO_CRLS = Crls(b"", (), "", ())


@dataclasses.dataclass(frozen=True)
class Revocation:
    """What the lists say of one certificate."""

    status: Status
    """``fail``: revoked; ``pass``: a list that is up to date and speaks of it does not hold it; ``not_tested``."""

    words: str


def load_crls(files: Sequence[Path]) -> Crls:
    """Load CRL files, PEM (any number of lists) or DER (one).

    :raises CrlError: a file can't be read, holds no list, or one that can't be parsed
    """
    blocks: list[bytes] = []
    for path in files:
        blocks += _blocks(_read(path), str(path))
    return read_crls(b"".join(blocks), tuple(map(str, files))) if files else NO_CRLS


def read_crls(pem: bytes, sources: Sequence[str]) -> Crls:
    """Read lists from PEM bytes, as a run stores them.

    :param sources: the files they came from, for messages
    :raises CrlError: as `load_crls`
    """
    named = ", ".join(sources)
    blocks = _BLOCK.findall(pem)
    if not blocks:
        raise CrlError(f"{named}: holds no CRL: give a PEM or DER file with a certificate revocation list")
    if len(blocks) > MAX_LISTS:
        raise CrlError(f"{named}: hold {len(blocks)} CRLs, more than {MAX_LISTS}")
    lists = tuple(RevocationList(_parsed(block, named, number)) for number, block in enumerate(blocks, 1))
    return Crls(pem, tuple(sources), hashlib.sha256(pem).hexdigest(), lists)


def revocation_of(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    extensions: Extensions,
    is_ca: bool,
    crls: Crls,
    at: datetime.datetime,
) -> Revocation:
    """What the lists say of a certificate.

    :param issuer: the certificate of its issuer on the path that was found
    :param extensions: the certificate's own
    :param is_ca: it is a CA's, not a server's
    :param at: the clock of the judgement
    """
    if extensions.problem:
        return Revocation(Status.NOT_TESTED, f"which CRL is about it can't be told: {extensions.problem}")
    if extensions.crl_by_others:
        return Revocation(Status.NOT_TESTED, "it names a CRL of another issuer (cRLIssuer), which is not looked into")
    points = extensions.crl_points
    lists = crls.by_issuer.get(certificate.issuer.public_bytes(), ())
    if not lists:
        where = f" (it names {points[0]!a})" if points else ""
        return Revocation(
            Status.NOT_TESTED, f"no CRL of {certificate.issuer.rfc4514_string()!a} was given{where}"
        )
    reasons: list[str] = []
    good = ""
    for one in lists:
        useless = one.limits.useless or one.unsigned(issuer) or _not_about(one.limits, points, is_ca)
        if not useless and one.crl.last_update_utc > at:
            useless = f"its thisUpdate {timestamp(one.crl.last_update_utc)} is yet to come"
        if useless:
            reasons.append(useless)
            continue
        if certificate.serial_number in one.serials:
            return Revocation(Status.FAIL, _revoked(one.crl, certificate.serial_number))
        until = one.crl.next_update_utc
        if until is None or until < at:
            reasons.append("it has no nextUpdate" if until is None else f"it is outdated since {timestamp(until)}")
            continue
        good = f"not in the CRL of {timestamp(one.crl.last_update_utc)}, good until {timestamp(until)}"
    if good:
        return Revocation(Status.PASS, good)
    told = "; ".join(dict.fromkeys(reasons))
    return Revocation(
        Status.NOT_TESTED, f"the CRL of {certificate.issuer.rfc4514_string()!a} can't be used: {told}"
    )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise CrlError(f"{path}: the CRL file can't be read ({reason}): check its path and mode") from error
    if len(data) > MAX_FILE:
        raise CrlError(f"{path}: is larger than {MAX_FILE} octets")
    return data


def _blocks(data: bytes, source: str) -> list[bytes]:
    """The lists of one file as PEM."""
    blocks = _BLOCK.findall(data)
    if blocks:
        return [block + b"\n" for block in blocks]
    try:
        crl = x509.load_der_x509_crl(data)
        return [crl.public_bytes(serialization.Encoding.PEM)]
    except Exception as error:
        raise CrlError(
            f"{source}: holds no CRL that can be read, neither PEM nor DER ({one_line(error)}): give a certificate"
            " revocation list"
        ) from error


def _parsed(block: bytes, named: str, number: int) -> x509.CertificateRevocationList:
    try:
        crl = x509.load_pem_x509_crl(block)
        crl.issuer.public_bytes()
        return crl
    except Exception as error:
        raise CrlError(f"{named}: CRL {number} can't be read ({one_line(error)}): remove or replace it") from error


def _limits(crl: x509.CertificateRevocationList) -> Limits:
    try:
        limits = Limits()
        for extension in crl.extensions:
            value = extension.value
            if isinstance(value, x509.DeltaCRLIndicator):
                return Limits("it is a delta CRL: give the complete one")
            if isinstance(value, x509.IssuingDistributionPoint):
                limits = _scope(value)
            elif extension.critical and not isinstance(value, (x509.CRLNumber, x509.AuthorityKeyIdentifier)):
                return Limits(f"it has an unknown critical extension ({extension.oid.dotted_string})")
        for entry in crl:
            for one in entry.extensions:
                if one.critical and not isinstance(one.value, (x509.CRLReason, x509.InvalidityDate)):
                    # Also certificateIssuer: an entry of it is another CA's.
                    return Limits(f"an entry has an unknown critical extension ({one.oid.dotted_string})")
    except Exception as error:  # noqa: BLE001 - whatever the library raises: the list can't be read
        return Limits(f"its extensions can't be parsed: {one_line(error)}")
    return limits


def _scope(value: x509.IssuingDistributionPoint) -> Limits:
    if value.indirect_crl:
        return Limits("it is an indirect CRL")
    if value.only_some_reasons:
        return Limits("it is for some reasons of revocation only")
    if value.only_contains_attribute_certs:
        return Limits("it is for attribute certificates only")
    if value.relative_name is not None:
        return Limits("its distribution point is named relative to its issuer")
    points = tuple(name.value for name in value.full_name or () if isinstance(name, x509.UniformResourceIdentifier))
    if value.full_name and not points:
        return Limits("its distribution point has no URL")
    only = "users" if value.only_contains_user_certs else "CAs" if value.only_contains_ca_certs else ""
    return Limits("", points, only)


def _not_about(limits: Limits, points: Sequence[str], is_ca: bool) -> str:
    """Why a list does not speak of a certificate; empty: it does."""
    if limits.only and (limits.only == "CAs") is not is_ca:
        return f"it is about certificates of {limits.only} only"
    if limits.points and not set(limits.points) & set(points):
        return f"it is the part for {limits.points[0]!a}, another than the certificate names"
    return ""


def _unsigned(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> str:
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.crl_sign:
            return "keyUsage of its issuer lacks cRLSign"
    except x509.ExtensionNotFound:
        pass
    except Exception as error:  # noqa: BLE001 - hostile extensions
        return f"the extensions of its issuer can't be parsed: {one_line(error)}"
    try:
        digest = crl.signature_hash_algorithm
        if digest is not None and digest.name in WEAK_HASHES:
            return f"its signature is over {digest.name}"
        signed = crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # another type raises
    except Exception as error:  # noqa: BLE001 - an algorithm or a key that the library does not do
        return f"its signature can't be verified: {one_line(error)}"
    return "" if signed else "it is not signed with the key of the issuer on the path"


def _revoked(crl: x509.CertificateRevocationList, serial: int) -> str:
    entry = crl.get_revoked_certificate_by_serial_number(serial)
    if entry is None:
        raise LookupError(f"serial {serial:X} stands in the list and is not found in it")
    reason = "no reason given"
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = extension.value.reason.value
    when = timestamp(entry.revocation_date_utc)
    return f"revoked at {when} ({reason}), by the CRL of {timestamp(crl.last_update_utc)}"
