# SPDX-License-Identifier: GPL-3.0-or-later
"""The published JSON Schemas (draft 2020-12) of what the program writes, and of the policy it reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Every schema there is: ``dns-1``, ``gate-1``, ``observation-1``, ``report-1``, ``run-1`` and others."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def load(name: str) -> dict[str, Any]:
    """Load a schema.

    :param name: as in `names`, or as a document names it (``port995/report/1``)
    :raises LookupError: there is none of that name
    """
    stem = re.sub(r"^port995/([a-z]+)/([0-9]+)$", r"\1-\2", name)
    if stem not in names():
        raise LookupError(f"no schema is called {name!a}: choose among {', '.join(names())}")
    document: dict[str, Any] = json.loads((FOLDER / f"{stem}.json").read_text(encoding="utf-8"))
    return document
