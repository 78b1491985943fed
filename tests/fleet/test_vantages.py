# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with nothing of ours on it looks over a login by SSH: what it sees from inside and the controller from outside
proves a service internal; and it may lose its power while it looks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .lab import SSH_OPTIONS, Host, Lab

ANSIBLE_PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
SECOND = ("198.51.100.3", "2001:db8:1::3")
"""More addresses of the vantage outside."""

RULES = """\
add table inet wanted
add chain inet wanted input { type filter hook input priority 0; }
add rule inet wanted input ip saddr 192.0.2.0/24 tcp dport 995 accept
add rule inet wanted input ip6 saddr 2001:db8::/64 tcp dport 995 accept
add rule inet wanted input tcp dport 995 VERDICT
"""
SILENT = 40
"""Addresses where nobody is: a look at them takes its time."""


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> Iterator[tuple[Host, Host]]:
    """The one that looks and the one that is looked at."""
    for address, prefix in zip(SECOND, (24, 64), strict=True):
        lab.outside.ip("address", "add", f"{address}/{prefix}", "dev", "eth0", *(["nodad"] if prefix == 64 else []))
    looks, served = lab.host(), lab.host()
    served.wait_for_listener()
    yield looks, served
    looks.remove()
    served.remove()
    for address, prefix in zip(SECOND, (24, 64), strict=True):
        lab.outside.ip("address", "del", f"{address}/{prefix}", "dev", "eth0")


def audit(lab: Lab, folder: Path, looks: Host, servers: dict[str, Any], **extra: object) -> subprocess.Popen[str]:
    """Start the playbook outside."""
    folder.mkdir(exist_ok=True)
    login = {
        "ansible_host": looks.ipv4, "ansible_user": "root", "ansible_ssh_private_key_file": str(lab.key),
        # Whoever loses a vantage wants to notice: the connection is asked for signs of life.
        "ansible_ssh_common_args": " ".join((*SSH_OPTIONS, "-o", "ServerAliveInterval=2", "-o", "ServerAliveCountMax=2")),
        "ansible_python_interpreter": "/usr/bin/python3", "pop3s_vantage_side": "inside",
    }  # fmt: skip
    inventory = {"all": {"hosts": servers, "children": {"pop3s_vantages": {"hosts": {"probe": login}}}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
    given = {
        "audit_out": str(folder / "out"), "audit_side": "outside", "audit_depth": "port",
        "audit_source_addresses": [lab.outside.ipv4, lab.outside.ipv6, *SECOND], "audit_connect_timeout": 1,
        "audit_checks": "POP3S-PORT-* or POP3S-COV-001", **extra,
    }  # fmt: skip
    return subprocess.Popen(
        [*lab.outside.prefix(), str(ANSIBLE_PLAYBOOK), "-i", str(folder / "hosts.yml"), "port995.pop3s.audit", "-e",
         json.dumps(given)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
        env={**os.environ, "HOME": str(folder), "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"), "ANSIBLE_TIMEOUT": "5",
             "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{lab.folder}/cp",
             "NO_COLOR": "1"},
    )  # fmt: skip


def server(host: Host, intent: str) -> dict[str, Any]:
    return {"pop3s_intent": intent, "pop3s_endpoints": [{"address": host.ipv4}, {"address": host.ipv6}]}


def read(folder: Path, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "out" / name).read_text())
    return document


def ports(report: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in report["results"]:
        if one["check_id"] == "POP3S-PORT-001":
            found.setdefault(one["host"], set()).add(one["status"])
    return found


@pytest.mark.parametrize(
    ("verdict", "state"), [("drop", "filtered"), ("reject with tcp reset", "closed"), ("accept", "open")]
)
def test_internal_is_proven_from_inside_over_ssh_and_from_outside(
    verdict: str, state: str, lab: Lab, hosts: tuple[Host, Host], tmp_path: Path
) -> None:
    looks, served = hosts
    assert "No module named" in looks.console("python3 -c 'import port995' 2>&1", check=False)
    served.console("nft flush ruleset; nft -f -", data=RULES.replace("VERDICT", verdict).encode())
    both = {"mail": server(served, "internal"), "old": server(served, "closed")}
    said = audit(lab, tmp_path, looks, both).communicate(timeout=120)[0]
    report = read(tmp_path, "report.json")
    assert report["vantage_hosts"] == ["probe"] and report["coverage"]["inventory"] == 2, said
    assert ports(report) == {"mail": {"pass" if state != "open" else "fail"}, "old": {"fail"}}, said
    states = {(view["vantage"], view["family"], view["state"]) for one in report["views"] for view in one["views"]}
    assert states == {(name, family, seen) for family in (4, 6) for name, seen in (("probe", "open"), ("controller", state))}
    sources = {view["source"] for one in report["views"] for view in one["views"] if view["vantage"] == "probe"}
    assert sources == {looks.ipv4, looks.ipv6}
    (told,) = [one for one in report["activity"]["vantages"] if one["name"] == "probe"]
    assert (told["hostname"], told["side"]) == (looks.name, "inside")
    left = looks.console("ls -A /tmp /root/.ansible/tmp 2>/dev/null | grep -e port995 -e ansible-tmp", check=False)
    assert left == ""


def test_a_vantage_that_loses_its_power_while_it_looks_is_missed(
    lab: Lab, hosts: tuple[Host, Host], tmp_path: Path
) -> None:
    looks, served = hosts
    served.console("nft flush ruleset; nft -f -", data=RULES.replace("VERDICT", "drop").encode())
    silent = {f"silent{n}": {"pop3s_intent": "closed", "pop3s_address": f"192.0.2.{100 + n}"} for n in range(SILENT)}
    # One endpoint at a time, so that there is time to lose it; the servers come first, and are seen.
    running = audit(
        lab, tmp_path, looks, {"mail": server(served, "internal"), **silent}, audit_concurrency=2,
        audit_source_addresses=[], audit_connect_timeout=0.5,
    )  # fmt: skip
    end = time.monotonic() + 100
    while looks.console("grep -c . /tmp/port995-journal-* 2>/dev/null || true", check=False).strip() in ("", "0"):
        assert running.poll() is None and time.monotonic() < end, running.communicate()[0]
        time.sleep(0.1)
    looks.cut_power()
    said = running.communicate(timeout=120)[0]
    gate, report = read(tmp_path, "gate.json"), read(tmp_path, "report.json")
    assert running.returncode == 2 and gate["incomplete"] and gate["exit"] in (1, 3), said
    assert not (tmp_path / "out/journal-probe.jsonl").exists()
    assert ports(report)["mail"] == {"unreachable"}
    assert all(one["missing"] == ["no observation in the journal from probe"] for one in report["views"])
    assert "the journal of vantage 'probe' is missing" in said
