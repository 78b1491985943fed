# SPDX-License-Identifier: GPL-3.0-or-later
"""Courier: files of shell assignments that its start scripts read, the last of a name counting.

Sources: the comments of pop3d.dist and pop3d-ssl.dist, couriertls(1), and the start script of pop3d-ssl, which reads
pop3d before pop3d-ssl. Python 3.9, standard library only.
"""

from __future__ import annotations

import os
import re
from typing import Dict, Optional, Tuple

from ..change import files
from ..change.commands import CommandError, find, run
from .model import COURIER, VERSIONS, Found

FOLDERS = ("/etc/courier", "/usr/lib/courier/etc", "/etc/courier-imap", "/usr/lib/courier-imap/etc")
"""Debian; the project's own package of Courier; the same of its IMAP server alone."""
UNITS = ("courier-pop-ssl.service", "courier-pop.service")
TOLD = (
    "SSLPORT", "SSLADDRESS", "POP3DSSLSTART", "POP3DSTART", "PORT", "ADDRESS", "POP3_STARTTLS", "POP3_TLS_REQUIRED",
    "TLS_PROTOCOL", "TLS_STARTTLS_PROTOCOL", "TLS_CIPHER_LIST", "TLS_PRIORITY", "TLS_CERTFILE", "TLS_PRIVATE_KEYFILE",
    "TLS_DHPARAMS", "TLS_CIPHER_SUITE",
)  # fmt: skip
GNUTLS, OPENSSL = "GnuTLS", "OpenSSL"
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$")


def assignments(text: str, known: Optional[Dict[str, str]] = None) -> Dict[str, str]:
    """Variables that a file of assignments sets. What only a shell could work out is left as it is written.

    :param known: variables that are set before
    """
    found = dict(known or {})
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if not match:
            continue
        value = match[2].strip()
        quoted = re.match(r"""(?:"([^"]*)"|'([^']*)'|([^\s#"']*))\s*(?:#.*)?$""", value)
        if quoted:
            value = next((one for one in quoted.groups() if one is not None), "")
            if quoted[2] is None:
                value = re.sub(
                    r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?", lambda name: found.get(name[1], ""), value
                )
        found[match[1]] = value
    return found


def ports(text: str) -> Optional[Tuple[int, ...]]:
    """Ports of couriertcpd's list, in which each may have an address before it; ``None``: it can't be read."""
    read = []
    for word in text.replace(",", " ").split():
        last = word.rpartition(".")[2]
        if not last.isdigit():
            named = {"pop3": 110, "pop3s": 995}.get(last)
            if named is None:
                return None
            read.append(named)
        else:
            read.append(int(last))
    return tuple(read)


def interpret(
    table: Dict[str, str], library: Optional[str], version: Optional[str], configuration: str,
    running: Tuple[Optional[bool], Optional[bool]] = (None, None),
) -> Found:
    """What the variables say.

    :param library: `GNUTLS` or `OPENSSL`, which decides what counts; ``None``: not known
    :param running: whether systemd starts the unit of POP3S, and that of POP3; ``None``: not known
    """  # fmt: skip
    minimum = None
    protocol = table.get("TLS_PROTOCOL", "")
    if library == OPENSSL:
        # couriertls(1): a version with ++ is the oldest; without, the only one; empty is TLSv1++.
        name = protocol.rstrip("+") or "TLSv1"
        minimum = name if name in VERSIONS and (protocol.endswith("++") or not protocol) else None
    elif library == GNUTLS and table.get("TLS_PRIORITY", "").count("-VERS-ALL"):
        on = [name for name in VERSIONS if "+VERS-" + name.replace("TLSv1", "TLS1.0", 1).replace("TLS1.0.", "TLS1.")
              in table["TLS_PRIORITY"]]  # fmt: skip
        minimum = on[0] if on else None
    tls = ports(table.get("SSLPORT", "995")) if running[0] is not False else ()
    clear = ports(table.get("PORT", "110")) if running[1] is not False else ()
    return Found(
        COURIER, version, configuration, UNITS, tls, clear, minimum,
        {name: table[name] for name in TOLD if name in table},
        table.get("TLS_CERTFILE") or None,
        table.get("TLS_PRIVATE_KEYFILE") or table.get("TLS_CERTFILE") or None,
        None if clear is None else bool(clear) and table.get("POP3_TLS_REQUIRED", "0") != "1",
    )  # fmt: skip


def library_of(program: str = "couriertls") -> Optional[str]:
    """Which library couriertls was built with: what it names, of the two; ``None``: not known."""
    path = find(program)
    if path is None:
        return None
    try:
        with open(path, "rb") as stream:
            octets = stream.read(4 * 1024 * 1024)
    except OSError:
        return None
    if b"libgnutls.so" in octets:
        return GNUTLS
    return OPENSSL if b"libssl.so" in octets else None


def _is_started(unit: str) -> Optional[bool]:
    try:
        word = run(["systemctl", "is-enabled", unit]).output.strip()
        active = run(["systemctl", "is-active", unit]).output.strip()
    except CommandError:
        return None
    if not word:
        return None
    return word not in ("disabled", "masked", "masked-runtime", "not-found") or active == "active"


def _version() -> Optional[str]:
    for argv in (["dpkg-query", "-W", "-f", "${Version}", "courier-pop"],
                 ["rpm", "-q", "--qf", "%{VERSION}", "courier"]):  # fmt: skip
        if find(argv[0]):
            try:
                done = run(argv)
            except CommandError:
                continue
            if not done.code and done.output.strip():
                return done.output.strip()
    return None


def read() -> Optional[Found]:
    """The settings in effect; ``None``: Courier's POP3 server is not installed."""
    for folder in FOLDERS:
        path = folder + "/pop3d-ssl"
        if not os.path.exists(path):
            continue
        try:
            table = assignments(files.read(folder + "/pop3d") or "")
            table = assignments(files.read(path) or "", table)
        except files.FileError as error:
            return Found(COURIER, None, path, UNITS, problem=str(error))
        return interpret(table, library_of(), _version(), path, (_is_started(UNITS[0]), _is_started(UNITS[1])))
    return None
