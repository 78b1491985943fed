# SPDX-License-Identifier: GPL-3.0-or-later
"""Cyrus: imapd.conf says how TLS is spoken, cyrus.conf which services there are.

Sources: imapd.conf(5) and cyrus.conf(5) of 3.2 to 3.10. The last line of an option counts; one with the service's name
and an underscore before it counts for that service alone. Python 3.9, standard library only.
"""

from __future__ import annotations

import os
import re
from typing import Dict, List, Optional, Tuple

from ..change import files
from ..change.commands import CommandError, find, run
from .model import CYRUS, VERSIONS, Found

CONFIGURATION, SERVICES = "/etc/imapd.conf", "/etc/cyrus.conf"
UNITS = ("cyrus-imapd.service",)
TOLD = (
    "tls_versions", "tls_ciphers", "tls_eccurve", "tls_prefer_server_ciphers", "tls_required", "tls_server_cert",
    "tls_server_key", "tls_server_dhparam", "allowplaintext", "allowapop", "serverinfo", "sasl_mech_list",
)  # fmt: skip
DEFAULTS = {"tls_versions": "tls1_0 tls1_1 tls1_2 tls1_3", "allowplaintext": "no"}
"""imapd.conf(5), for options that a host need not set."""
MAX_INCLUDES = 20
_WORDS = {"tls1_0": "TLSv1", "tls1_1": "TLSv1.1", "tls1_2": "TLSv1.2", "tls1_3": "TLSv1.3"}
_SERVICE = re.compile(r"^\s*(\w+)\s+(.*\bcmd\s*=.*)$")
_PORTS = {"pop3": 110, "pop3s": 995}


def options(text: str) -> Dict[str, str]:
    """Options of an imapd.conf."""
    found: Dict[str, str] = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            name, colon, value = line.partition(":")
            if colon:
                found[name.strip().lower()] = value.strip()
    return found


def read_options(path: str, depth: int = 0) -> Dict[str, str]:
    """Options of an imapd.conf and of those that it includes.

    :raises files.FileError: one can't be read, or they go round in circles
    """
    if depth > MAX_INCLUDES:
        raise files.FileError("%s: @include goes round in circles" % path)
    found: Dict[str, str] = {}
    for line in (files.read(path) or "").splitlines():
        if line.startswith("@include:"):
            found.update(read_options(line.partition(":")[2].strip(), depth + 1))
        else:
            found.update(options(line))
    return found


def services(text: str) -> List[Tuple[str, str, Dict[str, str]]]:
    """(name, line, its words by key) of each service of a cyrus.conf."""
    found = []
    inside = False
    for line in text.splitlines():
        words = line.split("#")[0].strip()
        if re.match(r"SERVICES\s*\{", words):
            inside = True
        elif words == "}":
            inside = False
        elif inside:
            match = _SERVICE.match(words)
            if match:
                keys = {key: quoted or bare for key, quoted, bare in
                        re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|(\S+))', match[2])}  # fmt: skip
                found.append((match[1], line, keys))
    return found


def _port(listen: str) -> Optional[int]:
    last = listen.rpartition(":")[2]
    return int(last) if last.isdigit() else _PORTS.get(last)


def interpret(table: Dict[str, str], conf: str, version: Optional[str], configuration: str) -> Found:
    """What the two files say."""
    tls: List[int] = []
    clear: List[int] = []
    unknown = False
    prefix = ""
    for name, _line, keys in services(conf):
        words = keys.get("cmd", "").split()
        if not words or os.path.basename(words[0]) != "pop3d" or keys.get("listen", "").startswith("/"):
            continue
        port = _port(keys.get("listen", ""))
        if port is None:
            unknown = True
        elif "-s" in words:
            tls.append(port)
            prefix = name + "_"
        else:
            clear.append(port)
    if prefix:
        table = dict(table, **{key[len(prefix) :]: value for key, value in table.items() if key.startswith(prefix)})
    versions = [_WORDS[word] for word in table.get("tls_versions", DEFAULTS["tls_versions"]).split() if word in _WORDS]
    plain = table.get("allowplaintext", DEFAULTS["allowplaintext"]).lower() in ("yes", "on", "true", "1", "t")
    return Found(
        CYRUS, version, configuration, UNITS,
        None if unknown else tuple(tls), None if unknown else tuple(clear),
        min(versions, key=VERSIONS.index) if versions else None,
        {name: table[name] for name in TOLD if name in table},
        table.get("tls_server_cert") if table.get("tls_server_cert") != "disabled" else None,
        table.get("tls_server_key"),
        None if unknown else bool(clear) and plain,
    )  # fmt: skip


def _version() -> Optional[str]:
    for argv in (["dpkg-query", "-W", "-f", "${Version}", "cyrus-pop3d"],
                 ["rpm", "-q", "--qf", "%{VERSION}", "cyrus-imapd"]):  # fmt: skip
        if find(argv[0]):
            try:
                done = run(argv)
            except CommandError:
                continue
            if not done.code and done.output.strip():
                return done.output.strip()
    return None


def read() -> Optional[Found]:
    """The settings in effect; ``None``: Cyrus's POP3 server is not installed."""
    try:
        conf = files.read(SERVICES)
        if conf is None or not os.path.exists(CONFIGURATION):
            return None
        return interpret(read_options(CONFIGURATION), conf, _version(), CONFIGURATION)
    except files.FileError as error:
        return Found(CYRUS, None, CONFIGURATION, UNITS, problem=str(error))
