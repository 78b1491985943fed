# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-test sanity asks of every file that goes into the collection, told within a second here."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from .environments import ROOT

LINKED = [ROOT / "plugins" / place / "_port995" for place in ("module_utils", "plugin_utils")]

IMPORT_ALL = """
import importlib, importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("cryptography", "yaml", "junit_xml", "nmap", "dns", "rich", "typer", "bcrypt"):
            raise ModuleNotFoundError("No module named %r" % name)
sys.meta_path.insert(0, Missing())
failed = []
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed.append("%s: %s" % (name, error))
print("\\n".join(failed))
sys.exit(bool(failed))
"""


def _linked_files() -> list[Path]:
    rooms = {link.resolve() for place in LINKED for link in place.iterdir() if link.is_symlink()}
    return [path for room in sorted(rooms) for path in sorted(room.rglob("*.py"))]


def test_rooms_for_plugins_are_imported_where_no_library_is_installed() -> None:
    names = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        for path in _linked_files()
        if path.name != "__init__.py"
    ]
    assert "port995.evidence.conclude" in names and "port995.policy.judge" in names
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names], env={"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_library_that_is_imported_unguarded_is_found(tmp_path: Path) -> None:
    (tmp_path / "unguarded.py").write_text("import cryptography\n")
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, "unguarded"], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and "unguarded: No module named 'cryptography'" in done.stdout


def bare_names(text: str) -> list[int]:
    """Lines that bind the name ``_``, which ansible-test's pylint forbids."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Name) and node.id == "_" and isinstance(node.ctx, ast.Store)
    ]


@pytest.mark.parametrize("text", ["a, _, b = c", "for _ in a: pass", "[1 for _ in a]"])
def test_a_bare_name_is_found(text: str) -> None:
    assert bare_names(text) == [1]


def test_no_name_is_bare() -> None:
    files = _linked_files()
    assert len(files) > 100
    assert not {str(path): lines for path in files if (lines := bare_names(path.read_text()))}
