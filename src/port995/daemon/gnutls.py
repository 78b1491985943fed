# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted as a priority string of GnuTLS, held against what the library makes of it.

A priority string names key exchanges, ciphers and MACs, and GnuTLS takes every suite that can be put together from
them: what is wanted may not be sayable. Source: the manual of GnuTLS, "Priority Strings", and gnutls.h.
Python 3.9, standard library only.
"""

from __future__ import annotations

import ctypes
from typing import List, Optional, Set, Tuple

from .model import VERSIONS, DaemonError, TlsWanted
from .names import GROUPS_OF_GNUTLS, gnutls_parts, is_tls13

LIBRARIES = ("libgnutls.so.30",)
_VERSIONS = {"TLSv1": "VERS-TLS1.0", "TLSv1.1": "VERS-TLS1.1", "TLSv1.2": "VERS-TLS1.2", "TLSv1.3": "VERS-TLS1.3"}
_SIGNATURES = (
    "SIGN-RSA-SHA256", "SIGN-RSA-SHA384", "SIGN-RSA-SHA512", "SIGN-RSA-PSS-SHA256", "SIGN-RSA-PSS-SHA384",
    "SIGN-RSA-PSS-SHA512", "SIGN-RSA-PSS-RSAE-SHA256", "SIGN-RSA-PSS-RSAE-SHA384", "SIGN-RSA-PSS-RSAE-SHA512",
    "SIGN-ECDSA-SHA256", "SIGN-ECDSA-SHA384", "SIGN-ECDSA-SHA512", "SIGN-ECDSA-SECP256R1-SHA256",
    "SIGN-ECDSA-SECP384R1-SHA384", "SIGN-ECDSA-SECP521R1-SHA512", "SIGN-EdDSA-Ed25519", "SIGN-EdDSA-Ed448",
)  # fmt: skip
MAX_SUITES = 1000


class Library:
    """The library, loaded."""

    def __init__(self, names: Tuple[str, ...] = LIBRARIES) -> None:
        """
        :raises DaemonError: there is none
        """
        for name in names:
            try:
                self._tls = ctypes.CDLL(name)
                break
            except OSError:
                continue
        else:
            raise DaemonError("none of %s can be loaded on this host: what its GnuTLS can do is not known" % (names,))
        self.name = name
        self._tls.gnutls_cipher_suite_info.restype = ctypes.c_char_p

    def takes(self, priority: str) -> bool:
        """Whether it understands a priority string."""
        return self._suites(priority) is not None

    def suites(self, priority: str) -> Set[Tuple[int, int]]:
        """The numbers, in two octets, of all suites that a priority string turns on.

        :raises DaemonError: it does not understand the string
        """
        found = self._suites(priority)
        if found is None:
            raise DaemonError("%s does not take the priority string %s" % (self.name, priority))
        return found

    def _suites(self, priority: str) -> Optional[Set[Tuple[int, int]]]:
        cache = ctypes.c_void_p()
        if self._tls.gnutls_priority_init(ctypes.byref(cache), priority.encode(), None) != 0:
            return None
        found: Set[Tuple[int, int]] = set()
        try:
            for index in range(MAX_SUITES):
                suite = ctypes.c_uint()
                code = self._tls.gnutls_priority_get_cipher_suite_index(
                    cache, ctypes.c_uint(index), ctypes.byref(suite)
                )
                # GNUTLS_E_UNKNOWN_CIPHER_SUITE: this index is turned off; else there are no more.
                if code == -21:
                    continue
                if code != 0:
                    break
                octets = (ctypes.c_ubyte * 2)()
                self._tls.gnutls_cipher_suite_info(suite, octets, None, None, None, None)
                found.add((octets[0], octets[1]))
        finally:
            self._tls.gnutls_priority_deinit(cache)
        return found


def spell(tls: TlsWanted, library: Optional[Library] = None) -> Tuple[str, Tuple[str, ...]]:
    """Put what is wanted into a priority string.

    :returns: the string, and what is allowed and this library does not have
    :raises DaemonError: it can't do what is wanted, or can't be told so
    """
    library = library or Library()
    left_out: List[str] = []
    exchanges: List[str] = []
    ciphers: List[str] = []
    macs: List[str] = []
    for suite in tls.suites:
        parts = gnutls_parts(suite)
        if parts is None or not library.takes("NORMAL:+%s:+%s" % (parts[1], parts[2])):
            left_out.append(suite)
            continue
        for into, part in ((exchanges, parts[0]), (ciphers, parts[1]), (macs, parts[2])):
            if part and part not in into:
                into.append(part)
    groups = []
    for group in tls.groups:
        name = GROUPS_OF_GNUTLS.get(group)
        if name is not None and library.takes("NORMAL:+GROUP-" + name):
            groups.append("GROUP-" + name)
        else:
            left_out.append(group)
    if not ciphers:
        raise DaemonError("tls: %s has none of the suites that are allowed: %s" % (library.name, ", ".join(tls.suites)))
    if not groups:
        raise DaemonError("tls: %s has none of the groups that are allowed: %s" % (library.name, ", ".join(tls.groups)))
    versions = [_VERSIONS[one] for one in reversed(VERSIONS[VERSIONS.index(tls.minimum) :])]
    if not any(is_tls13(suite) for suite in tls.suites):
        versions.remove(_VERSIONS["TLSv1.3"])
    signatures = [one for one in _SIGNATURES if library.takes("NORMAL:+" + one)]
    parts_of_string = ["NONE", *versions, *exchanges, *ciphers, *macs, "COMP-NULL", *groups]
    parts_of_string += ["SIGN-ALL"] if tls.weak_signatures else signatures
    priority = ":+".join(parts_of_string)
    if tls.preference == "server":
        priority += ":%SERVER_PRECEDENCE"
    _nothing_more(tls, library, priority)
    return priority, tuple(left_out)


def _nothing_more(tls: TlsWanted, library: Library, priority: str) -> None:
    """See that the string turns on nothing that is not allowed."""
    from ..probe.tls.cipher_suites import BY_NUMBER  # Only here: a large table.

    names = []
    for first, second in library.suites(priority):
        suite = BY_NUMBER.get(first * 256 + second)
        name = suite.name if suite else "0x%02X%02X" % (first, second)
        if name not in tls.suites:
            names.append(name)
    if names:
        raise DaemonError(
            "tls: GnuTLS can't be told so: whoever turns on the suites that are allowed turns on %s too. Allow them, or"
            " leave out those that share their key exchange and cipher." % ", ".join(sorted(names))
        )
