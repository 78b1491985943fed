# SPDX-License-Identifier: GPL-3.0-or-later
"""The run folder: made before the first probe, read strictly afterwards.

What stands in it is evidence, so nothing in it is passed over in silence: a journal that was cut off, that is missing
or that can't be read becomes a problem of the run, and a run with a problem can't pass.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..dns.journal import read_lookups
from ..dns.model import Lookup
from ..probe.journal import read_cut_journal
from ..probe.model import Observation
from ..report.run_header import HeaderError, RunHeader, Shard, VantagePlan, header_from_json, header_to_json
from .atomic_write import sync_folder, write_atomically

__all__ = [
    "RunError", "RunFolder", "RunHeader", "Shard", "VantagePlan", "create_run", "drop_run", "open_run", "read_bytes",
    "renew_run", "require_plain", "run_error",
]  # fmt: skip

RUN, PROFILE, ANCHORS, CRLS = "run.json", "profile.yml", "anchors.pem", "crls.pem"
REPORT, GATE = "report.json", "gate.json"
DNS, DNS_OF_SHARDS = "dns.jsonl", "dns-[0-9]*.jsonl"
JOURNALS, JUNIT = "journal-*.jsonl", "TEST-*.xml"
OTHER_REPORTS = (
    "port995*.sarif", "assessment-results.json", "certificates.csv", "protocols.csv", "port995.prom", "summary.md",
    "report.html", "report-hosts-*.html",
)  # fmt: skip
"""What formats that were asked for are called: `report.formats`."""
HOSTS = "host-*.jsonl"
"""What each host shows from inside, in runs that look there."""

MAX_FILE = 512 * 1024 * 1024
"""Octets of a file that is read whole (not a journal)."""

_NAME_LIMIT = 120


class RunError(ValueError):
    """What is wrong with a run folder, and what to do about it."""


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """A run folder with its header read."""

    path: Path
    header: RunHeader
    header_sha256: str
    """SHA-256 of ``run.json`` as it was when the header was read, hex."""

    def journal_path(self, vantage_name: str) -> Path:
        """Where the journal of a vantage belongs. Two names never share a file, and none leads out of the folder.

        :raises RunError: the name is empty
        """
        if not vantage_name:
            raise RunError("a vantage has no name: name it, its journal is called after it")
        return self.path / f"journal-{safe_name(vantage_name)}.jsonl"

    def journals(self) -> list[Path]:
        """Every journal in the folder, by name."""
        return sorted(self.path.glob(JOURNALS))

    def observations(self) -> tuple[list[Observation], list[str]]:
        """Read every journal.

        :returns: all observations that can be read, and what is wrong with the journals, in words: a line that can't
            be read costs the rest of its journal, and is told
        """
        found: list[Observation] = []
        problems = [f"shard {shard.source}: {words}" for shard in self.header.shards for words in shard.problems]
        for path in self.journals():
            try:
                observations, problem = read_cut_journal(str(path))
            except OSError as error:
                problems.append(f"{path.name} can't be read ({error.strerror or error}): restore it or probe again")
                continue
            own, foreign = self._own(path, observations)
            found += own
            problems += [f"{path.name}: {words}" for words in foreign]
            if problem:
                problems.append(f"{problem.replace(str(path), path.name)}: what stands behind it is lost, probe again")
        if self.header.targets:
            for vantage in self.header.vantages:
                if vantage.name and not self.journal_path(vantage.name).is_file():
                    problems.append(f"the journal of vantage {vantage.name!a} is missing: probe from there again")
            if not self.journals() and not self.header.vantages:
                problems.append("the run has no journal: nothing was looked at, probe again")
        return found, problems

    def input(self, name: str) -> bytes | None:
        """What the user gave under this name.

        :returns: ``None``: nothing was given
        :raises RunError: its bytes are not there any more, or are others
        """
        given = self.header.inputs.get(name)
        if given is None:
            return None
        data = read_bytes(self.path / name)
        if hashlib.sha256(data).hexdigest() != given.sha256:
            raise RunError(f"{self.path / name} is not what this run was given: restore it, or run the audit again")
        return data

    def _own(self, path: Path, observations: list[Observation]) -> tuple[list[Observation], list[str]]:
        """Those observations of a journal that its vantage made; a journal may come from a machine that others rule.

        :returns: them, and what the others say of themselves: nobody pays another vantage's debt, or changes sides
        """
        planned = {self.journal_path(one.name).name: one for one in self.header.vantages if one.name}
        if not self.header.vantages:
            return observations, []
        vantage = planned.get(path.name)
        if vantage is None:
            return [], ["no vantage of the run writes there: remove it; nothing of it is used"]
        own: list[Observation] = []
        foreign: dict[str, int] = {}
        shard = next((one for one in self.header.shards if vantage.name in one.vantages), None)
        name = vantage.name if shard is None else shard.vantages[vantage.name]
        for seen in observations:
            if seen.vantage.name != name:
                words = f"of {seen.vantage.name[:80]!a}, and not of its vantage {name[:80]!a}"
            elif seen.vantage.side != vantage.side:
                words = f"from {seen.vantage.side[:80]!a}, and {vantage.name[:80]!a} is {vantage.side}"
            elif shard is None:
                own.append(seen)
                continue
            elif seen.run_id != shard.run_id:
                words = f"of another run ({seen.run_id[:40]!a}), and not of shard {shard.source[:80]!a}"
            else:
                # Told apart here by the shard: each "controller" may be another machine, and each owes for itself.
                named = dataclasses.replace(seen.vantage, name=vantage.name)
                own.append(dataclasses.replace(seen, run_id=self.header.run_id, vantage=named))
                continue
            foreign[words] = foreign.get(words, 0) + 1
        return own, [
            f"{count} observations say that they are {words}: they are not used, probe again"
            for words, count in sorted(foreign.items())
        ]

    @property
    def dns_path(self) -> Path:
        """Where the lookups belong, in a run that asks the DNS."""
        return self.path / DNS

    def dns_paths(self) -> list[Path]:
        """Every file of lookups in the folder."""
        return [path for path in (self.dns_path, *sorted(self.path.glob(DNS_OF_SHARDS))) if os.path.lexists(path)]

    def lookups(self) -> tuple[list[Lookup], list[str]]:
        """Read the lookups.

        :returns: all that can be read, and what is wrong with the files, in words
        """
        told = "no shard of the run asked it" if self.header.dns is not None else "the run asks nobody"
        wanted = {shard.dns for shard in self.header.shards} - {""} if self.header.shards else {DNS}
        wanted = wanted if self.header.dns is not None else set()
        problems = [
            f"{path.name} does not belong to this run: {told}, and there is a file of DNS lookups: remove it"
            for path in self.dns_paths() if path.name not in wanted
        ]  # fmt: skip
        if self.header.dns is None:
            return [], problems
        if not self.header.shards:
            found, more = _lookups(self.dns_path)
            return found, [*problems, *more]
        every: list[Lookup] = []
        for shard in self.header.shards:
            if not shard.dns:
                continue
            found, more = _lookups(self.path / shard.dns)
            problems += more
            mine = [one for one in found if one.run_id == shard.run_id]
            if len(mine) < len(found):
                problems.append(f"{shard.dns}: {len(found) - len(mine)} lookups are of another run: they are not used")
            every += [dataclasses.replace(one, run_id=self.header.run_id) for one in mine]
        return _same_once(every), problems


def _lookups(path: Path) -> tuple[list[Lookup], list[str]]:
    require_plain(path)
    name = path.name
    try:
        found, problem = read_lookups(path)
    except FileNotFoundError:
        return [], [f"{name} is missing: the DNS was not asked, or its answers were lost; run the audit again"]
    except OSError as error:
        return [], [f"{name} can't be read ({error.strerror or error}): restore it, or run the audit again"]
    return found, [f"{problem}: what stands behind it is lost, run the audit again"] if problem else []


def _same_once(lookups: Iterable[Lookup]) -> list[Lookup]:
    """Lookups of several shards that say the same, once. Those that differ stay: the question is then an open one."""
    found: dict[Lookup, Lookup] = {}
    for one in lookups:
        said = dataclasses.replace(
            one, purpose="", ttl=0, messages=0, started="", seconds=0.0, addresses=tuple(sorted(one.addresses)),
            srv=tuple(sorted(one.srv, key=repr)), tlsa=tuple(sorted(one.tlsa, key=repr)),
        )  # fmt: skip
        found.setdefault(said, one)
    return list(found.values())


def safe_name(name: str) -> str:
    """A name as a part of a file's name. No two names have the same, and none leads out of a folder."""
    safe = re.sub(r"[^A-Za-z0-9._-]", _coded, name)
    if len(safe) > _NAME_LIMIT:
        safe = f"{safe[:40]}~~{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return safe


def create_run(
    out: Path,
    header: RunHeader,
    profile_bytes: bytes,
    anchors_pem: bytes,
    crls_pem: bytes = b"",
    inputs: Mapping[str, bytes] | None = None,
) -> RunFolder:
    """Make the folder of a new run. Called before the first probe, so that a folder that can't be written costs none.

    :param out: folder; made with its parents where it is absent
    :param profile_bytes: the profile, as it was read
    :param anchors_pem: the trust anchors, as they were read
    :param crls_pem: the CRLs; none: no file is made
    :param inputs: the bytes of what ``header.inputs`` names, by the same names
    :raises RunError: it can't be written, is a file, or holds another run; or the header or the bytes do not fit
    """
    inputs = inputs or {}
    data = _checked(header, profile_bytes, anchors_pem, crls_pem, inputs)
    made: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        earlier = _earlier_run(out)
        if earlier:
            raise RunError(f"{out} already holds a run ({earlier}): choose another --out, or remove that run")
        # Created exclusively: of two runs started at once, one gets the folder.
        descriptor = os.open(out / RUN, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        made.append(out / RUN)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        contents = {PROFILE: profile_bytes, ANCHORS: anchors_pem, **({CRLS: crls_pem} if crls_pem else {}), **inputs}
        for name, content in contents.items():
            if name in inputs and os.path.lexists(out / name):
                raise RunError(f"{out / name} is there already: choose another --out, or remove it")
            made.append(out / name)
            write_atomically(out / name, content)
        sync_folder(out)
    except (OSError, RunError) as error:
        for path in made:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        if isinstance(error, RunError):
            raise
        raise run_error(out, error) from error
    return RunFolder(out, header, hashlib.sha256(data).hexdigest())


def renew_run(
    run: RunFolder,
    header: RunHeader,
    profile_bytes: bytes,
    anchors_pem: bytes,
    crls_pem: bytes = b"",
    inputs: Mapping[str, bytes] | None = None,
) -> RunFolder:
    """Give a run that was begun before its population was known the header that it is looked at by.

    :raises RunError: as `create_run`, or the folder holds more than the beginning of that run
    """
    inputs = inputs or {}
    data = _checked(header, profile_bytes, anchors_pem, crls_pem, inputs)
    begun = hashlib.sha256(read_bytes(run.path / RUN)).hexdigest()
    more = next((path for path in (*run.journals(), run.path / GATE) if os.path.lexists(path)), None)
    if header.run_id != run.header.run_id or begun != run.header_sha256 or more is not None:
        raise RunError(f"{run.path} was changed while the run searched: choose another --out")
    made: list[Path] = []
    try:
        contents = {PROFILE: profile_bytes, ANCHORS: anchors_pem, **({CRLS: crls_pem} if crls_pem else {})}
        for name, content in contents.items():
            write_atomically(run.path / name, content)
        for name, content in inputs.items():
            if name in run.header.inputs:
                write_atomically(run.path / name, content)
                continue
            if os.path.lexists(run.path / name):
                raise RunError(f"{run.path / name} is there already: choose another --out, or remove it")
            made.append(run.path / name)
            write_atomically(run.path / name, content)
        # Last: until then it is the run in which nobody was assessed.
        write_atomically(run.path / RUN, data)
    except (OSError, RunError) as error:
        for path in made:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        if isinstance(error, RunError):
            raise
        raise run_error(run.path, error) from error
    return RunFolder(run.path, header, hashlib.sha256(data).hexdigest())


def drop_run(run: RunFolder) -> None:
    """Take back a run that was begun and is refused before it is looked at."""
    with contextlib.suppress(RunError):
        if hashlib.sha256(read_bytes(run.path / RUN)).hexdigest() != run.header_sha256:
            return  # Of another one.
    for name in (RUN, PROFILE, ANCHORS, CRLS, *run.header.inputs):
        with contextlib.suppress(OSError):
            (run.path / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        run.path.rmdir()


def _checked(
    header: RunHeader, profile_bytes: bytes, anchors_pem: bytes, crls_pem: bytes, inputs: Mapping[str, bytes]
) -> bytes:
    """The header as it is written.

    :raises RunError: the header or the bytes do not fit
    """
    for name, data, digest in (
        (PROFILE, profile_bytes, header.profile_sha256),
        (ANCHORS, anchors_pem, header.anchors_sha256),
        (CRLS, crls_pem, header.crls_sha256),
    ):
        if (hashlib.sha256(data).hexdigest() if data or name != CRLS else "") != digest:
            raise RunError(f"{name}: its bytes are not those the header names: give both from the same files")
    if {name: hashlib.sha256(data).hexdigest() for name, data in inputs.items()} != {
        name: one.sha256 for name, one in header.inputs.items()
    }:
        raise RunError("the inputs' bytes are not those the header names: give both from the same files")
    if set(inputs) & {RUN, PROFILE, ANCHORS, CRLS, REPORT, GATE, DNS}:
        raise RunError("an input has the name of another file of the run")
    document = header_to_json(header)
    try:
        header_from_json(document)
    except HeaderError as error:
        raise RunError(f"the header of the run could not be read back: {error}") from error
    return (json.dumps(document, indent=1) + "\n").encode("ascii")


def open_run(out: Path) -> RunFolder:
    """Open a run folder.

    :raises RunError: there is none, or its header can't be read by this version
    """
    data = read_bytes(out / RUN)
    try:
        header = header_from_json(json.loads(data))
    except HeaderError as error:
        raise RunError(f"{out / RUN}: {error}: it was written by another version, or changed since") from error
    except (ValueError, RecursionError) as error:
        raise RunError(
            f"{out / RUN}: is no JSON ({error}): the run was cut off at its start, or it was changed"
        ) from error
    return RunFolder(out, header, hashlib.sha256(data).hexdigest())


def read_bytes(path: Path) -> bytes:
    """Read a file of a run whole.

    :raises RunError: it is not there, can't be read, or is larger than any file of a run
    """
    require_plain(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError as error:
        raise RunError(
            f"{path} is not there: {path.parent} is no finished run folder, give the --out of a run"
        ) from error
    except OSError as error:
        raise RunError(f"{path} can't be read ({error.strerror or error}): check its path and mode") from error
    if len(data) > MAX_FILE:
        raise RunError(f"{path} is larger than {MAX_FILE} octets: it is no file of a run")
    return data


def require_plain(path: Path) -> None:
    """Refuse what stands in a run folder and is no plain file: opening a pipe waits for a writer, for ever.

    :raises RunError: it is something else; a file that is not there is the next one's to tell
    """
    if os.path.lexists(path) and not path.is_file():
        raise RunError(f"{path} is no plain file: restore it, or run the audit again")


def run_error(path: Path, error: OSError) -> RunError:
    """An error of the file system, with what to do about it."""
    told = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "free some space there, or choose another --out"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = "make it writable for this user, or choose another --out"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        told = f"a file stands where a folder is needed, or a folder where a file is ({told})"
        advice = "choose another --out"
    else:
        advice = "choose another --out"
    return RunError(f"{path} can't be written: {told}: {advice}")


def _earlier_run(out: Path) -> str:
    """The first file of an earlier run in a folder; empty: there is none."""
    names = (RUN, GATE, REPORT, PROFILE, ANCHORS, CRLS, DNS)
    found = [name for name in names if os.path.lexists(out / name)]
    patterns = (JOURNALS, DNS_OF_SHARDS, JUNIT, HOSTS, *OTHER_REPORTS)
    found += [path.name for pattern in patterns for path in sorted(out.glob(pattern))]
    return found[0] if found else ""


def _coded(match: re.Match[str]) -> str:
    return f"~{ord(match.group()):02x}~"
