# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials for logins: from the environment or from a file that nobody else can read, never from the command line,
which every user of the machine sees and the run records."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from ..policy.libraries import yaml
from ..policy.model import Exit
from ..policy.trust import TrustError, load_anchors
from ..probe.credentials import CredentialsError, Logins, logins_of
from ..probe.model import Target
from .ending import stop

USER, PASSWORD = "PORT995_USER", "PORT995_PASSWORD"
MAX_FILE = 1024 * 1024
"""Octets."""


def logins_given(
    path: Path | None, ca_file: Path | None, allow_dele: bool, unverified: bool, environment: Mapping[str, str]
) -> Logins | None:
    """The credentials that the user gave; ends with exit code 2 for those that can't be used.

    :param path: file of ``--credentials``
    :param ca_file: anchors that a server must be verified against; ``None``: the machine's own
    :returns: ``None``: none were given, so no login is tried
    """
    named = {name: environment[name] for name in (USER, PASSWORD) if environment.get(name)}
    if path is not None and named:
        stop(Exit.USAGE, f"give credentials either by --credentials or by {USER} and {PASSWORD}, not both")
    if path is None and not named:
        for option, wanted in (("--allow-dele", allow_dele), ("--auth-unverified", unverified)):
            if wanted:
                stop(Exit.USAGE, f"{option} is for logins: give credentials by --credentials or {USER} and {PASSWORD}")
        return None
    if path is None and len(named) != 2:
        stop(Exit.USAGE, f"{USER} and {PASSWORD} belong together: set both, or neither")
    given = read_file(path) if path is not None else {"user": named[USER], "password": named[PASSWORD]}
    try:
        certificates = load_anchors(ca_file).certificates
        anchors = "".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in certificates)
        logins = logins_of(given, anchors, unverified, allow_dele)
        logins.context()
    except (CredentialsError, TrustError) as error:
        stop(Exit.USAGE, str(error))
    return logins


def read_file(path: Path) -> Any:
    """A file of credentials, YAML; ends with exit code 2 where others can read it, or we can't. What is in it is never
    shown."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                stop(Exit.USAGE, f"{path} is no file: give a file of credentials")
            if status.st_mode & 0o077:
                stop(Exit.USAGE, f"{path} can be read by others, so nothing was read: chmod 600 {path}")
            if status.st_uid not in (os.geteuid(), 0):
                stop(Exit.USAGE, f"{path} belongs to another user, so nothing was read: chown it")
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        stop(Exit.USAGE, f"{path} can't be read ({error.strerror}): check its path and mode")
    if len(data) > MAX_FILE:
        stop(Exit.USAGE, f"{path} is larger than {MAX_FILE} octets, so it is no file of credentials")
    try:
        return yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        stop(Exit.USAGE, f"{path} is no YAML{where}: it holds user and password, and hosts with theirs")


def owed(
    logins: Logins | None, aims: tuple[Target, ...], notes: tuple[str, ...]
) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """The targets with the logins that they owe, and the notes; ends with exit code 2 where no target is meant."""
    if logins is None:
        return aims, notes
    try:
        marked, strangers = logins.owed(aims)
    except CredentialsError as error:
        stop(Exit.USAGE, str(error))
    return marked, (*notes, *(f"the credentials name {name!a}, which is no target" for name in strangers))
