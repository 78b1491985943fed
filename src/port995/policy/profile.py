# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles: dated YAML that says which checks are made, how heavy each is and with which parameters. Read strictly: a
key that is not understood is refused, since a misspelt limit is no limit."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from .check import Check, Parameter
from .libraries import yaml
from .model import Severity
from .registry import ALWAYS, WITH_CRLS, all_checks

SCHEMA = "port995/profile/1"
FOLDER = Path(__file__).parent / "profiles"
DNS, INSIDE = "dns", "inside"
MAX_FILE = 256 * 1024
"""Octets of a profile."""


class ProfileError(ValueError):
    """A profile that can't be used; says which file, which key, and what is expected."""


@dataclasses.dataclass(frozen=True)
class CheckSettings:
    """How a profile wants one check."""

    severity: Severity
    parameters: Mapping[str, object]
    """Every parameter of the check, defaults filled in."""

    references: tuple[str, ...] = ()
    """Framework references beside the check's own."""

    only_with: str = ""
    """``dns``: the check is part of the profile only in runs that ask the DNS; ``inside``: only in runs that look at
    hosts from inside; empty: in every run. A profile that must have it leaves it away: in other runs the check is then
    not tested, and the run incomplete."""


@dataclasses.dataclass(frozen=True)
class Profile:
    """A profile, and the bytes it was read from."""

    id: str
    date: str
    """YYYY-MM-DD: the state of the art it stands for."""

    title: str
    checks: Mapping[str, CheckSettings]
    """By check id, in the order of a report. The checks in `registry.ALWAYS` are always in it."""

    sha256: str
    raw: bytes = dataclasses.field(repr=False)
    source: str = ""

    def of_run(self, *, dns: bool, inside: bool = False) -> Profile:
        """The profile as it holds for a run.

        :param dns: the run asks the DNS
        :param inside: the run looks at the hosts from inside
        """
        has = {"": True, DNS: dns, INSIDE: inside}
        kept = {id_: one for id_, one in self.checks.items() if has[one.only_with]}
        return self if len(kept) == len(self.checks) else dataclasses.replace(self, checks=kept)

    def narrowed(self, ids: Collection[str]) -> Profile:
        """The profile with only these checks (and those that always run).

        :raises ProfileError: an id that the profile does not hold: choosing it would otherwise do nothing, silently
        """
        unknown = sorted(set(ids) - set(self.checks))
        if unknown:
            raise ProfileError(f"profile {self.id} does not hold {', '.join(unknown)}: choose among its checks")
        kept = {id_: settings for id_, settings in self.checks.items() if id_ in ids or id_ in ALWAYS}
        return dataclasses.replace(self, checks=kept)

    def with_crls(self) -> Profile:
        """The profile with the checks that a run which is given CRLs has, as this one sets them or as they come."""
        return self.with_checks(WITH_CRLS)

    def with_checks(self, ids: Collection[str]) -> Profile:
        """The profile with these checks too, as it sets them or as they come."""
        checks = {
            id_: self.checks.get(id_)
            or CheckSettings(check.severity, {name: one.default for name, one in check.parameters.items()})
            for id_, check in all_checks().items()
            if id_ in self.checks or id_ in ids
        }
        return dataclasses.replace(self, checks=checks)


def list_profiles() -> tuple[Profile, ...]:
    """The profiles that come with the program, by name."""
    return tuple(load_profile(path.stem) for path in sorted(FOLDER.glob("*.yml")))


def load_profile(name_or_path: str | Path) -> Profile:
    """Load a profile.

    :param name_or_path: the name of one that comes with the program (``baseline``), or a file (it has a slash or ends
        in .yml or .yaml)
    :raises ProfileError: there is none, or it can't be read or understood
    """
    text = str(name_or_path)
    is_file = isinstance(name_or_path, Path) or "/" in text or text.endswith((".yml", ".yaml"))
    path = Path(text) if is_file else FOLDER / f"{text}.yml"
    if not is_file and not path.is_file():
        known = ", ".join(sorted(found.stem for found in FOLDER.glob("*.yml")))
        raise ProfileError(f"no profile is called {text!a}: choose among {known}, or give a file")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ProfileError(
            f"{path}: the profile can't be read ({error.strerror or error}): check its path and mode"
        ) from error
    return read_profile(raw, path.name if not is_file else text)


def read_profile(raw: bytes, source: str) -> Profile:
    """Read a profile from its bytes, as `load_profile` does from a file.

    :param source: what to call it in messages
    :raises ProfileError: not YAML, too large, a key twice, an unknown key, check or parameter, a bad value, no checks
    """
    if len(raw) > MAX_FILE:
        raise ProfileError(f"{source}: is larger than {MAX_FILE} octets")
    data = _mapping(_parse(raw, source), source, "the profile")
    _known(data, ("schema", "id", "date", "title", "checks"), source, "")
    if data.get("schema") != SCHEMA:
        raise ProfileError(f"{source}: schema is {data.get('schema')!a}, this version reads {SCHEMA}")
    date = data.get("date")
    if not isinstance(date, datetime.date) or isinstance(date, datetime.datetime):
        raise ProfileError(f"{source}: date is {date!a}, a date like 2026-11-24 is expected")
    entries = _mapping(data.get("checks"), source, "checks")
    checks = all_checks()
    wanted = [id_ for id_ in entries if id_ not in ALWAYS]
    if not wanted:
        raise ProfileError(f"{source}: checks holds no check: a profile without any passes everything")
    unknown = [id_ for id_ in entries if id_ not in checks]
    if unknown:
        raise ProfileError(f"{source}: checks.{unknown[0]}: there is no such check (see `port995 checks`)")
    settings = {
        id_: _settings(check, entries.get(id_), source)
        for id_, check in checks.items()
        if id_ in entries or id_ in ALWAYS
    }
    return Profile(
        _text(data.get("id"), source, "id"), date.isoformat(), _text(data.get("title"), source, "title"), settings,
        hashlib.sha256(raw).hexdigest(), raw, source,
    )  # fmt: skip


def _settings(check: Check, entry: object, source: str) -> CheckSettings:
    where = f"checks.{check.id}"
    data = _mapping(entry, source, where) if entry is not None else {}
    _known(data, ("severity", "parameters", "references", "only_with"), source, where)
    words = [severity.value for severity in Severity]
    severity = data.get("severity", check.severity.value)
    if severity not in words:
        raise ProfileError(f"{source}: {where}.severity is {severity!a}, none of {', '.join(words)}")
    given = _mapping(data.get("parameters", {}), source, f"{where}.parameters")
    _known(given, tuple(check.parameters), source, f"{where}.parameters")
    parameters = {
        name: _value(parameter, given[name], source, f"{where}.parameters.{name}")
        if name in given
        else parameter.default
        for name, parameter in check.parameters.items()
    }
    references = data.get("references", [])
    if not isinstance(references, list):
        raise ProfileError(f"{source}: {where}.references is no list of texts")
    only_with = data.get("only_with", "")
    if only_with not in ("", DNS, INSIDE):
        raise ProfileError(f"{source}: {where}.only_with is {only_with!a}, expected {DNS}, {INSIDE} or nothing")
    if only_with and check.id in ALWAYS:
        raise ProfileError(f"{source}: {where}.only_with: this check is made in every run")
    texts = tuple(_text(item, source, f"{where}.references") for item in references)
    return CheckSettings(Severity(severity), parameters, texts, only_with)


def _value(parameter: Parameter, value: object, source: str, where: str) -> object:
    if isinstance(parameter.default, tuple):
        if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
            raise ProfileError(f"{source}: {where} is {value!a}, a list of words is expected")
        wrong = [word for word in value if parameter.choices and word not in parameter.choices]
        if wrong:
            raise ProfileError(f"{source}: {where}: {wrong[0]!a} is none of {', '.join(parameter.choices)}")
        return tuple(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProfileError(f"{source}: {where} is {value!a}, a number is expected")
    low, high = parameter.minimum, parameter.maximum
    # Written so that a NaN, of which every comparison is false, is refused.
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        raise ProfileError(f"{source}: {where} is {value}, a number from {low} to {high} is expected")
    return value


def _mapping(value: object, source: str, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ProfileError(f"{source}: {where} is {type(value).__name__}, a mapping with texts as keys is expected")
    return value


def _known(data: Mapping[str, object], keys: Collection[str], source: str, where: str) -> None:
    for key in data:
        if key not in keys:
            place = f"{where}.{key}" if where else key
            raise ProfileError(f"{source}: {place!a} is not understood, expected {', '.join(keys) or 'nothing'}")


def _text(value: object, source: str, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ProfileError(f"{source}: {where} is {value!a}, a text is expected")
    return value


def _parse(raw: bytes, source: str) -> object:
    """YAML by the safe loader, with every key once and no aliases (a small file could grow to any size by them)."""
    if len(raw) == 0:
        raise ProfileError(f"{source}: the profile is empty")

    class Strict(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise ProfileError(f"{source}: aliases (*name) are not taken in a profile")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key, _value in node.value:
                text = str(key.value)
                if text in seen:
                    raise ProfileError(f"{source}: the key {text!a} stands twice (line {key.start_mark.line + 1})")
                seen.add(text)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(raw, Loader=Strict)  # a subclass of SafeLoader
    except yaml.YAMLError as error:
        raise ProfileError(f"{source}: is no YAML: {' '.join(str(error).split())[:300]}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, ProfileError):
            raise
        raise ProfileError(f"{source}: is no YAML: {' '.join(str(error).split())[:300]}") from error
