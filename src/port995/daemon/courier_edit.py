# SPDX-License-Identifier: GPL-3.0-or-later
"""Courier: assignments between our marks at the end of pop3d-ssl, where the last one counts; units for the listeners.

Sources: pop3d-ssl.dist, couriertls(1). Python 3.9, standard library only.
"""

from __future__ import annotations

import os
from typing import Dict, List, Optional, Tuple

from ..change import files
from . import blocks, courier, dh, gnutls, openssl
from .edit import HEAD, Edit, Unit, contents_of, demand_without_marks, kept_copies, tampered, unit_as_is
from .model import DaemonError, Found, TlsWanted, Wanted

USER = "courier"
"""As which couriertls reads certificate and key."""


def _tls(tls: TlsWanted) -> Tuple[List[str], Tuple[str, ...]]:
    library = courier.library_of()
    if library == courier.GNUTLS:
        priority, left_out = gnutls.spell(tls)
        return ['TLS_PRIORITY="%s"' % priority], left_out
    if library != courier.OPENSSL:
        raise DaemonError("couriertls can't be read, so it is not known which library it uses, and what it heeds")
    spelled = openssl.spell(tls)
    _nothing_unsayable(tls, spelled.suites13)
    lines = ['TLS_PROTOCOL="%s"' % (tls.minimum + ("++" if tls.minimum != "TLSv1.3" else ""))]
    lines.append('TLS_STARTTLS_PROTOCOL="%s"' % (tls.minimum + ("++" if tls.minimum != "TLSv1.3" else "")))
    if spelled.cipher_list:
        lines.append('TLS_CIPHER_LIST="%s"' % spelled.cipher_list)
    return lines, spelled.left_out


def _nothing_unsayable(tls: TlsWanted, suites13: str) -> None:
    """Courier on OpenSSL has no setting for groups and for the suites of TLS 1.3."""
    groups = [group for group in openssl.default_groups() if group not in tls.groups]
    suites = sorted(set(openssl.ALL_OF_TLS13) - set(suites13.split(":")))
    if groups or suites:
        raise DaemonError(
            "tls: Courier on OpenSSL has no setting for groups and suites of TLS 1.3: %s are on, so allow them"
            % ", ".join(groups + suites)
        )


def lines_for(wanted: Wanted, folder: str) -> Tuple[List[str], Tuple[str, ...]]:
    """(what stands between our marks in pop3d-ssl, what is allowed and the library does not have)."""
    lines: List[str] = []
    left_out: Tuple[str, ...] = ()
    if wanted.listener == "absent":
        lines.append("POP3DSSLSTART=NO")
    else:
        lines.append("POP3DSSLSTART=YES")
        if wanted.tls is not None:
            made, left_out = _tls(wanted.tls)
            lines += made
            if any("_DHE_" in suite and suite not in left_out for suite in wanted.tls.suites):
                lines.append("TLS_DHPARAMS=%s/port995-dh.pem" % folder)
        if wanted.certificate is not None and wanted.key is not None:
            lines += ["TLS_CERTFILE=%s" % wanted.certificate, "TLS_PRIVATE_KEYFILE=%s" % wanted.key]
    if wanted.cleartext == "stls":
        lines += ["POP3_STARTTLS=YES", "POP3_TLS_REQUIRED=1"]
    return lines, left_out


def make(wanted: Wanted, found: Found) -> Edit:
    """What is to be changed.

    :raises DaemonError: it can't be done
    :raises files.FileError: a file can't be read
    """
    if found.problem:
        raise DaemonError(found.problem)
    folder = os.path.dirname(found.configuration)
    tls_file, clear_file, dh_file = folder + "/pop3d-ssl", folder + "/pop3d", folder + "/port995-dh.pem"
    now = {path: files.read(path) or "" for path in (tls_file, clear_file)}
    bare = {path: demand_without_marks(path, text) for path, text in now.items()}
    own_now = contents_of((dh_file,))
    units_now = tuple(unit_as_is(name) for name in courier.UNITS)
    own: Dict[str, Optional[str]] = {dh_file: None}
    edited = dict(bare)
    units = units_now
    notes: Tuple[str, ...] = ()
    left_out: Tuple[str, ...] = ()
    if wanted.state == "absent":
        # Units that we stopped are started again: the record of it is our mark in the files.
        stopped = (
            "POP3DSSLSTART=NO" in blocks.block_of(now[tls_file]),
            "POP3DSTART=NO" in blocks.block_of(now[clear_file]),
        )
        units = tuple(Unit(u.name, u.enabled or s, u.active or s) for u, s in zip(units_now, stopped))
    else:
        lines, left_out = lines_for(wanted, folder)
        edited[tls_file] = blocks.with_block(bare[tls_file], [HEAD, *lines])
        if any(line.startswith("TLS_DHPARAMS") for line in lines):
            own[dh_file] = dh.pem()
        serves, clear = wanted.listener == "present", units_now[1].active
        if wanted.cleartext == "off":
            clear = False
            edited[clear_file] = blocks.with_block(bare[clear_file], [HEAD, "POP3DSTART=NO"])
        elif "POP3DSTART=NO" in blocks.block_of(now[clear_file]):
            clear = True
        units = (
            Unit(units_now[0].name, serves, serves),
            Unit(units_now[1].name, clear if clear != units_now[1].active else units_now[1].enabled, clear),
        )
        if wanted.cleartext == "stls" and units[1].active:
            notes = ("Courier lists USER before STLS even where it refuses it, and versions before 1.1.5 take commands"
                     " that come with STLS (CVE-2021-38084): cleartext: off ends both",)  # fmt: skip
    copies = kept_copies(own, edited)
    changed = {path: text for path, text in edited.items() if text != now[path]}
    before = {**own_now, **contents_of(tuple(copies)), **{path: now[path] for path in changed}}
    disturbed = tampered(own_now, now)
    return Edit({**own, **copies}, changed, units, "restart", before, units_now, disturbed, left_out, notes)
