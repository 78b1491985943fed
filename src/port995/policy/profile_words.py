# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile told in full, and what two of them differ in: as text for people, as plain data for programs."""

from __future__ import annotations

from typing import Any

from .crosswalk import controls_of
from .profile import Profile
from .profile_rules import CheckSettings
from .registry import ALWAYS, all_checks

_ONLY_WITH = {
    "": "", "dns": "; only in runs that ask the DNS", "inside": "; only in runs that look at hosts from inside",
}  # fmt: skip
_FIELDS = ("severity", "parameters", "clause", "effective", "until", "only_with", "references", "note")


def to_json(profile: Profile) -> dict[str, Any]:
    """All that a profile says, its rules in the order of a report."""
    controls = controls_of(profile.checks)
    return {
        "id": profile.id,
        "date": profile.date,
        "title": profile.title,
        "sha256": profile.sha256,
        "document": profile.document,
        "url": profile.url,
        "extends": list(profile.extends),
        "removed": list(profile.removed),
        "not_covered": [{"clause": one.clause, "why": one.why} for one in profile.not_covered],
        "checks": {
            id_: {**_rule(rule), "title": all_checks()[id_].title, "controls": list(controls.get(id_, ()))}
            for id_, rule in profile.checks.items()
        },
    }


def explain(profile: Profile) -> str:
    """The profile in full, for ``port995 profiles NAME``."""
    controls = controls_of(profile.checks)
    lines = [f"{profile.id}  {profile.date}  {profile.title}", f"sha256 {profile.sha256}"]
    if profile.document:
        lines.append(f"made of: {' '.join(filter(None, (profile.document, profile.url)))}")
    if profile.extends:
        lines.append(f"extends: {', '.join(profile.extends)}")
    if profile.removed:
        lines.append(f"takes away: {', '.join(profile.removed)}")
    for id_, rule in profile.checks.items():
        check = all_checks()[id_]
        always = "; in every run" if id_ in ALWAYS else ""
        only = _ONLY_WITH[rule.only_with]
        heavy = f"  severity {rule.severity.value}, per {check.scope.value}{only}{always}"
        lines += ["", f"{id_}  {check.title}", heavy]
        words = rule.clause_words or f"no clause is named; the check's own: {'; '.join(check.references)}"
        lines.append(f"  on the word of: {words}")
        if rule.effective or rule.until:
            lines.append(f"  in force: {_period(rule)}")
        for name, value in rule.parameters.items():
            lines.append(f"  {name} = {_shown(value)}: {check.parameters[name].meaning}")
        if rule.note:
            lines.append(f"  note: {rule.note}")
        lines.append(f"  why: {check.rationale}")
        lines.append(f"  if it fails: {check.remediation}")
        told = (*rule.references, *controls.get(id_, ()))
        if told:
            lines.append(f"  frameworks: {'; '.join(told)}")
    if profile.not_covered:
        lines += ["", "Not covered:"]
        lines += [f"  {one.clause}: {one.why}" for one in profile.not_covered]
    return "\n".join(lines)


def differences(one: Profile, other: Profile) -> list[dict[str, Any]]:
    """What differs, check by check: ``only_in`` one of them, or ``changed`` with both values."""
    found: list[dict[str, Any]] = []
    for id_ in all_checks():
        mine, theirs = one.checks.get(id_), other.checks.get(id_)
        if mine is None and theirs is None:
            continue
        if mine is None or theirs is None:
            found.append({"check_id": id_, "only_in": (other if mine is None else one).id, "changed": {}})
            continue
        left, right = _rule(mine), _rule(theirs)
        changed = {key: [left[key], right[key]] for key in _FIELDS if left[key] != right[key]}
        if changed:
            found.append({"check_id": id_, "only_in": None, "changed": changed})
    return found


def differences_text(one: Profile, other: Profile) -> str:
    """The same for people."""
    lines = [f"{one.id} ({one.date}, {one.sha256[:12]}) and {other.id} ({other.date}, {other.sha256[:12]})"]
    for told in differences(one, other):
        title = all_checks()[told["check_id"]].title
        if told["only_in"] is not None:
            lines.append(f"{told['check_id']}  {title}: only in {told['only_in']}")
            continue
        lines.append(f"{told['check_id']}  {title}:")
        for key, (left, right) in told["changed"].items():
            lines.append(f"  {key}: {_shown(left)} -> {_shown(right)}")
    if len(lines) == 1:
        lines.append("they ask the same")
    return "\n".join(lines)


def _rule(rule: CheckSettings) -> dict[str, Any]:
    return {
        "severity": rule.severity.value,
        "parameters": {
            name: list(value) if isinstance(value, tuple) else value for name, value in rule.parameters.items()
        },
        "clause": rule.clause_words,
        "certain": rule.certain,
        "effective": rule.effective.isoformat() if rule.effective else None,
        "until": rule.until.isoformat() if rule.until else None,
        "only_with": rule.only_with,
        "references": list(rule.references),
        "note": rule.note,
    }


def _period(rule: CheckSettings) -> str:
    since = f"from {rule.effective}" if rule.effective else ""
    return " ".join(filter(None, (since, f"to {rule.until}" if rule.until else "")))


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{key} = {_shown(item)}" for key, item in value.items()) or "none"
    return "none" if value in (None, "") else str(value)
