# SPDX-License-Identifier: GPL-3.0-or-later
"""The role enforce on a mail host of the lab, and what a change by it could leave something in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from . import on_host
from .mail_host import CERTIFICATE, KEY, NAME, MailHost
from .playbook_on_lab import Ended, run

ROLE = [{
    "hosts": "all:!pop3s_vantages", "gather_facts": False,
    "tasks": [{"ansible.builtin.import_role": {"name": "port995.pop3s.enforce"}}],
}]  # fmt: skip
"""The smallest play that calls the role."""


def state(mail: MailHost, *more: str) -> str:
    """All that a change could leave something in.

    :param more: units beside those of its mail server
    """
    return mail.host.console(on_host.STATE.replace("nftables ssh dovecot", " ".join((*mail.kind.units, *more))))


def enforce(mail: MailHost, out: Path, *more: str, **variables: Any) -> Ended:
    """Run the role with what a host that serves gets.

    :param out: a new folder for the runs of the audit
    """
    wanted: dict[str, Any] = {
        "pop3s_intent": "serve", "pop3s_server_name": NAME, "enforce_ca_file": str(mail.ca), "enforce_cleartext": "off",
        "enforce_certificate": CERTIFICATE, "enforce_key": KEY, "enforce_names": [NAME], "enforce_families": "4",
        "enforce_out": str(out),
    }  # fmt: skip
    out.mkdir(exist_ok=True)
    return run(mail.lab, mail.folder, [mail.host], ROLE, *more, **{**wanted, **variables})


def changed(ended: Ended) -> int:
    """How many tasks changed something."""
    found = re.search(r"changed=(\d+)", ended.said)
    assert found is not None, ended.said
    return int(found.group(1))
