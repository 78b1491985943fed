# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot 2.3 and 2.4: its settings for POP3 as its own program tells them, which follows all includes and filters.

Sources: doveconf(1), doc.dovecot.org 2.3 and 2.4 ("SSL configuration", "Upgrading from 2.3 to 2.4"). doveconf hides
keys and passwords unless it is asked for them, which is never done here. Python 3.9, standard library only.
"""

from __future__ import annotations

import os
from typing import Dict, List, Optional, Tuple

from ..change.commands import CommandError, find, run
from . import dovecot_files
from .model import DOVECOT, VERSIONS, Found

CONFIGURATION = "/etc/dovecot/dovecot.conf"
UNIT = "dovecot.service"
LOGIN = "service pop3-login"
TOLD = (
    "protocols", "ssl", "ssl_min_protocol", "ssl_cipher_list", "ssl_cipher_suites", "ssl_curve_list", "ssl_options",
    "ssl_prefer_server_ciphers", "ssl_server_prefer_ciphers", "ssl_cert", "ssl_alt_cert", "ssl_server_cert_file",
    "ssl_server_key_file", "ssl_server_alt_cert_file", "ssl_server_dh_file", "disable_plaintext_auth",
    "auth_allow_cleartext", "auth_mechanisms", "login_trusted_networks", "listen",
)  # fmt: skip
"""Settings that are told."""


def read_blocks(text: str) -> Dict[str, str]:
    """What doveconf wrote, as a table: blocks are joined to the setting's name by a slash."""
    found: Dict[str, str] = {}
    inside: List[str] = []
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("#"):
            continue
        if line.endswith("{"):
            inside.append(line[:-1].strip().replace('"', ""))
        elif line == "}":
            if inside:
                inside.pop()
        elif "=" in line:
            name, _equals, value = line.partition("=")
            found["/".join([*inside, name.strip()])] = value.strip()
    return found


def _ports(table: Dict[str, str]) -> Tuple[Tuple[int, ...], Tuple[int, ...]]:
    """(POP3S, POP3) of every listener of the login service; a port of 0 is none."""
    tls: List[int] = []
    clear: List[int] = []
    prefix = LOGIN + "/inet_listener "
    for name in dict.fromkeys(key[len(prefix) :].partition("/")[0] for key in table if key.startswith(prefix)):
        port = table.get("%s%s/port" % (prefix, name), "0")
        if port.isdigit() and int(port):
            at_once = table.get("%s%s/ssl" % (prefix, name), "no") == "yes"
            (tls if at_once else clear).append(int(port))
    return tuple(tls), tuple(clear)


def _protocols(table: Dict[str, str]) -> Tuple[str, ...]:
    listed = table.get("protocols", "").replace('"', "").split()
    # 2.4 lists them as a block.
    return tuple(listed) + tuple(
        key.partition("/")[2] for key, value in table.items() if key.startswith("protocols/") and value == "yes"
    )


def _file(value: str) -> Optional[str]:
    value = value.strip().strip('"')
    return value.lstrip("<").strip() or None if value.startswith(("<", "/")) else None


def interpret(listed: str, login: str, version: Optional[str], key: Optional[str], configuration: str) -> Found:
    """What doveconf's words say.

    :param listed: of ``doveconf -a -f protocol=pop3``
    :param login: of ``doveconf service/pop3-login``
    :param version: as Dovecot says it
    :param key: path of the key, which doveconf of 2.3 does not tell
    """
    table = read_blocks(listed)
    # 2.4 tells what stands in the filter ssl_server in a block of its own.
    table.update({"ssl_server_" + name[11:]: value for name, value in table.items() if name.startswith("ssl_server/")})
    # What stands in the filter counts for POP3; older versions tell it there, newer ones also at the top.
    for name in [name for name in table if name.startswith("protocol pop3/")]:
        inner = name.partition("/")[2].replace("ssl_server/", "ssl_server_")
        table[inner] = table[name]
    tls, clear = _ports(read_blocks(login))
    if "pop3" not in _protocols(table):
        tls, clear = (), ()
    if table.get("ssl") == "no":
        tls = ()
    minimum = table.get("ssl_min_protocol", "")
    if "disable_plaintext_auth" in table:
        refuses = table["disable_plaintext_auth"] == "yes"
    else:
        refuses = table.get("auth_allow_cleartext") == "no"
    refuses = refuses or table.get("ssl") == "required"
    return Found(
        DOVECOT, version, configuration, (UNIT,), tls, clear, minimum if minimum in VERSIONS else None,
        {name: table[name] for name in TOLD if name in table},
        _file(table.get("ssl_server_cert_file", table.get("ssl_cert", ""))),
        _file(table.get("ssl_server_key_file", "")) or key,
        bool(clear) and not refuses,
    )  # fmt: skip


def read(configuration: str = CONFIGURATION) -> Optional[Found]:
    """The settings in effect; ``None``: Dovecot is not installed.

    :param configuration: the main file
    """
    if find("doveconf") is None or find("dovecot") is None:
        return None
    version = None
    try:
        version = run(["dovecot", "--version"]).output.partition(" ")[0].strip() or None
        listed = run(["doveconf", "-c", configuration, "-a", "-f", "protocol=pop3"])
        login = run(["doveconf", "-c", configuration, LOGIN.replace(" ", "/")])
    except CommandError as error:
        return Found(DOVECOT, version, configuration, (UNIT,), problem=str(error))
    if not os.path.exists(configuration):
        return Found(DOVECOT, version, configuration, (UNIT,), problem="%s is not there" % configuration)
    for done in (listed, login):
        if done.code:
            said = dovecot_files.complaint(done.errors)
            return Found(DOVECOT, version, configuration, (UNIT,), problem=said)
    key = None
    try:
        key = _file(dovecot_files.last_value(configuration, "ssl_key"))
    except dovecot_files.UnreadableError:
        # The key's path is not known then, and is not told; all else is doveconf's own word.
        pass
    return interpret(listed.output, login.output, version, key, configuration)
