# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a host from inside, as its module would write them: a good one, and ways to change one thing of it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from port995.policy.inside_view import InsideSeen
from port995.policy.model import Judgement
from port995.probe.codec import to_json
from port995.probe.host.journal import host_from_json
from port995.probe.host.model import (
    HOST_SCHEMA,
    CertificateSeen,
    DaemonSeen,
    FirewallSeen,
    HostObservation,
    KeySeen,
    Listener,
    Listening,
    PortVerdict,
    Process,
)
from port995.probe.model import Observation

from .certificates import chain, good_leaf
from .seen import RUN, judged

DOVECOT = Process(41, "dovecot", "/usr/sbin/dovecot", 0, "dovecot.service")
EVERYWHERE = (Listener(4, "0.0.0.0", 995, 0, None, (DOVECOT,)), Listener(6, "::", 995, 0, False, (DOVECOT,)))  # noqa: S104
ADDRESSES = ("127.0.0.1", "192.0.2.1", "::1", "2001:db8::1")
PRESENTED = hashlib.sha256(base64.b64decode(chain(good_leaf())[0])).hexdigest()


def listening(*listeners: Listener, **changes: Any) -> Listening:
    return dataclasses.replace(Listening((110, 995), (4, 6), (), listeners, (), ()), **changes)


def firewall(state: str, *, sources: tuple[str, ...] = (), redirected: bool | None = False, families: Sequence[int] = (4, 6)) -> FirewallSeen:
    return FirewallSeen(
        tuple(PortVerdict(family, 995, state, sources, ("a rule",), redirected) for family in families), (), ()
    )


def daemon(**changes: Any) -> DaemonSeen:
    return dataclasses.replace(
        DaemonSeen("dovecot", "2.4.1", "/etc/dovecot/dovecot.conf", (995,), (110,), "TLSv1.2", False, ()), **changes
    )


def certificate(digest: str = PRESENTED, **changes: Any) -> CertificateSeen:
    key = KeySeen("/etc/dovecot/key.pem", "0640", 0, 0, True)
    return dataclasses.replace(
        CertificateSeen("dovecot", "/etc/dovecot/cert.pem", (digest,), "2026-11-01T00:00:00Z", key), **changes
    )


def looked(**changes: Any) -> HostObservation:
    """A host that serves with Dovecot, and has no rules."""
    seen = HostObservation(
        HOST_SCHEMA, RUN, "mx", "seen", "", "2026-11-24T11:00:04Z", 0, ADDRESSES, listening(*EVERYWHERE),
        firewall("open"), (daemon(),), (certificate(),),
    )  # fmt: skip
    seen = dataclasses.replace(seen, **changes)
    # What no reader would take is no evidence.
    return host_from_json(to_json(seen))


def silent(**changes: Any) -> HostObservation:
    """A host on which nothing listens."""
    return looked(**{"listening": listening(), **changes})


def judged_inside(observations: Sequence[Observation], host: HostObservation | None, **options: Any) -> Judgement:
    """Judge; ``None``: the look from inside is lost."""
    return judged(observations, inside=InsideSeen({} if host is None else {"mx": host}), **options)
