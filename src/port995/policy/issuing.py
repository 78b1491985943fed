# SPDX-License-Identifier: GPL-3.0-or-later
"""Did one certificate issue another: by name and by signature (RFC 5280 section 6.1.3)."""

from __future__ import annotations

import enum

from .libraries import oid, x509


class Issuing(enum.Enum):
    """The answer."""

    YES = "yes"
    NO = "no"
    UNTOLD = "untold"
    """The names fit, and the signature is of an algorithm that the library does not verify."""


def issuing(child: x509.Certificate, parent: x509.Certificate) -> Issuing:
    """Whether ``parent`` issued ``child``."""
    try:
        if child.issuer != parent.subject:
            return Issuing.NO
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError):
        return Issuing.NO
    except Exception as error:  # noqa: BLE001 - InvalidSignature, or an algorithm that the library does not do
        return Issuing.NO if type(error).__name__ == "InvalidSignature" else Issuing.UNTOLD
    return Issuing.YES


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether a certificate is signed with its own key. Where the signature can't be verified, the same name and no
    other key identifier for the issuer is taken for it: RFC 5280 section 4.2.1.1 leaves it out there, or repeats it."""
    answer = issuing(certificate, certificate)
    if answer is not Issuing.UNTOLD:
        return answer is Issuing.YES
    try:
        extensions = {extension.oid: extension.value for extension in certificate.extensions}
    except Exception:  # noqa: BLE001 - hostile DER
        return False
    own, issuers = (
        extensions.get(which)
        for which in (oid.ExtensionOID.SUBJECT_KEY_IDENTIFIER, oid.ExtensionOID.AUTHORITY_KEY_IDENTIFIER)
    )
    if not isinstance(issuers, x509.AuthorityKeyIdentifier):
        return True
    return isinstance(own, x509.SubjectKeyIdentifier) and issuers.key_identifier == own.digest
