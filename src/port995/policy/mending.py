# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the collection mends what a check found: the role and its variables, or the word that nothing here does.

That a role mends it means: it sets what the check looks at, on the daemons that it knows, and audits that before it
keeps the change. Every variable is one of the role's `argument_specs.yml`, which a test holds it against.
"""

from __future__ import annotations

import dataclasses

ENFORCE, CLOSE = "enforce", "close"


@dataclasses.dataclass(frozen=True)
class Mending:
    """A role that mends a finding."""

    role: str
    variables: tuple[str, ...]
    """Those that decide about it."""

    @property
    def words(self) -> str:
        """One sentence."""
        return f"The role port995.pop3s.{self.role} mends it ({', '.join(self.variables)})."


_PROFILE = (Mending(ENFORCE, ("enforce_profile",)),)
_CLEARTEXT = (Mending(ENFORCE, ("enforce_cleartext",)),)
_CERTIFICATE = (Mending(ENFORCE, ("enforce_certificate", "enforce_key")),)
_BY_IDS: dict[tuple[str, ...], tuple[Mending, ...]] = {
    ("TLS-002", "VER-001", "VER-002", "VER-003", "VER-004", "VER-006"): _PROFILE,
    tuple(f"CIPH-{number:03}" for number in range(1, 10)): _PROFILE,
    ("GRP-001", "SIG-001", "DH-001"): _PROFILE,
    ("CLR-002",): _CLEARTEXT,
    ("STLS-001", "STLS-003"): _CLEARTEXT,
    ("CERT-001", "CERT-002", "CERT-003", "CERT-004", "CERT-005", "CERT-006", "CERT-014"): _CERTIFICATE,
    ("HOST-005",): (Mending(ENFORCE, ("enforce_state",)),),
    ("HOST-004",): (Mending(ENFORCE, ("enforce_profile", "enforce_cleartext")),),
    ("HOST-001",): (Mending(CLOSE, ("close_state", "close_listener")),),
    ("HOST-007", "PORT-001"): (
        Mending(ENFORCE, ("enforce_state", "enforce_networks", "enforce_firewall")),
        Mending(CLOSE, ("close_state", "close_firewall")),
    ),
}  # fmt: skip
BY_CHECK = {f"POP3S-{id_}": mendings for ids, mendings in _BY_IDS.items() for id_ in ids}
NOTHING = "No role of port995 mends it."
BY_INTENT = "The playbook port995.pop3s.converge chooses between them by pop3s_intent."


def mends(check_id: str) -> tuple[Mending, ...]:
    """The roles that mend what a check found; none: nothing of the collection does."""
    return BY_CHECK.get(check_id, ())


def mending_words(check_id: str) -> str:
    """The same in words: never empty, so that nobody has to guess."""
    found = mends(check_id)
    return " ".join([*(one.words for one in found), *([BY_INTENT] if len(found) > 1 else [])]) or NOTHING
