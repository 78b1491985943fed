# SPDX-License-Identifier: GPL-3.0-or-later
"""What mends a finding, in the setting of the daemon that is there, as far as its greeting or capabilities tell which.

Sources: doc.dovecot.org (2.3 and 2.4, "SSL/TLS settings"), the comments of Courier's pop3d-ssl.dist, couriertls(1) and
GnuTLS's manual "Priority strings", CVE-2021-38084, imapd.conf(5) and cyrus.conf(5) of Cyrus, Microsoft Learn
"Set-PopSettings". What the daemon's own documents do not name is not in here. Those of Dovecot 2.3 and 2.4, Courier on
GnuTLS and Cyrus are applied to such servers, and looked at again, by tests/integration/pages.
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

_CERTIFICATE = "a certificate for the name that clients use, from a CA they trust: leaf first, then intermediates"

_OPENSSL = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Forward secrecy and authenticated encryption."""

_LEVEL = (
    ":@SECLEVEL=2 at the end of {}; it wants RSA keys and Diffie-Hellman primes of 2048 bits or more, else no TLS at"
    " all"
)
"""An addition and not a list of its own, so that a page never names two values of one setting. OpenSSL 3 has no SHA-1
from level 1 on, 1.1.1 from level 2 on; Dovecot 2.3 with an ssl_dh of 1024 bits ends every handshake at level 2."""

_GNUTLS = (
    "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA"
    ":-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:+CHACHA20-POLY1305"
)
"""The same of GnuTLS, the versions with it, no SHA-1: Courier on GnuTLS has no other setting for them, and
heeds neither TLS_PROTOCOL nor TLS_CIPHER_LIST."""

_COURIER_TLS = (
    f'pop3d-ssl of Debian, Ubuntu and others with GnuTLS: TLS_PRIORITY="{_GNUTLS}"; with OpenSSL:'
    f' TLS_PROTOCOL="TLSv1.2++" and TLS_CIPHER_LIST="{_OPENSSL}:@SECLEVEL=2"'
)

_NO_COURIER_POP = "no clear-text port: stop and disable courier-pop (POP3DSTART=NO in pop3d)"

WHERE = {
    DOVECOT: "dovecot.conf and what it includes (Debian: /etc/dovecot/conf.d), then: doveadm reload",
    COURIER: "pop3d and pop3d-ssl in /etc/courier, then restart both (Debian: courier-pop and courier-pop-ssl)",
    CYRUS: "/etc/imapd.conf and /etc/cyrus.conf, then restart the master (Debian: cyrus-imapd)",
    EXCHANGE: "Exchange Management Shell, then restart MSExchangePop3 and MSExchangePop3BE",
}
"""Where the settings of each stand, and what makes it read them again."""

_SETTINGS: dict[tuple[str, ...], dict[str, str]] = {
    ("VER-001", "VER-002", "VER-003", "VER-004", "VER-005", "TLS-002"): {
        DOVECOT: "ssl_min_protocol = TLSv1.2",
        COURIER: _COURIER_TLS,
        CYRUS: "imapd.conf: tls_versions: tls1_2 tls1_3",
        EXCHANGE: "Schannel, for servers, in the registry: TLS 1.2 on, all older protocols off; then restart Windows",
    },
    tuple(f"CIPH-{number:03}" for number in range(1, 10)): {
        DOVECOT: f"ssl_cipher_list = {_OPENSSL}",
        COURIER: _COURIER_TLS,
        CYRUS: f"imapd.conf: tls_ciphers: {_OPENSSL}",
        EXCHANGE: "Schannel: Disable-TlsCipherSuite for each of them",
    },
    ("SIG-001",): {
        DOVECOT: _LEVEL.format("ssl_cipher_list"),
        COURIER: _COURIER_TLS,
        CYRUS: "imapd.conf: " + _LEVEL.format("tls_ciphers"),
    },
    ("DH-001",): {
        DOVECOT: "2.3: ssl_dh = </path of 2048 bits or more (Debian: /usr/share/dovecot/dh.pem), 2.4:"
        " ssl_server_dh_file = /path; or none, with no DHE in ssl_cipher_list",
        COURIER: _COURIER_TLS,
        CYRUS: f"imapd.conf: tls_ciphers: {_OPENSSL}",
    },
    ("GRP-001", "GRP-002"): {
        DOVECOT: "ssl_curve_list = X25519:prime256v1:secp384r1 (X25519MLKEM768 before them from OpenSSL 3.5 on)",
        COURIER: _COURIER_TLS,
        CYRUS: "imapd.conf: tls_eccurve: prime256v1",
    },
    ("CLR-001",): {
        DOVECOT: "service pop3-login { inet_listener pop3s { ssl = yes } }, and not ssl = no",
        COURIER: "995 is for pop3d-ssl alone: not in PORT of pop3d",
        CYRUS: 'cyrus.conf: pop3s cmd="pop3d -s" listen="pop3s"',
    },
    ("CLR-002",): {
        DOVECOT: "ssl = required, and 2.3: disable_plaintext_auth = yes, 2.4: auth_allow_cleartext = no; or no"
        " clear-text port: service pop3-login { inet_listener pop3 { port = 0 } }",
        COURIER: f"{_NO_COURIER_POP}; where it must stay, pop3d-ssl: POP3_TLS_REQUIRED=1, which refuses USER before"
        " STLS and still lists it, so this finding stays too",
        CYRUS: "imapd.conf: allowplaintext: no; or no clear-text port: no pop3 line in cyrus.conf",
        EXCHANGE: "Set-PopSettings -LoginType SecureLogin",
    },
    ("CLR-003",): {
        DOVECOT: "ssl = required, with certificate and key",
        COURIER: "pop3d-ssl: POP3_STARTTLS=YES, with a certificate in TLS_CERTFILE",
        CYRUS: "imapd.conf: tls_server_cert and tls_server_key",
    },
    ("STLS-001",): {
        COURIER: f"{_NO_COURIER_POP}; or Courier 1.1.5 or later (CVE-2021-38084; Debian 12 has 1.0.16, Debian 13"
        " 1.4.1)",
    },
    ("STLS-003",): {
        DOVECOT: "no clear-text port: service pop3-login { inet_listener pop3 { port = 0 } }",
        COURIER: _NO_COURIER_POP,
        CYRUS: "no clear-text port: no pop3 line in cyrus.conf",
    },
    ("POP-004",): {CYRUS: "imapd.conf: serverinfo: off"},
    ("POP-005",): {CYRUS: "imapd.conf: allowapop: no", DOVECOT: "auth_mechanisms without apop"},
    ("POP-006",): {
        CYRUS: "imapd.conf: sasl_mech_list: PLAIN SCRAM-SHA-256",
        DOVECOT: "auth_mechanisms = plain (or scram-sha-256 beside it)",
    },
    ("CERT-001", "CERT-002", "CERT-003", "CERT-004", "CERT-005", "CERT-006"): {
        DOVECOT: "2.3: ssl_cert = </path and ssl_key = </path, 2.4: ssl_server_cert_file = /path and"
        f" ssl_server_key_file = /path, {_CERTIFICATE}",
        COURIER: "pop3d-ssl: TLS_CERTFILE=/path, readable for courier alone, with the key in it and"
        f" {_CERTIFICATE}",
        CYRUS: f"imapd.conf: tls_server_cert: /path and tls_server_key: /path, readable for cyrus, {_CERTIFICATE}",
        EXCHANGE: f"Set-PopSettings -X509CertificateName, Enable-ExchangeCertificate -Services POP, {_CERTIFICATE}",
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
