# SPDX-License-Identifier: GPL-3.0-or-later
"""The library on a host of the lab, without Ansible: its steps one by one, and what a change may leave behind."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

from .lab import REPOSITORY, Host

STEPS = """\
import json, os, sys
from port995.change import taking_back
from port995.firewall import model, steps
given = json.loads(sys.argv[1])
backend = given["wanted"].pop("backend", "auto")
wanted = model.wanted(**given["wanted"])
last = given["last"]
made = steps.plan(wanted, backend)
if last == "plan":
    print(json.dumps({"changed": made.changed, "running": made.running_differs, "disk": made.disk_differs,
                      "notes": made.notes, "active": made.found.active, "backend": made.backend,
                      "rules": made.rules}))
    sys.exit()

def die_after(step):
    if last == step:
        os.kill(os.getpid(), 9)

mutex = taking_back.at_work()
mutex.__enter__()
change = taking_back.take_lock(given["who"], given["limit"])
die_after("lock")
taking_back.save(change, steps.before(made))
die_after("save")
taking_back.arm(change, given["limit"])
die_after("arm")
steps.apply(made)
die_after("apply")
steps.persist(steps.plan(wanted, backend))
die_after("persist")
taking_back.disarm(change)
die_after("disarm")
"""
"""Takes steps apart that `steps.begin` and `steps.finish` take in this order, to stop after each."""

WHOLE = """\
import json, sys
from port995.firewall import model, steps
given = json.loads(sys.argv[1])
backend = given["wanted"].pop("backend", "auto")
wanted = model.wanted(**given["wanted"])
made = steps.plan(wanted, backend)
if made.changed:
    change = steps.begin(made, "a test", 60.0, wanted.state)
    steps.finish(change, wanted, "a test", backend)
print(json.dumps({"changed": made.changed, "left": steps.plan(wanted, backend).changed}))
"""

PHASES = ("lock", "save", "arm", "apply", "persist", "disarm")

STATE = """\
nft list ruleset
find /etc -printf '%p %y %m %u %l\\n' | sort
find /etc -type f -print0 | sort -z | xargs -0 md5sum
for unit in nftables ssh dovecot; do systemctl is-enabled $unit; systemctl is-active $unit; done
true
"""
"""What is to be equal before a change and after it is taken away: rules, all of /etc, units and what enables them."""


def put_library(host: Host) -> None:
    """Copy what travels to managed hosts to it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("__init__.py", "probe", "change", "firewall", "daemon", "closing"):
            archive.add(
                REPOSITORY / "src/port995" / name, f"port995/{name}",
                filter=lambda member: None if "__pycache__" in member.name else member,
            )  # fmt: skip
    host.console("mkdir -p /opt/library && tar -C /opt/library -xf -", data=packed.getvalue())


def call(host: Host, script: str, given: dict[str, Any], check: bool = True) -> Any:
    """Run a script on the host, with what it is given as its argument."""
    host.console("cat > /opt/library/step.py", data=script.encode())
    quoted = json.dumps(given).replace("'", "")
    # firewall-cmd takes a third of a second for each word, and ten times that on a machine that is busy.
    said = host.console(f"PYTHONDONTWRITEBYTECODE=1 python3 /opt/library/step.py '{quoted}'", check=check, timeout=300)
    return json.loads(said) if said.strip() else None


def plan(host: Host, **wanted: Any) -> Any:
    """What would be done."""
    return call(host, STEPS, {"wanted": wanted, "last": "plan"})


def change(host: Host, **wanted: Any) -> Any:
    """Do it, and confirm it."""
    return call(host, WHOLE, {"wanted": wanted})


def die_after(host: Host, phase: str, limit: float, **wanted: Any) -> None:
    """Begin a change, and be killed (-9) after a phase of it."""
    call(host, STEPS, {"wanted": wanted, "last": phase, "limit": limit, "who": "one that dies"}, check=False)


def state(host: Host) -> str:
    """All that a change of the firewall could leave something in."""
    return host.console(STATE)
