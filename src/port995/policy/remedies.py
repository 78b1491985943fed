# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fail is mended by which role or module of the collection, and which by none, and why.

A fail that no row names is for people: a playbook that claims to mend what it does not would hide it. What was not seen
is not here at all, since nothing is known of it that could be mended.
"""

from __future__ import annotations

import dataclasses
import enum
import fnmatch
from collections.abc import Collection

from .model import Intent


class Remedy(str, enum.Enum):
    """What mends it."""

    CLOSE = "close"
    """Role ``port995.pop3s.close``: takes the listener away, and closes the port in the firewall."""
    RESTRICT = "restrict"
    """Module ``port995.pop3s.pop3s_firewall``: lets only the networks inside in."""
    ENFORCE = "enforce"
    """Role ``port995.pop3s.enforce``: sets the mail daemon by the profile."""
    NONE = "none"
    """Nothing of ours."""


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What mends one fail."""

    remedy: Remedy
    why: str = ""
    """Of `Remedy.NONE`: why nothing of ours does."""


PORT = ("POP3S-PORT-001", "POP3S-HOST-001", "POP3S-HOST-007")
"""The port is open where it must not be, or the other way round."""

SETTINGS = (
    "POP3S-TLS-002", "POP3S-VER-*", "POP3S-CIPH-*", "POP3S-GRP-001", "POP3S-SIG-001", "POP3S-DH-001", "POP3S-HOST-005",
)  # fmt: skip
"""What a mail daemon negotiates, and that it reads its certificate anew."""

CLEAR_TEXT = ("POP3S-CLR-002", "POP3S-CLR-003")
"""What the port for clear text takes."""

BY_HAND = (
    ("POP3S-CERT-*", "a certificate is made by a CA, not by a role"),
    ("POP3S-FLT-*", "it is about the run or about several hosts together"),
    ("POP3S-COV-*", "the inventory has to say or correct it"),
    ("POP3S-REG-*", "the inventory has to say who answers for the service"),
    ("POP3S-INV-*", "the inventory or the list of hosts has to be corrected"),
    ("POP3S-DNS-*", "it stands in the DNS"),
    ("POP3S-WVR-*", "it stands in the file of waivers"),
    ("POP3S-BASE-*", "it stands in the baseline"),
    ("POP3S-AUTH-*", "it depends on an account"),
    ("POP3S-NODE-*", "it is about the nodes behind an address"),
    ("POP3S-TLS-001", "what listens there is not set to TLS; which program it is has to be seen first"),
    ("POP3S-CLR-001", "what listens there is not set to TLS; which program it is has to be seen first"),
)
NOT_SET = "no role sets it"


def remedy_of(check_id: str, intent: Intent | None, states: Collection[str]) -> Chosen:
    """What mends a fail of a check on a host.

    :param intent: what the host is meant to be; ``None``: that was not declared
    :param states: of the host's TLS ports from all vantages: ``open``, ``closed``, ``filtered``, ``untold``
    """
    if intent is None:
        return Chosen(Remedy.NONE, "pop3s_intent is not declared: nobody knows what the host is meant to be")
    if check_id in PORT:
        return _port(intent, states)
    if intent is not Intent.CLOSED and _among(check_id, (*SETTINGS, *CLEAR_TEXT)):
        return Chosen(Remedy.ENFORCE)
    if intent is Intent.CLOSED and _among(check_id, CLEAR_TEXT):
        return Chosen(Remedy.NONE, "the host is to be closed on the TLS port; whether 110 may go too, nobody has said")
    reasons = (why for pattern, why in BY_HAND if fnmatch.fnmatchcase(check_id, pattern))
    return Chosen(Remedy.NONE, next(reasons, NOT_SET))


def _port(intent: Intent, states: Collection[str]) -> Chosen:
    if intent is Intent.CLOSED:
        return Chosen(Remedy.CLOSE)
    if intent is Intent.INTERNAL:
        if "open" in states:
            return Chosen(Remedy.RESTRICT)
        return Chosen(Remedy.NONE, "nobody saw it open: what keeps it from those inside can't be told from here")
    if "closed" in states and "open" not in states:
        return Chosen(Remedy.ENFORCE)
    return Chosen(Remedy.NONE, "something on the way or on the host drops connections: find it first")


def _among(check_id: str, patterns: Collection[str]) -> bool:
    return any(fnmatch.fnmatchcase(check_id, pattern) for pattern in patterns)
