# SPDX-License-Identifier: GPL-3.0-or-later
"""What this host's OpenSSL can do, asked of the library itself, and what is wanted in its words.

The library that daemons of the distribution are linked to is loaded, not a program, which need not be installed.
Python 3.9, standard library only.
"""

from __future__ import annotations

import ctypes
import dataclasses
from typing import List, Optional, Tuple

from .model import DaemonError, TlsWanted
from .names import GROUPS_OF_OPENSSL, is_tls13, openssl_suite

LIBRARIES = ("libssl.so.3", "libssl.so.1.1")
_SET_GROUPS_LIST = 92
"""SSL_CTRL_SET_GROUPS_LIST of ssl.h."""
_CURVES = ("x25519", "secp256r1", "x448", "secp521r1", "secp384r1")
_FINITE_FIELDS = ("ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192")
ALL_OF_TLS13 = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
"""The suites of TLS 1.3 that are on where nobody sets them."""


@dataclasses.dataclass(frozen=True)
class Spelled:
    """What is wanted, as settings of daemons on OpenSSL take it."""

    cipher_list: str
    """Suites below TLS 1.3."""
    suites13: str
    """Suites of TLS 1.3; empty: none is wanted."""
    groups: str
    left_out: Tuple[str, ...]
    """What is allowed and this library does not have."""


class Library:
    """The library, loaded."""

    def __init__(self, names: Tuple[str, ...] = LIBRARIES) -> None:
        """
        :raises DaemonError: there is none
        """
        for name in names:
            try:
                self._ssl = ctypes.CDLL(name)
                break
            except OSError:
                continue
        else:
            raise DaemonError("none of %s can be loaded on this host: what its OpenSSL can do is not known" % (names,))
        self.name = name
        for function in ("TLS_method", "SSL_CTX_new", "SSL_CTX_get_ciphers", "SSL_new", "SSL_get1_supported_ciphers"):
            getattr(self._ssl, function).restype = ctypes.c_void_p
        self._ssl.SSL_CTX_ctrl.restype = ctypes.c_long

    def _context(self) -> ctypes.c_void_p:
        self._ssl.TLS_method.argtypes = []
        self._ssl.SSL_CTX_new.argtypes = [ctypes.c_void_p]
        return ctypes.c_void_p(self._ssl.SSL_CTX_new(self._ssl.TLS_method()))

    def has_suite(self, suite: str) -> bool:
        """Whether it has a suite, by OpenSSL's name, below TLS 1.3."""
        context = self._context()
        try:
            # At level 0: whether it may be used is another question than whether it is there.
            return bool(self._ssl.SSL_CTX_set_cipher_list(context, (suite + ":@SECLEVEL=0").encode()) == 1)
        finally:
            self._ssl.SSL_CTX_free(context)

    def has_suite13(self, suite: str) -> bool:
        """Whether it has a suite of TLS 1.3."""
        context = self._context()
        try:
            return bool(self._ssl.SSL_CTX_set_ciphersuites(context, suite.encode()) == 1)
        finally:
            self._ssl.SSL_CTX_free(context)

    def has_group(self, group: str) -> bool:
        """Whether it has a group, by OpenSSL's name."""
        context = self._context()
        try:
            return bool(
                self._ssl.SSL_CTX_ctrl(context, ctypes.c_int(_SET_GROUPS_LIST), ctypes.c_long(0), group.encode()) == 1
            )
        finally:
            self._ssl.SSL_CTX_free(context)


def default_groups(library: Optional[Library] = None) -> Tuple[str, ...]:
    """The groups that are on where nobody sets them: of 1.1.1 the curves, from 3.0 on the others of TLS 1.3 too, from
    3.5 on the hybrid (SSL_CTX_set1_groups_list(3)).

    :raises DaemonError: there is no library
    """
    library = library or Library()
    if library.name == "libssl.so.1.1":
        return _CURVES
    hybrid = ("X25519MLKEM768",) if library.has_group("X25519MLKEM768") else ()
    return hybrid + _CURVES + _FINITE_FIELDS


def spell(tls: TlsWanted, library: Optional[Library] = None) -> Spelled:
    """Put what is wanted into OpenSSL's words.

    :raises DaemonError: it can't do what is wanted: no suite or no group is left, for a version that is to be spoken
    """
    library = library or Library()
    left_out: List[str] = []
    below: List[str] = []
    above: List[str] = []
    groups: List[str] = []
    for suite in tls.suites:
        if is_tls13(suite):
            (above if library.has_suite13(suite) else left_out).append(suite)
            continue
        name = openssl_suite(suite)
        if name is not None and library.has_suite(name):
            below.append(name)
        else:
            left_out.append(suite)
    for group in tls.groups:
        name = GROUPS_OF_OPENSSL.get(group)
        if name is not None and library.has_group(name):
            groups.append(name)
        else:
            left_out.append(group)
    if not groups:
        raise DaemonError("tls: %s has none of the groups that are allowed: %s" % (library.name, ", ".join(tls.groups)))
    if tls.minimum == "TLSv1.3" and not above:
        raise DaemonError("tls: only TLS 1.3 is to be spoken, and %s has none of its suites that are allowed: %s"
                          % (library.name, ", ".join(tls.suites)))  # fmt: skip
    if tls.minimum != "TLSv1.3" and not below:
        raise DaemonError("tls: %s has none of the suites below TLS 1.3 that are allowed: %s. Where only TLS 1.3 is to"
                          " be spoken, set minimum to TLSv1.3." % (library.name, ", ".join(tls.suites)))  # fmt: skip
    # RFC 9155. Of OpenSSL 3, level 1 has no SHA-1 any more; of 1.1.1, level 2 hasn't.
    level = 0 if tls.weak_signatures else 2
    cipher_list = ":".join(below) + ":@SECLEVEL=%d" % level if below else ""
    return Spelled(cipher_list, ":".join(above), ":".join(groups), tuple(left_out))
