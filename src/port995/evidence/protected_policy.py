# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy from a protected place: who asks to be merged must not be able to loosen the rules that judge the request.

With a git ref, files of policy are read as they stand there. What stands in the working tree instead is told, and does
not count. Git is asked for nothing but one object at a time: no file of the working tree, no filter and no hook takes
part, and the repository is the one this program was started in, whatever the files' own folders have become.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import subprocess
from pathlib import Path

from ..policy.profile import Profile, ProfileError, is_file_name, load_profile

SECONDS = 30.0
MAX_FILE = 1024 * 1024
"""Octets of a file of policy."""

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class PolicyError(ProfileError):
    """Policy that is not where it has to come from, or not what it has to be; says which, and what to do."""


@dataclasses.dataclass
class PolicySource:
    """Where files of policy are read from: the working tree, or a commit. Profiles, waivers and baselines alike."""

    ref: str = ""
    """As the user named it; empty: the working tree."""

    commit: str = ""
    """What it stood for when it was looked up, so that all files come from one state."""

    root: Path = Path()
    """Top folder of the repository."""

    notes: list[str] = dataclasses.field(default_factory=list)
    """What was read from where, and what differs from it here; for the run's header."""

    def read(self, path: Path, what: str, limit: int = MAX_FILE) -> bytes:
        """Read a file.

        :param what: what it is, for messages (``profile``, ``waivers``)
        :param limit: octets
        :raises PolicyError: it is not in the commit, or can't be read
        """
        if not self.ref:
            raise PolicyError(f"{path}: no --policy-ref is given")
        inside = self._inside(path)
        kept = _git(self.root, "cat-file", "blob", f"{self.commit}:{inside}", what=f"{what} {inside} in {self.ref}")
        if len(kept) > limit:
            raise PolicyError(f"{what} {inside} in {self.ref} is larger than {limit} octets")
        self._compare(path, kept, what)
        return kept

    def _inside(self, path: Path) -> str:
        """The path from the repository's top, by its words alone: links of the working tree lead nowhere."""
        here = os.path.join(os.path.realpath(os.getcwd()), path)
        inside = os.path.relpath(os.path.normpath(here), self.root)
        if inside == os.pardir or inside.startswith(os.pardir + os.sep):
            raise PolicyError(
                f"{path} is outside of the repository {self.root}, so {self.ref} does not have it: with --policy-ref,"
                " name files of the repository this command is started in"
            )
        return inside.replace(os.sep, "/")

    def _compare(self, path: Path, kept: bytes, what: str) -> None:
        told = f"{what} {path} was read from {self.ref} (commit {self.commit[:12]})"
        try:
            with path.open("rb") as file:
                here = file.read(len(kept) + 1)
        except OSError:
            self.notes.append(f"{told}; there is none here, which does not count")
            return
        if here != kept:
            digest = hashlib.sha256(here).hexdigest()
            told += f"; the one here differs (sha256 {digest[:16]}), and does not count"
        self.notes.append(told)


def policy_source(ref: str) -> PolicySource:
    """Look up where policy has to come from.

    :param ref: a git ref or commit (``origin/main``); empty: the working tree
    :raises PolicyError: there is no git, no repository here, or no such commit
    """
    if not ref:
        return PolicySource()
    root = _git(Path.cwd(), "rev-parse", "--show-toplevel", what="the repository").decode("utf-8", "surrogateescape")
    found = _git(
        Path.cwd(), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}",
        what=f"--policy-ref {ref!a:.100}",
    )  # fmt: skip
    commit = found.decode("ascii", "replace").strip()
    if not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        raise PolicyError(f"--policy-ref {ref!a:.100} stands for no single commit")
    return PolicySource(ref, commit, Path(root.rstrip("\n")))


def protected_profile(name: str, source: PolicySource, sha256: str) -> Profile:
    """Load the profile to judge by.

    :param name: of one that comes with the program, or a file
    :param source: where files come from
    :param sha256: what it has to be, hex; empty: anything
    :raises ProfileError: it can't be read or understood, or it is another one
    """
    if source.ref and is_file_name(name):
        profile = load_profile(name, read=lambda path: source.read(path, "profile"))
    else:
        profile = load_profile(name)
        if source.ref:
            source.notes.append(f"profile {name} comes with the program, and not from {source.ref}")
    require_sha256(profile.sha256, f"profile {name}", sha256)
    return profile


def require_sha256(found: str, what: str, wanted: str) -> None:
    """Refuse a profile that is not the one that was meant.

    :raises PolicyError: it is not, or what is wanted is no SHA-256
    """
    if wanted and not _SHA256.fullmatch(wanted):
        raise PolicyError(f"--require-profile-sha256 is {wanted!a:.80}, 64 hexadecimal digits are expected")
    if wanted and wanted.lower() != found:
        raise PolicyError(
            f"{what} has sha256 {found}, and {wanted.lower()} is required: it was changed, or the requirement is out of"
            " date (`port995 profiles NAME` prints it)"
        )


def _git(folder: Path, *arguments: str, what: str) -> bytes:
    """What git prints. Variables that lead it to another repository, or to replaced objects, are taken away."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    variables |= {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, timeout=SECONDS, check=False, env=variables,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise PolicyError(f"{what}: git is not installed here, and --policy-ref needs it") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PolicyError(f"{what}: git could not be asked ({error})") from error
    if done.returncode != 0:
        told = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0] or "git finds no such commit"
        raise PolicyError(f"{what} can't be read: {told[:300]}: fetch the ref, or name another one")
    return done.stdout
