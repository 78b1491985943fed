# SPDX-License-Identifier: GPL-3.0-or-later
"""A login to another machine, without the machine: Ansible's local connection under a name of its own.

So the journal is fetched as from any other machine. What a fetched file may suffer on its way can be asked for.
"""

from __future__ import annotations

import os
from pathlib import Path

from ansible.plugins.connection.local import Connection as LocalConnection

DOCUMENTATION = """
name: relayed
short_description: the local connection, as if it were another machine
description: For tests.
extends_documentation_fragment: [connection_pipelining]
options:
  become_success_timeout:
    description: As in the local connection.
    type: int
    default: 10
  become_strip_preamble:
    description: As in the local connection.
    type: bool
    default: true
  damage:
    description: What befalls a file that is fetched.
    choices: [none, changed, cut, lost]
    default: none
    vars: [{name: relayed_damage}]
"""


class Connection(LocalConnection):
    """The local connection, which tampers with what it fetches when it is told to."""

    transport = "relayed"

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(in_path, out_path)
        damage = self.get_option("damage")
        fetched = Path(out_path)
        content = fetched.read_bytes()
        if damage == "changed":
            # A date in another millennium: what is left reads well.
            changed = content.replace(b'"started":"2', b'"started":"3', 1)
            assert changed != content, content
            fetched.write_bytes(changed)
        elif damage == "cut":
            # A whole line less: what is left reads well.
            fetched.write_bytes(content[: content.rstrip(b"\n").rindex(b"\n") + 1])
        elif damage == "lost":
            os.unlink(out_path)
