# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a path end in a public CA? What the CA/Browser Forum asks of those, nobody asks of a private one.

No certificate says it by itself, so two things must meet: the anchor came from the machine's own store and not from a
file of the user, and the leaf claims a policy of the Baseline Requirements (their section 7.1.6.1), as every leaf of a
public CA must. A private CA that was put into the machine's store claims none. Where either is missing the certificate
is treated as private, and where either can't be told nothing is.
"""

from __future__ import annotations

import dataclasses

from .model import Status
from .path import Trust

FORUM_POLICIES: dict[str, str] = {
    # OID: name. CA/Browser Forum, Baseline Requirements section 7.1.6.1.
    "2.23.140.1.1": "extended validation",
    "2.23.140.1.2.1": "domain validated",
    "2.23.140.1.2.2": "organization validated",
    "2.23.140.1.2.3": "individual validated",
}


@dataclasses.dataclass(frozen=True)
class Publicity:
    """Whether a certificate is one of a public CA."""

    status: Status
    """``pass``: it is; ``not_applicable``: it is not, or does not claim to be; ``not_tested``: can't be told."""

    words: str
    """Why."""


def publicity_of(trust: Trust, chain: tuple[str, ...]) -> Publicity:
    """Tell whether a chain as sent leads to a public CA.

    :param chain: leaf first, base64 of DER
    """
    if not trust.anchors.from_system:
        return Publicity(
            Status.NOT_APPLICABLE,
            f"the anchors were given ({trust.anchors.source}), so its CA counts as a private one",
        )
    path = trust.path(chain)
    if path.status is not Status.PASS:
        return Publicity(Status.NOT_TESTED, "there is no path to tell by whether its CA is public (see POP3S-CERT-002)")
    extensions = trust.extensions(chain[0])
    if extensions.problem:
        return Publicity(Status.NOT_TESTED, extensions.problem)
    claimed = [FORUM_POLICIES[policy] for policy in extensions.policies if policy in FORUM_POLICIES]
    if not claimed:
        return Publicity(
            Status.NOT_APPLICABLE,
            "it claims no policy of the CA/Browser Forum, so its CA counts as a private one in this machine's store",
        )
    return Publicity(Status.PASS, f"{claimed[0]}, and its anchor stands in this machine's store")
