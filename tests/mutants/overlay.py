# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the tree, and a virtual environment in which the copy, and not the checkout, is what Python and Ansible find.

Variables alone would not do: tests start programs with an environment of their own. So the copy gets a Python of its
own, which borrows every library from the environment that runs this.
"""

from __future__ import annotations

import compileall
import dataclasses
import py_compile
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from .mutant import ROOT

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".cache", ".hypothesis", ".ansible", "dist", "build", "port995-runs", "__pycache__", "*.pyc", ".*_cache"
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Overlay:
    """The copy and its environment."""

    tree: Path
    python: Path

    def compile(self) -> None:
        """Compile what the tests import. The hash of the source decides whether it is still that: by length and second,
        which is the rule otherwise, Python would take a mutant for what it was made from."""
        checked = py_compile.PycInvalidationMode.CHECKED_HASH
        for part in ("src", "tests", "plugins"):
            if not compileall.compile_dir(self.tree / part, quiet=2, invalidation_mode=checked):
                raise RuntimeError(f"{self.tree / part} can't be compiled")


def make_overlay(folder: Path) -> Overlay:
    """Copy the tree into ``folder`` and make its environment.

    :raises RuntimeError: another tree than the copy would run
    """
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=LEFT_OUT)
    venv.create(folder / "venv", symlinks=True)
    overlay = Overlay(tree, folder / "venv" / "bin" / "python")
    borrowed = Path(sysconfig.get_path("purelib"))
    site = Path(_asked(overlay.python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
    # What a .pth file in the borrowed folder names (the checkout) is not followed.
    (site / "overlay.pth").write_text(f"{tree / 'src'}\n{borrowed}\n", encoding="utf-8")
    (site / "ansible_collections" / "port995").mkdir(parents=True)
    (site / "ansible_collections" / "port995" / "pop3s").symlink_to(tree)
    for script in Path(sys.executable).parent.iterdir():
        _borrow(script, overlay.python)
    found = _asked(overlay.python, "import port995; print(port995.__file__)")
    if not Path(found).is_relative_to(tree):
        raise RuntimeError(f"{found} would run instead of the copy in {tree}")
    overlay.compile()
    return overlay


def _asked(python: Path, code: str) -> str:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def _borrow(script: Path, python: Path) -> None:
    """Copy a Python script of an environment, to run under another Python."""
    copy = python.with_name(script.name)
    if copy.exists() or not script.is_file():
        return
    first, _, rest = script.read_bytes().partition(b"\n")
    if first.startswith(b"#!") and b"python" in first:
        copy.write_bytes(b"#!" + str(python).encode() + b"\n" + rest)
        copy.chmod(0o755)
