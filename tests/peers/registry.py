# SPDX-License-Identifier: GPL-3.0-or-later
"""All peers. A new kind of server is a file of its own and a line here."""

from __future__ import annotations

from .dovecot23 import Dovecot23
from .dovecot_in_chroot import Dovecot24, DovecotOnOpenSsl111
from .gnutls import GnuTls
from .jsse import Jsse
from .peer import Peer
from .stunnel import Stunnel
from .tlslite_ng import TlsLite

PEERS: tuple[Peer, ...] = (
    Dovecot23(), Dovecot24(), DovecotOnOpenSsl111(), GnuTls(), Jsse(), Stunnel(), TlsLite(),
)
