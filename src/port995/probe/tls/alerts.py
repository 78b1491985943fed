# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts: IANA's registry "TLS Alerts" (tls-parameters-6), those of older versions included. Python 3.9."""

from __future__ import annotations

from types import MappingProxyType
from typing import Mapping

WARNING, FATAL = 1, 2
"""Levels (RFC 5246 section 7.2). In TLS 1.3 the description alone decides, whatever the level says."""

NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "close_notify",
        10: "unexpected_message",
        20: "bad_record_mac",
        21: "decryption_failed",  # Up to TLS 1.1; must not be sent any more (RFC 5246 section 7.2.2).
        22: "record_overflow",
        30: "decompression_failure",
        40: "handshake_failure",
        41: "no_certificate",  # SSLv3 only (RFC 6101 section 5.4.2).
        42: "bad_certificate",
        43: "unsupported_certificate",
        44: "certificate_revoked",
        45: "certificate_expired",
        46: "certificate_unknown",
        47: "illegal_parameter",
        48: "unknown_ca",
        49: "access_denied",
        50: "decode_error",
        51: "decrypt_error",
        52: "too_many_cids_requested",  # RFC 9146
        60: "export_restriction",  # TLS 1.0 only (RFC 2246 section 7.2.2).
        70: "protocol_version",
        71: "insufficient_security",
        80: "internal_error",
        86: "inappropriate_fallback",  # RFC 7507
        90: "user_canceled",
        100: "no_renegotiation",
        109: "missing_extension",
        110: "unsupported_extension",
        111: "certificate_unobtainable",  # RFC 6066
        112: "unrecognized_name",
        113: "bad_certificate_status_response",
        114: "bad_certificate_hash_value",  # RFC 6066
        115: "unknown_psk_identity",
        116: "certificate_required",
        117: "general_error",  # RFC 9846
        120: "no_application_protocol",  # RFC 7301
        121: "ech_required",  # RFC 9849
    }
)


def name_of(description: int) -> str:
    """The alert's name; "alert 123" if it has none."""
    return NAMES.get(description, "alert %d" % description)
