# SPDX-License-Identifier: GPL-3.0-or-later
"""Empty environments, filled from a wheelhouse without a network, and commands run in them with no checkout in reach."""

from __future__ import annotations

import dataclasses
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("PORT995_WHEELHOUSE", ROOT / ".cache" / "wheelhouse"))
INSTALL_SECONDS = 300
NO_INDEX = ("NewConnectionError", "ConnectTimeout", "Max retries exceeded", "No matching distribution found")
"""What pip says when it finds no index."""

Version = tuple[int, int]


@functools.cache
def interpreters() -> dict[Version, Path]:
    """The Pythons of this machine that can make environments, by version."""
    found: dict[Version, Path] = {}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in range(9, 16):
        name = f"python3.{minor}"
        candidates = [shutil.which(name), *sorted(map(str, pyenv.glob(f"3.{minor}.*/bin/{name}")))]
        for candidate in filter(None, candidates):
            asked = "import ensurepip, venv, sys; print(sys.executable)"
            done = subprocess.run([candidate, "-I", "-c", asked], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                found[3, minor] = Path(done.stdout.strip())
                break
    return found


def requirements() -> list[str]:
    """What the package needs at run time, as pyproject.toml says, and what its extras for users bring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["dns"]]


@dataclasses.dataclass(frozen=True)
class Environment:
    """A virtual environment and a folder for what runs in it."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "venv" / "bin" / "python"

    @property
    def work(self) -> Path:
        """Where its commands run, and where they find their home."""
        return self.folder / "work"

    def install(self, *arguments: object, wheelhouse: Path) -> None:
        """pip install, from the wheelhouse alone."""
        command = [self.python, "-m", "pip", "--isolated", "install", "-q", "--no-index", "--find-links", wheelhouse]
        done = subprocess.run(
            [*map(str, command), *map(str, arguments)], capture_output=True, text=True, timeout=INSTALL_SECONDS,
            check=False, env=self.variables(), cwd=self.work,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def run(self, *command: object, seconds: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment, far from the checkout: where mounting is allowed, the checkout is not there
        at all.
        """
        hidden = _hiding() if not self.folder.is_relative_to(ROOT) else ()
        return subprocess.run(
            [*hidden, *map(str, command)], capture_output=True, text=True, timeout=seconds, check=False,
            stdin=subprocess.DEVNULL, cwd=self.work, env={**self.variables(), **variables},
        )  # fmt: skip

    def variables(self) -> dict[str, str]:
        """Environment variables with nothing of the test's own: no PYTHONPATH, no PIP_*, no other ANSIBLE_*."""
        # Ansible takes the home of the user from the password file, and where the checkout is hidden a user is root.
        temporary = str(self.work / ".ansible" / "tmp")
        path = f"{self.folder / 'venv' / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {
            "PATH": path, "HOME": str(self.work), "LANG": "C.UTF-8", "TERM": "dumb", "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_REMOTE_TMP": temporary,
        }  # fmt: skip


def make_environment(folder: Path, interpreter: Path) -> Environment:
    """An environment with nothing but pip in it."""
    made = Environment(folder)
    made.work.mkdir(parents=True)
    subprocess.run([interpreter, "-I", "-m", "venv", folder / "venv"], check=True, timeout=INSTALL_SECONDS)
    return made


def fill_wheelhouse(interpreter: Path, version: Version, wanted: list[str]) -> Path:
    """A folder with wheels of what is wanted and of all that needs; built once from the index pip is set up with.

    Skips the test when there is neither a folder nor an index, and for no other reason.
    """
    key = hashlib.sha256("\n".join(sorted(wanted)).encode()).hexdigest()[:12]
    folder = CACHE / f"cp{version[0]}{version[1]}-{key}"
    if folder.is_dir():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{folder.name}.lock").open("w") as lock, tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():  # Another worker has built it meanwhile.
            return folder
        subprocess.run([interpreter, "-I", "-m", "venv", f"{scratch}/venv"], check=True, timeout=INSTALL_SECONDS)
        # The pip that Debian 12 brings can't build python-nmap, which is released as source only, in the old way.
        command = [f"{scratch}/venv/bin/python", "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--use-pep517"]
        try:
            done = subprocess.run(
                [*command, "--wheel-dir", f"{scratch}/wheels", *wanted],
                capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            pytest.skip(f"no package index answers within {INSTALL_SECONDS} s, and there is no wheelhouse in {CACHE}")
        if done.returncode:
            offline = any(word in done.stderr for word in NO_INDEX)
            assert offline, done.stdout + done.stderr
            last = done.stderr.strip().splitlines()[-1:]
            pytest.skip(f"no package index is reachable, and there is no wheelhouse in {CACHE}: {last}")
        os.replace(f"{scratch}/wheels", folder)
    return folder


@functools.cache
def _hiding() -> tuple[str, ...]:
    """The front of a command that runs with an empty folder in place of the checkout, or nothing when not allowed."""
    script = 'mount -t tmpfs none "$0" && exec "$@"'
    for unshare in (("unshare", "--mount"), ("unshare", "--mount", "--map-root-user")):
        front = (*unshare, "sh", "-c", script, str(ROOT))
        try:
            tried = subprocess.run([*front, "ls", ROOT], capture_output=True, text=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if tried.returncode == 0 and not tried.stdout:
            return front
    return ()
