# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's fleet: who is on which address, and what is wrong with it. `truth.yml` says what must be found."""

from __future__ import annotations

import dataclasses

DOMAIN = "lab.port995.example"
"""Names under .example belong to nobody (RFC 6761 section 6.5); they are only sent as SNI, never resolved."""

SOURCES = ("127.0.0.1", "127.0.0.2")
"""Source addresses to look from: two witnesses for the host that must be closed."""

BASE_PORT = 20000
"""Added to 995 and 110: ports that need no privilege."""


@dataclasses.dataclass(frozen=True)
class LabHost:
    """One server of the lab."""

    name: str
    address: str
    intent: str = "serve"
    pop3s: str = "tls"
    """``tls``, ``clear`` (plain text on the TLS port), ``silent`` (nothing after the handshake), ``none``."""
    pop3: str = "stls"
    """``stls``, ``login`` (clear-text login offered), ``injection`` (obeys what came before TLS), ``none``."""
    certificate: str = "good"
    """``good``, ``expired``, ``other-name``, ``other-ca``."""
    protocol: str = "current"
    """``current`` (TLS 1.2 and 1.3, authenticated encryption only), ``old`` (TLS 1.0 on, all its library has)."""

    @property
    def server_name(self) -> str:
        """The name its users know it by."""
        return f"{self.name}.{DOMAIN}"


FLEET = (
    LabHost("well-served", "127.0.95.1"),
    LabHost("expired", "127.0.95.2", certificate="expired"),
    LabHost("wrong-name", "127.0.95.3", certificate="other-name"),
    LabHost("unknown-ca", "127.0.95.4", certificate="other-ca"),
    LabHost("plain-text", "127.0.95.5", pop3s="clear"),
    LabHost("hangs", "127.0.95.6", pop3s="silent"),
    LabHost("refuses", "127.0.95.7", intent="closed", pop3s="none", pop3="none"),
    LabHost("no-listener", "127.0.95.8", pop3s="none", pop3="none"),
    LabHost("clear-text-110", "127.0.95.9", pop3="login"),
    LabHost("old-protocol", "127.0.95.10", protocol="old"),
    LabHost("injectable", "127.0.95.11", pop3="injection"),
)


def inventory(base_port: int = BASE_PORT) -> dict[str, object]:
    """The fleet as an Ansible inventory: JSON data, for a YAML file.

    :param base_port: added to 995 and 110
    """
    return {
        "all": {
            "vars": {"pop3s_port": base_port + 995, "pop3_port": base_port + 110},
            "hosts": {
                host.name: {
                    "ansible_host": host.address,
                    "pop3s_intent": host.intent,
                    "pop3s_server_name": host.server_name,
                }
                for host in FLEET
            },
        }
    }
