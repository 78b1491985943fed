# SPDX-License-Identifier: GPL-3.0-or-later
"""See that no daemon listens before ufw or firewalld have loaded their rules at boot.

ufw.service stands before network-pre.target, and firewalld.service too: enough where something else brings the network
up after that. It is no order towards a daemon on a host whose network is there from the start, as a container's or one
that the kernel or an initramfs configures. So the services get an addition. Python 3.9, standard library only.
"""

from __future__ import annotations

import os
from typing import Optional

from ..change import files
from ..change.commands import CommandError, demand, find, run
from .model import Wanted

HEAD = "# Made by port995 and written anew by it; state absent removes it.\n"
DAEMONS = (
    "dovecot.service dovecot.socket courier-pop.service courier-pop-ssl.service courier-pop.socket cyrus-imapd.service"
    " cyrus-imap.service inetd.service xinetd.service stunnel4.service stunnel.service haproxy.service nginx.service"
)
"""Those that serve POP3, or stand before what does. firewalld needs D-Bus, so it can't stand before all services."""
TEXTS = {
    "ufw": HEAD + "[Unit]\nBefore=sysinit.target\n",
    # The name on the bus, which systemd waits for, is there before the rules; what it answers is not.
    "firewalld": HEAD + "[Unit]\nBefore=%s\n[Service]\nExecStartPost=-%%s --quiet --state\n" % DAEMONS,
}


def path(service: str) -> str:
    """The addition to a service."""
    return "/etc/systemd/system/%s.service.d/port995.conf" % service


def present(service: str) -> Optional[str]:
    """The addition that is there.

    :raises files.FileError: it can't be read
    """
    return files.read(path(service))


def planned(service: str, wanted: Wanted, systemd: bool) -> Optional[str]:
    """The addition that is to be there; ``None``: none."""
    if not systemd or wanted.state not in ("closed", "restricted"):
        return None
    text = TEXTS[service]
    return text % (find("firewall-cmd") or "/usr/bin/firewall-cmd") if "%s" in text else text


def write(service: str, text: Optional[str]) -> None:
    """Put the addition there, or take it away.

    :raises files.FileError: it can't be written
    :raises CommandError: systemd does not read it
    """
    if text is None:
        files.remove(path(service))
        files.remove_folder_if_empty(os.path.dirname(path(service)))
    else:
        files.write(path(service), text)
    demand(["systemctl", "daemon-reload"])


def steps_back(service: str) -> str:
    """What puts back the addition that was there."""
    own = path(service)
    return "restore_file %s\nrmdir %s 2>/dev/null\nunits_back\n" % (own, os.path.dirname(own))


def is_enabled(service: str) -> bool:
    """Whether the service is started at boot."""
    try:
        return run(["systemctl", "is-enabled", service + ".service"]).output.strip() == "enabled"
    except CommandError:
        return False
