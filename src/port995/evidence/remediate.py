# SPDX-License-Identifier: GPL-3.0-or-later
"""Sort the fails of a finished run by what mends them, and write playbooks and lists of that.

Every fail stands in exactly one of both. The profile of the run lies beside the playbooks, so that what is set is what
was judged by.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..policy.model import Intent
from ..policy.remedies import CLEAR_TEXT, PORT, Remedy, remedy_of
from ..report.escape import visible
from ..report.remediation import JSON, TEXT, ByHand, Group, Mended, Remediation, playbook_of, to_json, to_markdown
from .atomic_write import sync_folder, write_atomically
from .conclude import read_gate
from .run_folder import GATE, PROFILE, REPORT, RUN, RunError, open_run, read_bytes, run_error

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
"""Host names that are no pattern, no template and no option to Ansible."""

_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\[\]:/]+):([0-9]{1,5})(?:/.*)?", re.DOTALL)


def remediation_of(path: Path) -> Remediation:
    """What can be done about the fails of a run.

    :param path: folder of a finished run
    :raises RunError: its verdict can't be trusted
    """
    verdict = read_gate(path)
    run = open_run(path)
    try:
        report = json.loads(read_bytes(path / REPORT))
        open_ones = sum(one["status"] in ("error", "unreachable", "not_tested", "manual") for one in report["results"])
        waived = sum(one["status"] == "waived" for one in report["results"])
        groups, by_hand = sorted_out(report)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise RunError(f"{path / REPORT} can't be read ({error}): judge the run again") from error
    digest = hashlib.sha256(read_bytes(path / GATE)).hexdigest()
    return Remediation(run.header.run_id, int(verdict.exit), digest, groups, by_hand, waived, open_ones)


def _states(views: Iterable[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in views:
        found.setdefault(one["host"], set()).update(view["state"] for view in one["views"])
    return found


def sorted_out(report: dict[str, Any]) -> tuple[tuple[Group, ...], tuple[ByHand, ...]]:
    """The fails of a report by what mends them; every one is in one of both.

    :param report: ``report.json``
    :raises LookupError, TypeError, ValueError: it is none
    """
    hosts = {host["name"]: host for host in report["hosts"]}
    states = _states(report["views"])
    mended: dict[str, dict[Remedy, list[Mended]]] = {}
    by_hand = []
    for one in report["results"]:
        if one["status"] != "fail":
            continue
        remedy, why = _choice(one, hosts, states)
        if remedy is Remedy.NONE:
            by_hand.append(ByHand(
                one["host"], one["endpoint"], one["check_id"], one["severity"], why, one["remediation"],
            ))  # fmt: skip
        else:
            of_host = mended.setdefault(one["host"], {})
            of_host.setdefault(remedy, []).append(Mended(one["host"], one["endpoint"], one["check_id"]))
    found: dict[tuple[Remedy, str], list[str]] = {}
    for host, remedies in mended.items():
        for remedy, mends in remedies.items():
            variables = _variables(remedy, mends, hosts[host])
            found.setdefault((remedy, json.dumps(variables)), []).append(host)
    order = tuple(Remedy)
    groups = [
        Group(
            remedy, tuple((name, value) for name, value in json.loads(variables)), tuple(names),
            tuple(one for name in names for one in mended[name][remedy]),
        )
        for (remedy, variables), names in sorted(found.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))
    ]  # fmt: skip
    return tuple(groups), tuple(by_hand)


def _choice(
    one: dict[str, Any], hosts: dict[str, dict[str, Any]], states: dict[str, set[str]]
) -> tuple[Remedy, str]:
    if one["host"] is None:
        return Remedy.NONE, "it is about the run or about several hosts together"
    host = hosts[one["host"]]
    intent = None if host["intent"] is None else Intent(host["intent"])
    chosen = remedy_of(one["check_id"], intent, states.get(one["host"], set()))
    if chosen.remedy is Remedy.NONE:
        return chosen.remedy, chosen.why
    if host.get("count", 1) != 1:
        return Remedy.NONE, "it stands for several addresses that were told together: put them into an inventory"
    if not _is_plain(one["host"]):
        return Remedy.NONE, "its name is one that Ansible would take for a pattern or a template"
    if chosen.remedy is not Remedy.ENFORCE and not _ports(host):
        return Remedy.NONE, "none of its ports is known"
    return chosen.remedy, ""


def _is_plain(name: str) -> bool:
    if NAME.fullmatch(name):
        return name not in ("all", "ungrouped", "localhost")
    try:
        return "%" not in name and bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _ports(host: dict[str, Any]) -> list[int]:
    """TLS ports of a host, by its endpoints."""
    found = {int(match[1]) for label in host["endpoints"] if (match := _PORT.fullmatch(label))}
    return sorted(port for port in found if 0 < port < 65536)


def _variables(remedy: Remedy, mends: Iterable[Mended], host: dict[str, Any]) -> list[tuple[str, Any]]:
    """What the role or the module is told, in a fixed order."""
    if remedy is Remedy.CLOSE:
        return [("close_ports", _ports(host))]
    if remedy is Remedy.RESTRICT:
        return [("ports", _ports(host))]
    checks = {one.check_id for one in mends}
    return [
        ("enforce_profile", "{{ playbook_dir }}/" + PROFILE),
        ("enforce_cleartext", "stls" if checks & set(CLEAR_TEXT) else "keep"),
        # Rules that keep others out are taken away only where the port is to be open to all and is not: what was shut
        # with good reason must not be opened because a suite is old.
        ("enforce_firewall", "absent" if host["intent"] == Intent.SERVE.value and checks & set(PORT) else "keep"),
    ]


def write(run_path: Path, found: Remediation, out: Path) -> list[str]:
    """Write playbooks and lists into a new folder, all or nothing.

    :returns: the names of its files
    :raises RunError: it is there, or can't be written
    """
    if os.path.lexists(out):
        raise RunError(f"{out} is there already: name another folder")
    files = {name: playbook_of(group, found.run_id) for name, group in found.names.items()}
    if any(group.remedy is Remedy.ENFORCE for group in found.groups):
        profile = read_bytes(run_path / PROFILE)
        if hashlib.sha256(profile).hexdigest() != open_run(run_path).header.profile_sha256:
            raise RunError(f"{run_path / PROFILE} is not the profile of {RUN}: restore it, or run the audit again")
        files[PROFILE] = profile
    files[JSON] = (json.dumps(to_json(found), indent=1) + "\n").encode("ascii")
    files[TEXT] = to_markdown(found).encode("utf-8")
    beside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        beside.mkdir(parents=True)
        for name, data in files.items():
            write_atomically(beside / name, data)
        os.rename(beside, out)
        sync_folder(out.parent)
    except OSError as error:
        raise run_error(out, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return list(files)


def summary_lines(found: Remediation, out: Path) -> Iterator[str]:
    """What to tell at the end."""
    for name, group in found.names.items():
        yield f"{visible(str(out))}/{name}: {group.title}: {len(group.hosts)} hosts, {len(group.mends)} fails"
    yield f"{len(found.by_hand)} fails that no role mends, see {visible(str(out))}/{TEXT}"
    if found.open:
        yield f"{found.open} results of which nothing is known: nothing is done about them"
