# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version this is, and whether another copy could be meant."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

from .probe.version import __version__


def tell_version() -> None:
    """Print the version, and on standard error what else goes by the name."""
    print(f"port995 {__version__}")
    others = other_copies()
    if others:
        print(
            f"port995: this is {Path(__file__).parent}; other copies can be imported too: {', '.join(others)}."
            " Remove those that are not wanted: two versions may judge differently",
            file=sys.stderr,
        )


def other_copies() -> list[str]:
    """Folders of other copies of this package on the module path, and an installed version that is not this one."""
    own = Path(__file__).resolve().parent
    found = {
        str(candidate)
        for entry in sys.path
        if (candidate := (Path(entry) / "port995")).joinpath("__init__.py").is_file() and candidate.resolve() != own
    }
    try:
        installed = importlib.metadata.version("port995")
    except importlib.metadata.PackageNotFoundError:
        installed = __version__
    if installed != __version__:
        found.add(f"an installed version {installed}")
    return sorted(found)
