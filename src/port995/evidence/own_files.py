# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of checks that users bring, on their way into the run folder and out of it.

They are code. What the user of this command named is run; what lies in a run folder or a bundle is not, unless the user
named a file of the same bytes: whoever judges somebody else's evidence would else run somebody else's program.
"""

from __future__ import annotations

import contextlib
import contextvars
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..policy.own_checks import MAX_FILE, OwnChecks, OwnFile, load_own
from ..policy.registry import adding
from ..policy.strict_yaml import YamlError
from .protected_policy import PolicySource
from .run_folder import RunError, RunFolder

PREFIX, SUFFIX = "checks-", ".py"
MAX_FILES = 99

_named: contextvars.ContextVar[frozenset[str]] = contextvars.ContextVar("port995_named_checks", default=frozenset())


class OwnFileError(YamlError):
    """A file of checks that can't be read; says what to do."""


def read_own(paths: Iterable[Path], policy: PolicySource | None = None) -> tuple[OwnFile, ...]:
    """Read the files that a user named; of a folder those whose name ends in ``.py`` and begins with a letter.

    :param policy: where they have to come from; ``None``: the file system
    :raises OwnFileError: one can't be read, is too large, or a folder holds none
    """
    found: list[OwnFile] = []
    for path in paths:
        if path.is_dir() and policy is not None and policy.ref:
            raise OwnFileError(f"{path} is a folder: with --policy-ref name the files, it is known of each what it was")
        files = sorted(one for one in path.glob("*.py") if one.name[0].isalpha()) if path.is_dir() else [path]
        if not files:
            raise OwnFileError(f"{path} holds no file of checks (NAME.py): give one (`port995 checks new NAME`)")
        found += [OwnFile(str(file), _read(file, policy)) for file in files]
    if len(found) > MAX_FILES:
        raise OwnFileError(f"{len(found)} files of checks are more than {MAX_FILES}")
    return tuple(found)


@contextlib.contextmanager
def using(files: Sequence[OwnFile]) -> Iterator[OwnChecks]:
    """Load files that the user named; within it their checks are there, and run folders with the same files are judged
    with them."""
    loaded = load_own(files)
    token = _named.set(_named.get() | {one.sha256 for one in files})
    try:
        with adding(loaded.checks):
            yield loaded
    finally:
        _named.reset(token)


def input_names(files: Sequence[OwnFile]) -> list[str]:
    """What they are called in a run folder."""
    return [f"{PREFIX}{number}{SUFFIX}" for number, _file in enumerate(files, 1)]


def is_own(name: str) -> bool:
    """Whether an input of a run is a file of checks."""
    return re.fullmatch(rf"{PREFIX}[1-9][0-9]?\{SUFFIX}", name) is not None


def has_own(run: RunFolder, files: Sequence[OwnFile]) -> bool:
    """Whether a run has these files of checks, and no others."""
    mine = sorted(one.sha256 for name, one in run.header.inputs.items() if is_own(name))
    return mine == sorted(file.sha256 for file in files)


def own_files_of(run: RunFolder) -> tuple[OwnFile, ...]:
    """The files of checks of a run, by what they were called when it was made: it is judged with these and no others.

    :raises RunError: one is not what the run was given, or the user named no file of the same bytes
    """
    found = []
    for name in sorted(filter(is_own, run.header.inputs), key=lambda one: int(one[len(PREFIX) : -len(SUFFIX)])):
        file = OwnFile(run.header.inputs[name].source, run.input(name) or b"")
        if file.sha256 not in _named.get():
            raise RunError(
                f"{run.path / name}: the run has checks of its own (from {file.source}), a program that judging it"
                " would run: read it, and if you want that, name it or its original with --checks-path (checks_path)"
            )
        found.append(file)
    return tuple(found)


def _read(path: Path, policy: PolicySource | None) -> bytes:
    if policy is not None and policy.ref:
        return policy.read(path, "checks", MAX_FILE)
    try:
        if path.exists() and not path.is_file():
            raise OwnFileError(f"{path}: is no plain file")
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise OwnFileError(f"{path}: can't be read ({error.strerror or error}): check its path and mode") from error
    if len(data) > MAX_FILE:
        raise OwnFileError(f"{path}: is larger than {MAX_FILE} octets")
    return data
