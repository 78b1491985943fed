# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles: dated YAML that says which checks are made, how heavy each is, with which parameters, on whose word and
from when. Read strictly: a key that is not understood is refused, since a misspelt limit is no limit.

A profile may extend another. The bytes of both, one document behind the other, are then the profile: whoever has them
needs no other file to judge by it again.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from ..probe.version import __version__
from .profile_rules import DNS, INSIDE, CheckSettings, ProfileError, date, known, mapping, read_rule, text, texts
from .profile_yaml import Document, read_documents
from .registry import ALWAYS, WITH_CRLS, all_checks
from .strict_yaml import YamlError

__all__ = ["CheckSettings", "Profile", "ProfileError", "list_profiles", "load_profile", "read_profile"]

SCHEMA = "port995/profile/1"
FOLDER = Path(__file__).parent / "profiles"
MAX_FILE = 256 * 1024
"""Octets of a profile, with all that it extends."""

MAX_CHAIN = 8
"""Profiles that extend each other, at the most."""

_KEYS = ("schema", "id", "date", "title", "source", "url", "extends", "requires", "remove", "checks", "not_covered")
_FILE = (".yml", ".yaml")


@dataclasses.dataclass(frozen=True)
class NotCovered:
    """What a source asks for and no check of the profile answers."""

    clause: str
    why: str


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
    """Over `raw`, hex."""

    raw: bytes = dataclasses.field(repr=False)
    """The profile's own document, and behind it those of the profiles it extends."""

    source: str = ""
    """What it was read from."""

    document: str = ""
    """Title of the standard it is made of; empty: of none."""

    url: str = ""
    extends: tuple[str, ...] = ()
    """Ids of the profiles below it, the nearest first."""

    removed: tuple[str, ...] = ()
    """Checks of those that it leaves out, or one between them does."""

    not_covered: tuple[NotCovered, ...] = ()
    deselected: Mapping[str, CheckSettings] = dataclasses.field(default_factory=dict)
    """Checks that it names and that were not chosen for this run."""

    def of_run(self, *, dns: bool, inside: bool = False) -> Profile:
        """The profile as it holds for a run.

        :param dns: the run asks the DNS
        :param inside: the run looks at the hosts from inside
        """
        has = {"": True, DNS: dns, INSIDE: inside}
        kept = {id_: one for id_, one in self.checks.items() if has[one.only_with]}
        return self if len(kept) == len(self.checks) else dataclasses.replace(self, checks=kept)

    def on(self, day: datetime.date) -> Profile:
        """The profile with the rules that are in force on a day.

        :raises ProfileError: none is: it would pass everything
        """
        kept = {id_: one for id_, one in self.checks.items() if one.holds_on(day)}
        if len(kept) == len(self.checks):
            return self
        if not any(id_ not in ALWAYS for id_ in kept):
            raise ProfileError(f"profile {self.id} has no rule that is in force on {day}: it would pass everything")
        return dataclasses.replace(self, checks=kept)

    def narrowed(self, ids: Collection[str]) -> Profile:
        """The profile with only these checks (and those that always run); the others are deselected.

        :raises ProfileError: an id that the profile does not hold: choosing it would otherwise do nothing, silently
        """
        unknown = sorted(set(ids) - set(self.checks))
        if unknown:
            raise ProfileError(f"profile {self.id} does not hold {', '.join(unknown)}: choose among its checks")
        kept = {id_: settings for id_, settings in self.checks.items() if id_ in ids or id_ in ALWAYS}
        left = {id_: settings for id_, settings in self.checks.items() if id_ not in kept}
        return dataclasses.replace(self, checks=kept, deselected={**self.deselected, **left})

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


def names() -> tuple[str, ...]:
    """Names of the profiles that come with the program."""
    return tuple(sorted(found.stem for found in FOLDER.glob("*.yml")))


def list_profiles() -> tuple[Profile, ...]:
    """The profiles that come with the program, by name."""
    return tuple(load_profile(name) for name in names())


def is_file_name(name: str) -> bool:
    """Whether a profile is named as a file (with a slash, or ending in .yml or .yaml) and not by its name."""
    return "/" in name or name.endswith(_FILE)


def load_profile(name_or_path: str | Path, read: Callable[[Path], bytes] | None = None) -> Profile:
    """Load a profile, with those that it extends.

    :param name_or_path: the name of one that comes with the program (``baseline``), or a file (it has a slash or ends
        in .yml or .yaml)
    :param read: how to read a file that does not come with the program; ``None``: from the file system
    :raises ProfileError: there is none, or it can't be read or understood; or a file calls itself what one that comes
        with the program is called, and is not that one
    """
    text_ = str(name_or_path)
    is_file = isinstance(name_or_path, Path) or is_file_name(text_)
    path = Path(text_) if is_file else _shipped(text_)
    read = read or _read
    own = read(path) if is_file else _read(path)
    raw = _with_bases(path, own, path.name if not is_file else text_, (), read)
    profile = read_profile(raw, path.name if not is_file else text_)
    if is_file:
        require_own_name(profile)
    return profile


def require_own_name(profile: Profile) -> None:
    """Refuse a changed profile that still bears the name of one that comes with the program: whoever reads a report
    would take it for that.

    :raises ProfileError: it does
    """
    if profile.id in names() and profile.raw != load_profile(profile.id).raw:
        raise ProfileError(
            f"{profile.source}: it calls itself {profile.id}, and is not the profile of that name: give it an id of its"
            " own (with `extends` it needs to say only what differs)"
        )


def read_profile(raw: bytes, source: str) -> Profile:
    """Read a profile from its bytes, as `load_profile` does from a file, with the profiles it extends behind it.

    :param source: what to call it in messages
    :raises ProfileError: not YAML, too large, a key twice, an unknown key, check or parameter, a bad value, no checks,
        a base that is missing
    """
    documents = _documents(raw, source)
    if not documents:
        raise ProfileError(f"{source}: the profile is empty")
    ids = [_head(document) for document in documents]
    for number, document in enumerate(documents):
        data = mapping(document, document.data, ())
        if data.get("extends") is None and number < len(documents) - 1:
            raise ProfileError(f"{documents[number + 1].at()}: a second document, and the one before extends nothing")
        if data.get("extends") is not None and number == len(documents) - 1:
            raise ProfileError(
                f"{document.at(('extends',))}: the profile it extends does not stand behind it: load it from its file"
            )
        if ids[number] in ids[:number]:
            raise ProfileError(f"{document.at(('id',))}: {ids[number]!a} extends itself: the chain is circular")
    checks: dict[str, CheckSettings] = {}
    removed: tuple[str, ...] = ()
    not_covered: tuple[NotCovered, ...] = ()
    for document in reversed(documents):
        checks, gone = _layer(document, checks)
        removed = tuple(id_ for id_ in dict.fromkeys((*removed, *gone)) if id_ not in checks)
        not_covered = (*_not_covered(document), *not_covered)
    first = documents[0]
    data = mapping(first, first.data, ())
    if not any(id_ not in ALWAYS for id_ in checks):
        raise ProfileError(f"{first.at(('checks',))}: checks holds no check: a profile without any passes everything")
    return Profile(
        ids[0], date(first, data.get("date"), ("date",)).isoformat(), text(first, data.get("title"), ("title",)),
        checks, hashlib.sha256(raw).hexdigest(), raw, source, str(data.get("source", "")), str(data.get("url", "")),
        tuple(ids[1:]), removed, not_covered,
    )  # fmt: skip


def _head(document: Document) -> str:
    """Check what stands above the rules of one document.

    :returns: its id
    """
    data = mapping(document, document.data, ())
    schema = data.get("schema")
    newer = re.fullmatch(r"port995/profile/([0-9]{1,9})", str(schema))
    if newer and int(newer[1]) > 1:
        raise ProfileError(
            f"{document.at(('schema',))}: it is of schema {schema}, newer than this program (port995 {__version__}"
            f" reads {SCHEMA}): update the program"
        )
    if schema != SCHEMA:
        raise ProfileError(f"{document.at(('schema',))}: schema is {schema!a:.60}, this version reads {SCHEMA}")
    _require_version(document, data.get("requires"))
    known(document, data, _KEYS, ())
    date(document, data.get("date"), ("date",))
    text(document, data.get("title"), ("title",))
    for key in ("source", "url", "extends"):
        if key in data:
            text(document, data[key], (key,))
    id_ = text(document, data.get("id"), ("id",))
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", id_):
        raise ProfileError(
            f"{document.at(('id',))}: id is {id_!a:.80}, up to 64 letters, digits, dots, dashes are expected"
        )
    return id_


def _require_version(document: Document, wanted: object) -> None:
    if wanted is None:
        return
    if not isinstance(wanted, str) or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6}){0,3}", wanted):
        raise ProfileError(
            f"{document.at(('requires',))}: requires is {wanted!a:.60}, a version of port995 in quotes is expected"
        )
    here = [int(number) for number in re.findall(r"[0-9]+", __version__)[:4]]
    if [int(number) for number in wanted.split(".")] > here:
        raise ProfileError(
            f"{document.at(('requires',))}: it is newer than this program: it requires port995 {wanted}, this is"
            f" {__version__}: update the program"
        )


def _layer(
    document: Document, below: Mapping[str, CheckSettings]
) -> tuple[dict[str, CheckSettings], tuple[str, ...]]:
    """The rules of one document on those of the one it extends, and what it takes away."""
    data = mapping(document, document.data, ())
    entries = mapping(document, data.get("checks", {} if below else None), ("checks",))
    known_checks = all_checks()
    for id_ in entries:
        if id_ not in known_checks:
            raise ProfileError(
                f"{document.at(('checks', id_))}: checks.{id_}: there is no such check (see `port995 checks`)"
            )
    gone = texts(document, data.get("remove", []), ("remove",))
    for number, id_ in enumerate(gone):
        where = document.at(("remove", number))
        if id_ in ALWAYS:
            raise ProfileError(f"{where}: remove: {id_} is made in every run")
        if id_ not in below:
            raise ProfileError(f"{where}: remove: {id_!a:.60} is in no profile that this one extends")
        if id_ in entries:
            raise ProfileError(f"{where}: remove: {id_} stands in checks too: say one of the two")
    source = str(data.get("source", ""))
    made: dict[str, CheckSettings] = {}
    for id_, check in known_checks.items():
        if id_ in entries or (id_ in ALWAYS and id_ not in below):
            made[id_] = read_rule(document, check, entries.get(id_), below.get(id_), source)
        elif id_ in below and id_ not in gone:
            made[id_] = below[id_]
    return made, gone


def _not_covered(document: Document) -> tuple[NotCovered, ...]:
    data = mapping(document, document.data, ())
    found = data.get("not_covered", [])
    if not isinstance(found, list):
        raise ProfileError(f"{document.at(('not_covered',))}: not_covered is no list")
    told = []
    for number, item in enumerate(found):
        place = ("not_covered", number)
        entry = mapping(document, item, place)
        known(document, entry, ("clause", "why"), place)
        clause, why = (text(document, entry.get(key), (*place, key)) for key in ("clause", "why"))
        told.append(NotCovered(clause, why))
    return tuple(told)


def _with_bases(
    path: Path, raw: bytes, source: str, above: tuple[str, ...], read: Callable[[Path], bytes]
) -> bytes:
    """The bytes of a file, and behind them those of the profiles it extends, unless they stand there already."""
    documents = _documents(raw, source)
    last = documents[-1] if documents else None
    base = last.data.get("extends") if last is not None and isinstance(last.data, dict) else None
    if base is None or last is None:
        return raw
    where = last.at(("extends",))
    chain = (*above, str(path.resolve()))
    name = text(last, base, ("extends",))
    try:
        # A path is one from the file that names it; joined to an absolute one, it is that.
        below = path.parent / name if is_file_name(name) else _shipped(name)
        own = read(below) if is_file_name(name) else _read(below)
    except ProfileError as error:
        raise ProfileError(f"{where}: extends: {error}") from error
    if str(below.resolve()) in chain:
        told = " -> ".join(Path(one).name for one in (*chain, str(below.resolve())))
        raise ProfileError(f"{where}: extends is circular: {told}")
    if len(chain) >= MAX_CHAIN:
        raise ProfileError(f"{where}: more than {MAX_CHAIN} profiles extend each other")
    return raw.rstrip(b"\n") + b"\n---\n" + _with_bases(below, own, below.name, chain, read)


# A run reads the same few profiles again and again: each layer for itself, then all of them as one.
@functools.lru_cache(maxsize=64)
def _documents(raw: bytes, source: str) -> Sequence[Document]:
    try:
        return read_documents(raw, source, MAX_FILE)
    except YamlError as error:
        raise ProfileError(str(error)) from error


def _shipped(name: str) -> Path:
    if name not in names():
        raise ProfileError(f"no profile is called {name!a:.60}: choose among {', '.join(names())}, or give a file")
    return FOLDER / f"{name}.yml"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE + 1)
    except OSError as error:
        raise ProfileError(
            f"{path}: the profile can't be read ({error.strerror or error}): check its path and mode"
        ) from error
