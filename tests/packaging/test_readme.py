# SPDX-License-Identifier: GPL-3.0-or-later
"""What README.md and the role's README say is what the program does, and what they show runs."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from port995.cli import app
from port995.evidence import run_folder
from port995.lab.fleet import FLEET
from port995.policy import inventory, vantages
from port995.policy.model import FOLDING_ORDER, Exit

from ..ports import own_base_port
from .environments import ROOT

sys.path.insert(0, str(ROOT / "packaging"))
import readme_help  # noqa: E402

README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def _commands(word: str) -> list[list[str]]:
    """Command lines of the README's shell blocks and spans that begin with a word."""
    shown = [line for block in _blocks("sh") for line in block.splitlines()]
    shown += re.findall(r"`([^`\n]+)`", README)
    return [shlex.split(line) for line in shown if line.split()[:1] == [word]]


@pytest.mark.parametrize("document", readme_help.sections(), ids=lambda path: str(path.relative_to(ROOT)))
def test_options_and_variables_are_described_as_they_are(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert readme_help.sections()[document] in text, "run: .venv/bin/python packaging/readme_help.py"


def test_every_command_shown_is_one_that_the_program_takes() -> None:
    """Parsed by the command itself, not run: that would look at hosts."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    shown = [words[1:] for words in _commands("port995") if len(words) > 1]
    assert {name for name, *_ in shown} == set(commands)
    for name, *arguments in shown:
        # A name alone is one that is spoken of.
        if arguments:
            commands[name].make_context(name, list(arguments))


def test_a_command_that_the_program_does_not_take_would_be_noticed() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="--sauce"):
        commands["audit"].make_context("audit", ["mail.example.org", "--sauce", "192.0.2.1"])


def test_the_lab_command_of_the_readme_runs(tmp_path: Path) -> None:
    (line,) = [line for block in _blocks("sh") for line in block.splitlines() if line.startswith("port995 lab")]
    # Other tests have labs of their own on this machine at the same time.
    line = line.replace("port995 lab", f"port995 lab --base-port {own_base_port()}", 1)
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL, env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == Exit.FAILED, done.stdout + done.stderr
    assert f"inventory {len(FLEET)} = assessed {len(FLEET)} + unreachable 0 + excluded 0" in done.stdout
    assert re.search(r"^inventory 9 = assessed 9 \+ unreachable 0 \+ excluded 0$", README, re.MULTILINE)


def test_every_make_target_shown_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = {word for words in _commands("make") for word in words[1:] if "=" not in word and word.isalpha()}
    assert {"audit", "test", "venv", "dist", "collection"} <= shown <= targets


def test_the_inventory_shown_is_read_without_a_problem() -> None:
    trees = [loaded["all"] for block in _blocks("yaml") if "all" in (loaded := yaml.safe_load(block))]
    # Beside it stands one that shows vantages alone.
    (tree,) = [tree for tree in trees if "pop3s_vantages" not in tree["children"]]
    planned = {}
    for group in tree["children"].values():
        for name, own in group["hosts"].items():
            planned[name] = inventory.plan_host(name, {**group["vars"], **(own or {})})
    assert {name: plan.problems for name, (plan, _) in planned.items()} == dict.fromkeys(planned, ())
    assert {plan.intent.value for plan, _ in planned.values() if plan.intent} == {"serve", "internal", "closed"}
    assert [len(targets) for _, targets in planned.values()] == [1, 1, 2, 1]


def test_every_variable_that_is_read_is_described_and_no_other() -> None:
    read = set(re.findall(r"``(pop3s?_\w+)``", inspect.getdoc(inventory.plan_host) or "")) | {
        name for name in inventory.SHOWN if name.startswith("pop3s_")
    }
    read |= set(re.findall(r"pop3s_vantage_\w+", inspect.getsource(vantages)))
    rows = re.findall(r"^\| ((?:`pop3\w+`(?:, )?)+) \|", README, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == read
    assert len(read) == 15
    for key in inventory.ENDPOINT_KEYS:
        assert f"`{key}`" in README


def test_statuses_stand_in_their_order_and_exit_codes_are_all_there() -> None:
    assert " > ".join(status.value for status in FOLDING_ORDER) in README
    assert [int(code) for code in re.findall(r"^\| (\d) \|", README, re.MULTILINE)] == [int(code) for code in Exit]


@pytest.mark.parametrize("role", readme_help.ROLES, ids=lambda path: path.name)
def test_a_role_has_a_default_for_each_variable_and_describes_it(role: Path) -> None:
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    described = re.findall(rf"^\| `({role.name}_\w+)` \|", (role / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(described) == set(defaults)


def test_links_lead_to_files_that_are_there_in_the_checkout_and_in_what_is_released(tmp_path: Path) -> None:
    staged = tmp_path / "pop3s"
    subprocess.run([sys.executable, ROOT / "packaging" / "stage.py", staged], check=True, timeout=60)
    for tree in (ROOT, staged):
        roles = sorted(path.relative_to(tree).as_posix() for path in tree.glob("roles/*/README.md"))
        assert roles
        for name in ("README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "docs/drift/README.md", "docs/ci/README.md", *roles):
            document = tree / name
            for link in re.findall(r"\]\(([^)#\s]+)\)", document.read_text(encoding="utf-8")):
                assert link.startswith("https://") or (document.parent / link).exists(), f"{document}: {link}"


def test_the_run_folder_is_described_by_the_names_it_has() -> None:
    for name in (run_folder.RUN, run_folder.PROFILE, run_folder.ANCHORS, run_folder.REPORT, run_folder.GATE):
        assert f"`{name}`" in README
    assert f"`{run_folder.DNS}`" in README
    assert "journal-VANTAGE.jsonl" in README and run_folder.JOURNALS == "journal-*.jsonl"
