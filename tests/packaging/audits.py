# SPDX-License-Identifier: GPL-3.0-or-later
"""Audits of the lab from an installed artefact, held against the lab's truth."""

from __future__ import annotations

import json
from pathlib import Path

from port995.lab.compare import compare, load_truth
from port995.lab.lab import Lab

from ..ports import own_base_port
from .environments import Environment

SOURCES = ("127.0.0.1", "127.0.0.2")


def audit_by_name(environment: Environment, lab: Lab, **variables: str) -> Path:
    """``ansible-playbook port995.pop3s.audit`` in the environment; the run folder, after the truth was found in it."""
    out = environment.work / "by-name"
    extra = {
        "audit_out": str(out), "audit_ca_file": str(lab.ca_file), "audit_source_addresses": SOURCES,
        "audit_tls_timeout": 3, "audit_pop3_timeout": 3,
    }  # fmt: skip
    done = environment.run(
        "ansible-playbook", "-i", lab.inventory_file, "port995.pop3s.audit", "-e", json.dumps(extra), **variables
    )
    # The gate must stop the play: most of the lab is wrong on purpose.
    assert done.returncode == 2, done.stdout + done.stderr
    return _true(out, done.stdout + done.stderr)


def audit_by_command(environment: Environment) -> Path:
    """``port995 lab`` around ``port995 audit``, both of the environment; the run folder, as above."""
    out = environment.work / "by-command"
    sources = " ".join(f"--source {address}" for address in SOURCES)
    script = (
        f'port995 audit -i "$PORT995_LAB_INVENTORY" --ca-file "$PORT995_LAB_CA" {sources}'
        ' --tls-timeout 3 --pop3-timeout 3 --out "$0"'
    )
    port = str(own_base_port())
    done = environment.run("port995", "lab", "--base-port", port, "--", "sh", "-c", script, out)
    assert done.returncode == 1, done.stdout + done.stderr
    own = environment.run("port995", "lab", "--compare", out)
    assert own.returncode == 0, own.stdout + own.stderr
    gate = environment.run("port995", "gate", out)
    assert gate.returncode == 1, gate.stdout + gate.stderr
    return _true(out, done.stdout + done.stderr)


def _true(out: Path, said: str) -> Path:
    assert (out / "gate.json").is_file(), said
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert compare(report, load_truth()) == [], said
    return out
