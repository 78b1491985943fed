# SPDX-License-Identifier: GPL-3.0-or-later
"""Install a mail daemon, where that was asked for: by the distribution's own tool, and only what serves POP3.

Python 3.9, standard library only.
"""

from __future__ import annotations

import os
import subprocess
from typing import Dict, List, Tuple

from ..change.commands import SEARCH_PATH, find
from .model import COURIER, CYRUS, DOVECOT, DaemonError

PACKAGES: Dict[str, Dict[str, str]] = {
    "apt-get": {DOVECOT: "dovecot-pop3d", COURIER: "courier-pop", CYRUS: "cyrus-pop3d"},
    # Untested on a real host: RHEL has Dovecot's POP3 server in its one package, and no Courier.
    "dnf": {DOVECOT: "dovecot", CYRUS: "cyrus-imapd"},
}
TIMEOUT = 600.0
"""Seconds an installation may take."""


def command_for(daemon: str) -> Tuple[List[str], str]:
    """(what installs it, its package).

    :raises DaemonError: nothing here can
    """
    for tool, packages in PACKAGES.items():
        if find(tool) and daemon in packages:
            more = ["-o", "Dpkg::Options::=--force-confold", "--no-install-recommends"] if tool == "apt-get" else []
            return [tool, "install", "-y", "-q", *more, packages[daemon]], packages[daemon]
    raise DaemonError("%s can't be installed here: neither apt-get nor dnf has it. Install it by hand." % daemon)


def install(daemon: str) -> str:
    """Install it.

    :returns: the package
    :raises DaemonError: that failed; with what was said
    """
    argv, package = command_for(daemon)
    path = find(argv[0]) or argv[0]
    environment = {"PATH": SEARCH_PATH, "LC_ALL": "C", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            [path, *argv[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**environment, **({"TERM": os.environ["TERM"]} if "TERM" in os.environ else {})},
            timeout=TIMEOUT, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DaemonError("%s can't be installed: %s" % (package, error)) from error
    if done.returncode:
        said = done.stdout.decode(errors="replace").strip()[-1000:]
        raise DaemonError("%s can't be installed (exit %d): %s" % (package, done.returncode, said))
    return package
