# SPDX-License-Identifier: GPL-3.0-or-later
"""The templates of docs/ci: their shell parts, taken out and run as their CI would, against the embedded lab."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from port995.lab.lab import Lab

from ..ports import own_base_port

pytestmark = pytest.mark.wide

KIT = Path(__file__).resolve().parents[2] / "docs" / "ci"
BIN = Path(sys.executable).parent
SCRIPT = "sh ci/port995.sh"
QUICK = (
    "--checks=POP3S-PORT-* --partial --connect-timeout 3 --resolve-timeout 3 --tls-timeout 3 --pop3-timeout 3"
    " --source 127.0.0.1 --source 127.0.0.2"
)
INVENTORIES = {
    0: {"good": {"pop3s_intent": "serve"}},
    1: {"good": {"pop3s_intent": "closed"}},
    3: {"good": {"pop3s_intent": "serve"}, "lost": {"pop3s_intent": "serve", "ansible_host": "nobody.invalid"}},
}
"""Exit code to hosts."""


def steps_of_github() -> tuple[list[str], dict[str, str]]:
    (job,) = yaml.safe_load((KIT / "github-actions.yml").read_text())["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step], job["env"]


def steps_of_gitlab() -> tuple[list[str], dict[str, str]]:
    job = yaml.safe_load((KIT / "gitlab-ci.yml").read_text())["port995"]
    # GitLab fills in variables of its own in variables.
    variables = {name: value.replace("$CI_DEFAULT_BRANCH", "main") for name, value in job["variables"].items()}
    return [*job["before_script"], *job["script"]], variables


def steps_of_azure() -> tuple[list[str], dict[str, str]]:
    (job,) = yaml.safe_load((KIT / "azure-pipelines.yml").read_text())["stages"][0]["jobs"]
    steps = job["strategy"]["runOnce"]["deploy"]["steps"]
    return [step["script"] for step in steps if "script" in step], job["variables"]


def steps_of_jenkins() -> tuple[list[str], dict[str, str]]:
    text = (KIT / "Jenkinsfile").read_text()
    return re.findall(r"^ +sh '(.*)'$", text, re.MULTILINE), dict(re.findall(r"^ +(\w+) = '(.*)'$", text, re.MULTILINE))


CIS = {"github": steps_of_github, "gitlab": steps_of_gitlab, "azure": steps_of_azure, "jenkins": steps_of_jenkins}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), own_base_port()) as running:
        yield running


class Workspace:
    """A checkout as a CI has it, with stand-ins for what would install packages."""

    def __init__(self, folder: Path, lab: Lab) -> None:
        self.folder, self.lab = folder / "checkout", lab
        (self.folder / "ci").mkdir(parents=True)
        (self.folder / "inventory").mkdir()
        shutil.copy(KIT / "port995.sh", self.folder / "ci" / "port995.sh")
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in ("python", "python3"):
            (self.bin / name).write_text(
                "#!/bin/sh\n"
                'case "$1 $2" in\n'
                f'"-m pip") echo "$@" >>{folder}/installed; exit 0 ;;\n'
                f'"-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; ln -sf {BIN}/port995 "$3/bin/port995"; exit 0 ;;\n'
                "esac\n"
                f'exec {sys.executable} "$@"\n'
            )
            (self.bin / name).chmod(0o755)
        (self.bin / "port995").symlink_to(BIN / "port995")
        self.installed = folder / "installed"
        self.environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8", "TMPDIR": str(folder),
            "PORT995_ARGS": f"--ca-file {lab.ca_file} {QUICK}", "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        }  # fmt: skip
        (folder / "ansible.cfg").touch()

    def hosts(self, hosts: dict[str, dict[str, Any]]) -> None:
        """Write the inventory, and commit it as the protected branch has it."""
        base = {
            "ansible_host": "127.0.95.1", "pop3s_port": self.lab.base_port + 995, "pop3_port": self.lab.base_port + 110,
        }  # fmt: skip
        found = {name: {**base, **variables} for name, variables in hosts.items()}
        (self.folder / "inventory" / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": found}}))
        self.git("init", "-q", "-b", "work")
        self.git("add", ".")
        self.git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "x", "--allow-empty")
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.folder, check=True, env={**os.environ, "HOME": str(self.folder)})

    def run(self, command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A shell part, as the runner gives it to a shell."""
        return subprocess.run(
            ["sh", "-e", "-c", command], cwd=self.folder, env={**self.environment, **more}, capture_output=True,
            text=True, check=False, timeout=120,
        )  # fmt: skip

    @property
    def gate(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "port995-run" / "gate.json").read_text())
        return found


@pytest.fixture
def workspace(lab: Lab, tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, lab)


@pytest.mark.parametrize("code", INVENTORIES)
@pytest.mark.parametrize("name", CIS)
def test_each_template_ends_with_the_gate_s_code_and_leaves_the_run(name: str, code: int, workspace: Workspace) -> None:
    workspace.hosts(INVENTORIES[code])
    steps, variables = CIS[name]()
    *install, audit = steps
    assert install and audit.endswith(SCRIPT)
    for step in install:
        done = workspace.run(step, **variables)
        assert done.returncode == 0, done
    assert "install ansible-core port995" in workspace.installed.read_text()
    done = workspace.run(audit, **variables)
    assert done.returncode == code, done
    assert workspace.gate["exit"] == code
    assert list((workspace.folder / "port995-run").glob("TEST-*.xml"))
    word = {0: "passed", 1: "failed", 3: "incomplete"}[code]
    assert f"port995-ci: {word}" in done.stderr
    header = json.loads((workspace.folder / "port995-run" / "run.json").read_text())
    assert "--policy-ref" in header["command"] and "origin/main" in header["command"]


def test_reports_are_kept_where_a_template_says_so_and_nothing_is_allowed_to_fail() -> None:
    text = {path.name: path.read_text() for path in KIT.iterdir()}
    (job,) = yaml.safe_load(text["github-actions.yml"])["jobs"].values()
    kept = [step for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert kept[0]["if"] == "${{ !cancelled() }}" and kept[0]["with"]["path"] == "port995-run"
    assert yaml.safe_load(text["gitlab-ci.yml"])["port995"]["artifacts"]["when"] == "always"
    (job,) = yaml.safe_load(text["azure-pipelines.yml"])["stages"][0]["jobs"]
    kept = [step for step in job["strategy"]["runOnce"]["deploy"]["steps"] if "publish" in step]
    assert kept[0]["condition"] == "succeededOrFailed()"
    assert re.search(r"always \{\s+archiveArtifacts artifacts: 'port995-run/", text["Jenkinsfile"])
    for name, content in text.items():
        code = "\n".join(line for line in content.splitlines() if not line.lstrip().startswith(("#", "//")))
        if name != "README.md":
            assert not re.search(r"allow_failure|continue-?on-?error|returnStatus|ignore_errors", code, re.I), name
    assert yaml.safe_load(text["awx-job-template.yml"])[0]["tasks"][0]["awx.awx.job_template"]["allow_simultaneous"] is False


def test_each_template_keeps_runs_apart() -> None:
    for name, words in (
        ("github-actions.yml", "concurrency:"), ("gitlab-ci.yml", "resource_group: port995"),
        ("azure-pipelines.yml", "lockBehavior: sequential"), ("Jenkinsfile", "disableConcurrentBuilds()"),
        ("awx-job-template.yml", "allow_simultaneous: false"),
    ):  # fmt: skip
        assert words in (KIT / name).read_text(), name


def test_a_run_that_holds_the_lock_is_waited_for_and_never_passed(workspace: Workspace) -> None:
    workspace.hosts(INVENTORIES[0])
    with (workspace.folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        lock = str(workspace.folder / "lock")
        done = workspace.run(SCRIPT, PORT995_INVENTORY="inventory/hosts.yml", PORT995_LOCK=lock, PORT995_LOCK_SECONDS="1")
    assert done.returncode == 3 and "nothing was looked at" in done.stderr, done
    assert not (workspace.folder / "port995-run").exists()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "set PORT995_INVENTORY or PORT995_TARGETS"),
        ({"PORT995_INVENTORY": "a", "PORT995_TARGETS": "b"}, "not both"),
        ({"PORT995_INVENTORY": "none.yml"}, "none.yml"),
        ({"PORT995_TARGETS": "127.0.95.1", "PORT995_LOCK_SECONDS": "soon"}, "a whole number is expected"),
        ({"PORT995_TARGETS": "127.0.95.1", "PORT995_OUT": "inventory"}, "is there and is no run"),
        ({"PORT995_TARGETS": "127.0.95.1", "PORT995_FORMATS": "pdf"}, "there is no format 'pdf'"),
    ],
)
def test_wrong_usage_is_2_and_touches_nothing(
    variables: dict[str, str], words: str, workspace: Workspace
) -> None:
    workspace.hosts(INVENTORIES[0])
    done = workspace.run(SCRIPT, **variables)
    assert done.returncode == 2 and words in done.stderr, done
    assert (workspace.folder / "inventory" / "hosts.yml").is_file()
    assert not (workspace.folder / "port995-run").exists()


@pytest.mark.parametrize("ending", ["exit 127", "exit 255", "kill -9 $$", "exit 0"])
def test_an_audit_that_did_not_end_in_order_is_4(ending: str, workspace: Workspace) -> None:
    """Killed, not installed, or one that says 0 and left nothing."""
    workspace.hosts(INVENTORIES[0])
    (workspace.bin / "port995").unlink()
    (workspace.bin / "port995").write_text(f'#!/bin/sh\n[ "$1" != audit ] || {{ {ending}; }}\nexec {BIN}/port995 "$@"\n')
    (workspace.bin / "port995").chmod(0o755)
    done = workspace.run(SCRIPT, PORT995_INVENTORY="inventory/hosts.yml")
    assert done.returncode == 4, done
    assert "can't be vouched for" in done.stderr or "its files say" in done.stderr


def test_files_that_were_changed_after_the_verdict_are_4(workspace: Workspace) -> None:
    workspace.hosts(INVENTORIES[0])
    (workspace.bin / "port995").unlink()
    (workspace.bin / "port995").write_text(
        f'#!/bin/sh\n{BIN}/port995 "$@"; code=$?\n[ "$1" != audit ] || echo >>port995-run/report.json\nexit $code\n'
    )
    (workspace.bin / "port995").chmod(0o755)
    done = workspace.run(SCRIPT, PORT995_INVENTORY="inventory/hosts.yml")
    assert done.returncode == 4 and "the audit said 0 and its files say 4" in done.stderr, done


def test_what_an_earlier_job_left_is_not_taken_for_this_one_s(workspace: Workspace) -> None:
    workspace.hosts(INVENTORIES[0])
    assert workspace.run(SCRIPT, PORT995_INVENTORY="inventory/hosts.yml").returncode == 0
    assert workspace.run(SCRIPT, PORT995_INVENTORY="none.yml").returncode == 2
    assert not (workspace.folder / "port995-run").exists()


def test_the_verdict_is_told_in_each_ci_s_own_way(workspace: Workspace) -> None:
    workspace.hosts(INVENTORIES[1])
    summary = workspace.folder / "summary"
    done = workspace.run(
        SCRIPT, PORT995_INVENTORY="inventory/hosts.yml", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary),
        TF_BUILD="True",
    )  # fmt: skip
    assert "::error title=POP3S::failed" in done.stdout
    assert "##vso[task.logissue type=error]POP3S failed" in done.stdout
    assert summary.read_text().startswith("## POP3S: failed (exit 1)")


def test_a_request_can_t_loosen_the_rules_that_judge_it(workspace: Workspace) -> None:
    profile = workspace.folder / "own.yml"
    shutil.copy(Path(sys.modules["port995"].__path__[0]) / "policy" / "profiles" / "baseline.yml", profile)
    workspace.hosts(INVENTORIES[1])
    profile.write_text(profile.read_text().replace("POP3S-PORT-001", "POP3S-POP-001"))
    arguments = workspace.environment["PORT995_ARGS"] + " --profile own.yml"
    done = workspace.run(
        SCRIPT, PORT995_INVENTORY="inventory/hosts.yml", PORT995_POLICY_REF="origin/main", PORT995_ARGS=arguments
    )
    assert done.returncode == 1, done
