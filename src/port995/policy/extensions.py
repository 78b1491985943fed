# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extensions of a certificate say, beyond its names: policies, timestamps, stapling, where to ask about
revocation, and which names its CA may certify."""

from __future__ import annotations

import dataclasses
from typing import Any

from .certificate import one_line
from .libraries import oid, x509

MUST_STAPLE = 5
"""TLS extension status_request in the TLS feature extension (RFC 7633 section 4.2.3)."""


@dataclasses.dataclass(frozen=True)
class Extensions:
    """The extensions of one certificate."""

    problem: str | None = None
    """Why they can't be read; nothing below is then known."""

    policies: tuple[str, ...] = ()
    """OIDs of certificatePolicies (RFC 5280 section 4.2.1.4)."""

    timestamps: int | None = None
    """Signed certificate timestamps embedded (RFC 6962 section 3.3); ``None``: it has no list of them."""

    precertificate: bool = False
    """It has the poison extension (RFC 6962 section 3.1)."""

    must_staple: bool = False
    """RFC 7633."""

    responders: tuple[str, ...] = ()
    """URLs of OCSP responders (RFC 5280 section 4.2.2.1)."""

    crl_points: tuple[str, ...] = ()
    """URLs of CRLs (RFC 5280 section 4.2.1.13)."""

    crl_by_others: bool = False
    """Some CRL of it is issued by another than its own issuer (cRLIssuer)."""

    name_constraints: x509.NameConstraints | None = None
    """RFC 5280 section 4.2.1.10."""


def extensions_of(certificate: x509.Certificate) -> Extensions:
    """Read them all; one that can't be read spoils the rest, since it may be the one that counts. Never raises."""
    try:
        found = [extension.value for extension in certificate.extensions]
    except Exception as error:  # noqa: BLE001 - hostile DER: whatever the library raises is a fact about it
        return Extensions(problem=f"its extensions can't be parsed: {one_line(error)}")
    read = Extensions()
    try:
        for value in found:
            read = dataclasses.replace(read, **_of(value))
    except Exception as error:  # noqa: BLE001 - as above
        return Extensions(problem=f"an extension can't be parsed: {one_line(error)}")
    return read


def _of(value: x509.ExtensionType) -> dict[str, Any]:
    if isinstance(value, x509.CertificatePolicies):
        return {"policies": tuple(policy.policy_identifier.dotted_string for policy in value)}
    if isinstance(value, x509.PrecertificateSignedCertificateTimestamps):
        return {"timestamps": len(value)}
    if isinstance(value, x509.PrecertPoison):
        return {"precertificate": True}
    if isinstance(value, x509.TLSFeature):
        return {"must_staple": any(feature.value == MUST_STAPLE for feature in value)}
    if isinstance(value, x509.AuthorityInformationAccess):
        ocsp = oid.AuthorityInformationAccessOID.OCSP
        urls = [one.access_location for one in value if one.access_method == ocsp]
        return {"responders": tuple(str(url.value) for url in urls)}
    if isinstance(value, x509.CRLDistributionPoints):
        points = [name for point in value for name in point.full_name or ()]
        return {
            "crl_points": tuple(name.value for name in points if isinstance(name, x509.UniformResourceIdentifier)),
            "crl_by_others": any(point.crl_issuer for point in value),
        }
    if isinstance(value, x509.NameConstraints):
        return {"name_constraints": value}
    return {}
