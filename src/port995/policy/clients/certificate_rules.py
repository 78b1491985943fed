# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client finds wrong with the certificates of a server, beside what every client does."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Iterator

from ..certificate import CertificateFacts
from .catalogue import CertificateRules
from .server import Leaf

DAY = datetime.timedelta(days=1)


def complaints(rules: CertificateRules, leaves: Iterable[Leaf], keys: Collection[str]) -> tuple[str, ...]:
    """What is wrong, in words, with the certificates that the client may be shown.

    :param keys: types of key of the certificates that it may be shown; none: nothing is said
    """
    shown = [leaf for leaf in leaves if ("ECDSA" if leaf.key == "EDDSA" else leaf.key) in keys]
    return tuple(dict.fromkeys(words for leaf in shown for words in _of_leaf(rules, leaf)))


def _of_leaf(rules: CertificateRules, leaf: Leaf) -> Iterator[str]:
    if leaf.facts.certificate is None:
        return
    for facts in (leaf.facts, *(one for one in leaf.issuers if not one.self_issued)):
        yield from _of_one(rules, facts)
    begin, end = leaf.facts.not_before, leaf.facts.not_after
    if begin is None or end is None:
        return
    for since, days in rules.days:
        # Both ends count (RFC 5280 section 4.1.2.5): a whole day more than the limit is asked for before it is said.
        if begin.date() >= since and end - begin > (days + 1) * DAY:
            yield f"it lives {(end - begin).days} days, {days} are allowed"


def _of_one(rules: CertificateRules, facts: CertificateFacts) -> Iterator[str]:
    if facts.key.kind == "RSA" and facts.key.bits is not None and facts.key.bits < rules.rsa_bits:
        yield f"RSA of {facts.key.bits} bits, {rules.rsa_bits} are wanted"
    if facts.signature_hash in rules.refused_hashes and not facts.self_issued:
        yield f"signed with {facts.signature_hash}"
