# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading TLS presentation language (RFC 8446 section 3) from octets that nobody vouches for.

Python 3.9, standard library only.
"""

from __future__ import annotations


class Unreadable(ValueError):
    """The octets are not what they should be."""


class Octets:
    """Take numbers and vectors from octets, one after the other; true while some are left."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        """The next ``count`` octets.

        :raises Unreadable: there are fewer
        """
        end = self._at + count
        if end > len(self._data):
            raise Unreadable("%d octets wanted, %d are left" % (count, len(self._data) - self._at))
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, size: int) -> int:
        """The next ``size`` octets as a number, the heaviest first."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, length_size: int) -> Octets:
        """A vector behind its length of ``length_size`` octets."""
        return Octets(self.take(self.number(length_size)))

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self._at)
