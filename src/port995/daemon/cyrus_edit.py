# SPDX-License-Identifier: GPL-3.0-or-later
"""Cyrus: options for its POP3 services alone in imapd.conf, and the services' lines in cyrus.conf.

Options with a service's name before them count for it alone, so that IMAP stays as it is. An option that stands twice
ends the daemon, so lines of others that say the same are put out of effect. Source: imapd.conf(5), cyrus.conf(5).
Python 3.9, standard library only.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Set, Tuple

from ..change import files
from . import blocks, cyrus, dh, openssl
from .edit import HEAD, Edit, Unit, contents_of, demand_without_marks, kept_copies, tampered, unit_as_is
from .model import VERSIONS, DaemonError, Found, TlsWanted, Wanted

DH_FILE = "/etc/port995-dh.pem"
"""Without one it has a prime of 1024 bits, where the level of its list of ciphers lets that be used."""
USER = "cyrus"
"""As which it reads certificate and key."""
_VERSIONS = {"TLSv1": "tls1_0", "TLSv1.1": "tls1_1", "TLSv1.2": "tls1_2", "TLSv1.3": "tls1_3"}
_CURVES = {"secp256r1": "prime256v1", "secp384r1": "secp384r1", "secp521r1": "secp521r1"}
SERVICE = '  pop3s cmd="pop3d -s" listen="995" prefork=0 maxchild=50'


def options_for(wanted: Wanted) -> Tuple[Dict[str, str], Tuple[str, ...]]:
    """(options without a service's name, what is allowed and the library does not have).

    :raises DaemonError: Cyrus has no option for it
    """
    made: Dict[str, str] = {}
    left_out: Tuple[str, ...] = ()
    if wanted.listener == "present" and wanted.tls is not None:
        made, left_out = _tls(wanted.tls)
        if any("_DHE_" in suite and suite not in left_out for suite in wanted.tls.suites):
            made["tls_server_dhparam"] = DH_FILE
    if wanted.certificate is not None and wanted.key is not None:
        made.update(tls_server_cert=wanted.certificate, tls_server_key=wanted.key)
    if wanted.cleartext == "stls":
        made["allowplaintext"] = "no"
    return made, left_out


def _tls(tls: TlsWanted) -> Tuple[Dict[str, str], Tuple[str, ...]]:
    library = openssl.Library()
    spelled = openssl.spell(tls, library)
    versions = VERSIONS[VERSIONS.index(tls.minimum) :]
    if not spelled.suites13:
        versions = tuple(version for version in versions if version != "TLSv1.3")
    elif set(openssl.ALL_OF_TLS13) - set(spelled.suites13.split(":")):
        raise DaemonError("tls: Cyrus has no option for the suites of TLS 1.3: allow all of %s, or none"
                          % ", ".join(openssl.ALL_OF_TLS13))  # fmt: skip
    groups = [group for group in openssl.default_groups(library) if group not in tls.groups]
    made = {"tls_versions": " ".join(_VERSIONS[version] for version in versions)}
    if groups:
        # One curve, and then no other group. With a name that it does not know the library's own are on.
        curves = [group for group in tls.groups if group in _CURVES]
        if not curves:
            raise DaemonError("tls: Cyrus has no option for groups but one curve: allow one of %s" % ", ".join(_CURVES))
        made["tls_eccurve"] = _CURVES[curves[0]]
    if spelled.cipher_list:
        made["tls_ciphers"] = spelled.cipher_list
    made["tls_prefer_server_ciphers"] = "yes" if tls.preference == "server" else "no"
    return made, spelled.left_out


def _is_pop3(keys: Dict[str, str]) -> bool:
    words = keys.get("cmd", "").split()
    return bool(words) and words[0].rpartition("/")[2] == "pop3d"


def edit_services(conf: str, wanted: Wanted) -> str:
    """cyrus.conf as it is to be; it has no marks of ours.

    :raises DaemonError: it has no SERVICES
    """
    tls: Set[str] = set()
    clear: Set[str] = set()
    for _name, line, keys in cyrus.services(conf):
        if _is_pop3(keys) and not keys.get("listen", "").startswith("/"):
            (tls if "-s" in keys["cmd"].split() else clear).add(line)
    hidden: Set[str] = set()
    if wanted.listener == "absent":
        hidden |= tls
    if wanted.cleartext == "off":
        hidden |= clear
    lines = [SERVICE] if wanted.listener == "present" and not tls else []
    if not hidden and not lines:
        return conf
    if not lines:
        return blocks.with_block(conf, [], lambda line: line in hidden)
    inside = {"yes": False}

    def closes(line: str) -> bool:
        if re.match(r"\s*SERVICES\s*\{", line):
            inside["yes"] = True
        return inside["yes"] and line.split("#")[0].strip() == "}"

    try:
        return blocks.with_block(conf, lines, lambda line: line in hidden, closes)
    except StopIteration:
        raise DaemonError("%s has no SERVICES { } in which to put POP3S" % cyrus.SERVICES) from None


def make(wanted: Wanted, found: Found) -> Edit:
    """What is to be changed.

    :raises DaemonError: it can't be done
    :raises files.FileError: a file can't be read
    """
    if found.problem:
        raise DaemonError(found.problem)
    now = {path: files.read(path) or "" for path in (cyrus.CONFIGURATION, cyrus.SERVICES)}
    bare = {path: demand_without_marks(path, text) for path, text in now.items()}
    own_now = contents_of((DH_FILE,))
    own: Dict[str, Optional[str]] = {DH_FILE: None}
    unit_now = unit_as_is(cyrus.UNITS[0])
    unit, edited = unit_now, dict(bare)
    left_out: Tuple[str, ...] = ()
    if wanted.state == "present":
        edited[cyrus.SERVICES] = edit_services(bare[cyrus.SERVICES], wanted)
        options, left_out = options_for(wanted)
        names = [name for name, _line, keys in cyrus.services(edited[cyrus.SERVICES]) if _is_pop3(keys)]
        lines: List[str] = ["%s_%s: %s" % (name, key, value) for name in names for key, value in options.items()]
        ours = {line.partition(":")[0] for line in lines}
        if names and options.get("tls_server_dhparam"):
            own[DH_FILE] = dh.pem()
        if lines:
            edited[cyrus.CONFIGURATION] = blocks.with_block(
                bare[cyrus.CONFIGURATION], [HEAD, *lines], lambda line: line.partition(":")[0].strip() in ours
            )
        if wanted.listener == "present":
            unit = Unit(unit.name, True, True)
    copies: Dict[str, Optional[str]] = kept_copies(own, edited)
    changed = {path: text for path, text in edited.items() if text != now[path]}
    before = {**own_now, **contents_of(tuple(copies)), **{path: now[path] for path in changed}}
    disturbed = tampered(own_now, now)
    return Edit({**own, **copies}, changed, (unit,), "restart", before, (unit_now,), disturbed, left_out)
