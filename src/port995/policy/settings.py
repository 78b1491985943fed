# SPDX-License-Identifier: GPL-3.0-or-later
"""What mends a finding, in the setting of the daemon that is there, as far as its greeting or capabilities tell which.

Sources: doc.dovecot.org (2.3 and 2.4, "SSL/TLS settings"), the comments of Courier's pop3d-ssl.dist, imapd.conf(5) and
cyrus.conf(5) of Cyrus, Microsoft Learn "Set-PopSettings". What the daemon's own documents do not name is not in here.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..probe.model import Observation

DOVECOT, COURIER, CYRUS, EXCHANGE = "Dovecot", "Courier", "Cyrus", "Exchange"
DAEMONS = (DOVECOT, COURIER, CYRUS, EXCHANGE)

_SIGNS = (
    (DOVECOT, ("dovecot",)),
    (COURIER, ("courier", "hello there.")),
    (CYRUS, ("cyrus",)),
    (EXCHANGE, ("microsoft exchange",)),
)
"""What each says of itself, in small letters, as it comes."""

_MODERN_LIST = "ECDHE+AESGCM:ECDHE+CHACHA20"

_SETTINGS: dict[tuple[str, ...], dict[str, str]] = {
    ("VER-001", "VER-002", "VER-003", "VER-004", "TLS-002"): {
        DOVECOT: "ssl_min_protocol = TLSv1.2",
        COURIER: "in pop3d-ssl: TLS_PROTOCOL=TLSv1.2++ and TLS_STARTTLS_PROTOCOL=TLSv1.2++",
        CYRUS: "in imapd.conf: tls_versions: tls1_2 tls1_3",
        EXCHANGE: "Schannel: switch the old protocols off for servers in the registry, then restart",
    },
    ("VER-005",): {
        DOVECOT: "ssl_min_protocol = TLSv1.2, and no setting of OpenSSL that ends below it",
        COURIER: "in pop3d-ssl: TLS_PROTOCOL=TLSv1.2++",
        CYRUS: "in imapd.conf: tls_versions: tls1_2 tls1_3",
        EXCHANGE: "Schannel: switch TLS 1.2 on",
    },
    ("CIPH-001", "CIPH-002", "CIPH-003", "CIPH-004", "CIPH-005", "CIPH-006", "CIPH-007", "CIPH-008", "CIPH-009"): {
        DOVECOT: f"ssl_cipher_list = {_MODERN_LIST}",
        COURIER: f'in pop3d-ssl: TLS_CIPHER_LIST="{_MODERN_LIST}" (with GnuTLS: TLS_PRIORITY)',
        CYRUS: f"in imapd.conf: tls_ciphers: {_MODERN_LIST}",
        EXCHANGE: "Schannel: Disable-TlsCipherSuite for each of them",
    },
    ("GRP-001", "GRP-002"): {
        DOVECOT: "ssl_curve_list = X25519:prime256v1:secp384r1 (X25519MLKEM768 before them from OpenSSL 3.5 on)",
        CYRUS: "in imapd.conf: tls_eccurve: prime256v1",
    },
    ("SIG-001",): {
        DOVECOT: f"ssl_cipher_list = {_MODERN_LIST}:@SECLEVEL=2",
        COURIER: f'in pop3d-ssl: TLS_CIPHER_LIST="{_MODERN_LIST}:@SECLEVEL=2"',
        CYRUS: f"in imapd.conf: tls_ciphers: {_MODERN_LIST}:@SECLEVEL=2",
    },
    ("DH-001",): {
        DOVECOT: "2.3: ssl_dh = </path of 2048 bits or more, 2.4: ssl_server_dh_file = /path; or no DHE in"
        " ssl_cipher_list",
        COURIER: "in pop3d-ssl: TLS_DHPARAMS=/path of 2048 bits or more, or no DHE in TLS_CIPHER_LIST",
        CYRUS: "no DHE in tls_ciphers",
    },
    ("CLR-001", "CLR-002", "STLS-003"): {
        DOVECOT: "ssl = required; or no clear-text port: service pop3-login { inet_listener pop3 { port = 0 } }",
        COURIER: "in pop3d-ssl: POP3_TLS_REQUIRED=1; or no clear-text port: POP3DSTART=NO in pop3d",
        CYRUS: "in imapd.conf: allowplaintext: 0; or no pop3 line in cyrus.conf",
        EXCHANGE: "Set-PopSettings -LoginType SecureLogin",
    },
    ("CERT-001", "CERT-002", "CERT-003", "CERT-006"): {
        DOVECOT: "2.3: ssl_cert = </path of leaf, then intermediates, ssl_key = </path; 2.4: ssl_server_cert_file,"
        " ssl_server_key_file; then reload",
        COURIER: "in pop3d-ssl: TLS_CERTFILE (leaf, intermediates, key); then restart",
        CYRUS: "in imapd.conf: tls_server_cert, tls_server_key; then restart",
        EXCHANGE: "Set-PopSettings -X509CertificateName, Enable-ExchangeCertificate -Services POP",
    },
}
_BY_CHECK = {f"POP3S-{id_}": settings for ids, settings in _SETTINGS.items() for id_ in ids}


def daemons_of(observations: Iterable[Observation]) -> tuple[str, ...]:
    """The daemons that say who they are, in greeting or IMPLEMENTATION; none: they do not, and nothing is guessed."""
    said: list[str] = []
    for seen in observations:
        for dialogue in (seen.clear, seen.pop3):
            if dialogue is None:
                continue
            said.append(dialogue.greeting or "")
            said += [" ".join(one.arguments) for one in dialogue.capabilities if one.name == "IMPLEMENTATION"]
    text = "\n".join(said).lower()
    return tuple(daemon for daemon, signs in _SIGNS if any(sign in text for sign in signs))


def setting_for(check_id: str, daemon: str) -> str:
    """The setting that mends what a check found; empty: none is known."""
    return _BY_CHECK.get(check_id, {}).get(daemon, "")
