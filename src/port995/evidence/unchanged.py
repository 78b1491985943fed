# SPDX-License-Identifier: GPL-3.0-or-later
"""What was judged once may be judged again only as it was: else a new verdict makes good of what was changed since.

Only a verdict that is still there can tell. Whoever removes it too leaves a folder that nobody vouches for: a signed
bundle is what shows that.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..probe.journal import sha256_of
from ..report.gate_file import GateFileError, read_gate_json
from .run_folder import GATE, JUNIT, OTHER_REPORTS, REPORT, RunError, RunFolder, read_bytes, require_plain


def is_report(name: str) -> bool:
    """Whether a file of a run is made of the judgement, and can be made again."""
    return name == REPORT or any(Path(name).match(pattern) for pattern in (JUNIT, *OTHER_REPORTS))


def require_unchanged(run: RunFolder) -> None:
    """See that the evidence is what the last verdict rests on. Reports may be other ones: they are written anew.

    :raises RunError: a file was changed or removed since
    """
    path = run.path / GATE
    if not os.path.lexists(path):
        return
    try:
        gate = read_gate_json(read_bytes(path))
    except GateFileError:
        # It vouches for nothing, whatever it says.
        return
    if gate.run_id != run.header.run_id:
        return
    for name, digest in gate.files.items():
        if is_report(name):
            continue
        file = run.path / name
        require_plain(file)
        try:
            changed = sha256_of(str(file)) != digest
        except OSError as error:
            raise RunError(f"{file} is not there any more ({error.strerror or error}): restore it") from error
        if changed:
            raise RunError(f"{file} was changed after the verdict: restore it, or run the audit again")
