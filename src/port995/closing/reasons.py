# SPDX-License-Identifier: GPL-3.0-or-later
"""What speaks against closing a port: who used it, who is connected, and what of that can't be seen.

Python 3.9, standard library only.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

from ..daemon.login_records import Records, network_of, words
from ..daemon.model import KNOWN
from ..daemon.read import daemon_of
from ..daemon.sockets import Listener, Peer, told

INTENTS = ("serve", "internal")


def by_network(peers: Sequence[Peer]) -> Dict[str, int]:
    """Connections by /24 and /64."""
    found: Dict[str, int] = {}
    for peer in peers:
        network = network_of(peer.address)
        found[network] = found.get(network, 0) + 1
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def against(
    records: Optional[Records], peers: Optional[Sequence[Peer]], problem: str, listeners: Sequence[Listener]
) -> Tuple[str, ...]:
    """Why the port should not be closed without a word from somebody.

    :param records: what the login records say; ``None``: they were not read, because nobody asked for it
    :param peers: who is connected; ``None``: that can't be seen
    :param problem: why it can't be seen
    :param listeners: who listens on the port
    """
    found: List[str] = []
    # Where nothing listens nobody can use it, whatever was in the last days; the records tell of a use that has ended.
    nobody_can = not listeners and not peers
    if records is not None and (records.state == "used" or (records.state != "unused" and not nobody_can)):
        found.append(words(records))
    elif records is not None:
        # Records of the daemons that are installed say nothing of another one, or of one in a container.
        found += [
            "who used POP3 is not known of what listens on %s: its login records can't be read" % told(one)
            for one in listeners if not one.here or daemon_of(one.process) not in KNOWN
        ]  # fmt: skip
    if peers is None:
        found.append("who is connected now is not known: %s" % problem)
    elif peers:
        networks = ", ".join("%s: %d" % item for item in list(by_network(peers).items())[:5])
        found.append("%d connection(s) are there now (from %s)" % (len(peers), networks))
    return tuple(found)


def contradiction(intent: Optional[str], state: str) -> str:
    """Why a host with this intent must not be closed; empty: it may."""
    if state == "closed" and intent in INTENTS:
        return (
            "pop3s_intent of this host is %s, and closing it contradicts that. Set pop3s_intent: closed where its owner"
            " wants it closed, or leave the host out." % intent
        )
    return ""
