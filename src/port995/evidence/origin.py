# SPDX-License-Identifier: GPL-3.0-or-later
"""Who started a run, where, in which job, and how its clock stood: recorded when it begins, since later nobody knows.

Facts of this machine as it tells them: nothing here is proven, and nothing is a secret.
"""

from __future__ import annotations

import getpass
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping

JOBS = (
    # System, the variable that says that it is this one, and what makes the job's address.
    ("GitHub Actions", "GITHUB_ACTIONS", "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}"),
    ("GitLab CI", "GITLAB_CI", "{CI_JOB_URL}"),
    ("Jenkins", "JENKINS_URL", "{BUILD_URL}"),
    (
        "Azure Pipelines", "TF_BUILD",
        "{SYSTEM_TEAMFOUNDATIONCOLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build?buildId={BUILD_BUILDID}",
    ),
    ("AWX", "AWX_JOB_ID", "job {AWX_JOB_ID}"),
)  # fmt: skip
LIMIT = 300
"""Characters of a fact."""

CLOCK_TIMEOUT = 3.0
"""Seconds to ask this machine about its clock."""


def origin(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The facts that are known: ``operator``, ``machine``, ``job``, ``commit``, ``clock``."""
    variables = os.environ if environment is None else environment
    found = {"operator": _operator(variables), "machine": platform.node(), "clock": _clock()}
    for system, sign, address in JOBS:
        if variables.get(sign):
            found["job"] = f"{system}: {address.format_map(_Known(variables))}"
            break
    commit = next((variables[key] for key in ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "BUILD_SOURCEVERSION")
                   if variables.get(key)), "")  # fmt: skip
    if commit:
        found["commit"] = commit
    return {key: value[:LIMIT] for key, value in found.items() if value}


class _Known(dict[str, str]):
    """Variables by name; those that are not set say so."""

    def __missing__(self, key: str) -> str:
        return f"({key} not set)"


def _operator(variables: Mapping[str, str]) -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):
        name = f"uid {os.getuid()}"
    behind = variables.get("SUDO_USER", "")
    return f"{name} (sudo by {behind})" if behind else name


def _clock() -> str:
    """What this machine knows of its clock's offset."""
    for command in (["chronyc", "-n", "tracking"], ["timedatectl", "show", "-p", "NTPSynchronized"]):
        program = shutil.which(command[0])
        if program is None:
            continue
        try:
            done = subprocess.run(
                [program, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, timeout=CLOCK_TIMEOUT,
                check=False, env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            continue
        text = done.stdout.decode("utf-8", "replace")
        for line in text.splitlines():
            if line.startswith(("System time", "NTPSynchronized=")) and done.returncode == 0:
                return " ".join(line.split())
    return "offset not known"
