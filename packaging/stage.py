# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage the collection: the tree that is released, with real files in place of the links.

    python packaging/stage.py DEST

DEST becomes the collection's root. What travels is named here; everything else stays behind.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("meta", "plugins", "roles", "playbooks", "changelogs")
FILES = (
    "galaxy.yml", "README.md", "LICENSE", "CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md",
    "docs/architecture.md", "docs/benchmarks.md", "docs/certificates.md", "docs/footprint.md", "tests/config.yml",
    "docs/ci/README.md", "docs/ci/port995.sh", "docs/ci/github-actions.yml", "docs/ci/gitlab-ci.yml",
    "docs/ci/azure-pipelines.yml", "docs/ci/Jenkinsfile", "docs/ci/awx-audit.yml", "docs/ci/awx-job-template.yml",
    "docs/drift/README.md", "docs/drift/awx.yml", "docs/drift/port995-drift.service",
    "docs/drift/port995-drift.timer",
)  # fmt: skip
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*.orig", ".plugin-cache.yaml")


def stage(destination: Path) -> None:
    """Copy the collection.

    :param destination: a folder that does not exist yet
    :raises FileExistsError: it does
    """
    destination.mkdir(parents=True)
    for name in FOLDERS:
        # Links are followed: the copy holds the library itself.
        shutil.copytree(ROOT / name, destination / name, symlinks=False, ignore=LEFT_OUT)
    for name in FILES:
        (destination / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, destination / name)
    left = [path for path in destination.rglob("*") if path.is_symlink()]
    if left:
        raise RuntimeError(f"links are left in the staged tree: {left}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    stage(Path(sys.argv[1]))
