# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy from a protected place: what the merge request under test changed is told, and does not count."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from port995.cli import app
from port995.evidence.given_files import read_given
from port995.evidence.protected_policy import PolicyError, policy_source, protected_profile
from port995.policy.model import HostPlan, Intent
from port995.policy.profile import ProfileError, load_profile

HEAD = "schema: port995/profile/1\nid: {}\ndate: 2026-01-02\ntitle: Ours\n"
STRICT = HEAD.format("ours") + "extends: ground.yml\nchecks:\n  POP3S-CLR-001: {severity: critical}\n"
GROUND = HEAD.format("ground") + "checks:\n  POP3S-TLS-001:\n  POP3S-PORT-001:\n"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false", *arguments],
        cwd=folder, check=True, capture_output=True, text=True,
        env={**{k: v for k, v in os.environ.items() if not k.startswith("GIT_")}, "GIT_CONFIG_GLOBAL": "/dev/null"},
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose branch `protected` holds the policy, checked out at a request that loosens it."""
    top = tmp_path / "repository"
    (top / "policy").mkdir(parents=True)
    git(top, "init", "-q", "-b", "protected")
    (top / "policy" / "ours.yml").write_text(STRICT)
    (top / "policy" / "ground.yml").write_text(GROUND)
    git(top, "add", ".")
    git(top, "commit", "-qm", "policy")
    git(top, "checkout", "-qb", "request")
    (top / "policy" / "ours.yml").write_text(STRICT.replace("critical", "info"))
    (top / "policy" / "ground.yml").write_text(GROUND.replace("  POP3S-TLS-001:\n", ""))
    git(top, "commit", "-qam", "loosen")
    monkeypatch.chdir(top)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    return top


def test_the_profile_of_the_protected_branch_judges_and_the_change_is_told(repository: Path) -> None:
    source = policy_source("protected")
    profile = protected_profile("policy/ours.yml", source, "")
    assert profile.checks["POP3S-CLR-001"].severity.value == "critical"
    assert "POP3S-TLS-001" in profile.checks
    assert load_profile("policy/ours.yml").checks["POP3S-CLR-001"].severity.value == "info"
    commit = git(repository, "rev-parse", "protected")
    told = [note for note in source.notes if "does not count" in note]
    assert len(told) == 2 and all(commit[:12] in note for note in told)  # the profile, and what it extends
    assert "POP3S-TLS-001" not in load_profile(Path("policy/ours.yml")).checks


def test_what_is_the_same_here_is_read_without_a_word_of_change(repository: Path) -> None:
    source = policy_source("request")
    assert protected_profile("./policy/../policy/ours.yml", source, "").checks["POP3S-CLR-001"].severity.value == "info"
    assert not any("count" in note for note in source.notes)
    assert len(source.notes) == 2


def test_a_folder_that_the_request_made_a_link_or_a_repository_leads_nowhere(repository: Path, tmp_path: Path) -> None:
    """The tree of the request may hold a repository of its own, with a branch of the same name."""
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q", "-b", "protected")
    (other / "ours.yml").write_text(HEAD.format("ours") + "checks:\n  POP3S-POP-002:\n")
    git(other, "add", ".")
    git(other, "commit", "-qm", "loose")
    os.rename(repository / "policy", repository / "aside")
    os.symlink(other, repository / "policy")
    profile = protected_profile("policy/ours.yml", policy_source("protected"), "")
    assert set(profile.checks) >= {"POP3S-CLR-001", "POP3S-TLS-001"}


def test_variables_and_replaced_objects_lead_git_nowhere(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, loose = git(repository, "rev-parse", "protected:policy/ours.yml"), git(
        repository, "rev-parse", "request:policy/ours.yml"
    )
    git(repository, "replace", good, loose)
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    profile = protected_profile("policy/ours.yml", policy_source("protected"), "")
    assert profile.checks["POP3S-CLR-001"].severity.value == "critical"


@pytest.mark.parametrize(
    ("ref", "word"),
    [("nowhere", "nowhere"), ("--help", "--help"), ("protected:policy/ours.yml", "can't be read"), ("a..b", "can't")],
)
def test_a_ref_that_is_no_commit_is_refused(repository: Path, ref: str, word: str) -> None:
    with pytest.raises(PolicyError, match=word):
        policy_source(ref)


def test_a_file_that_the_ref_does_not_have_is_refused_though_it_is_here(repository: Path, tmp_path: Path) -> None:
    (repository / "policy" / "new.yml").write_text(GROUND)
    with pytest.raises(PolicyError, match=r"profile policy/new[.]yml in protected can't be read"):
        protected_profile("policy/new.yml", policy_source("protected"), "")
    outside = tmp_path / "outside.yml"
    outside.write_text(GROUND)
    for name in (str(outside), "../outside.yml"):
        with pytest.raises(PolicyError, match="outside of the repository"):
            protected_profile(name, policy_source("protected"), "")


def test_without_a_repository_or_git_it_is_refused(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PolicyError, match="git is not installed"):
        policy_source("protected")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError, match="repository"):
        policy_source("protected")


def test_a_profile_of_the_program_is_told_to_come_from_it(repository: Path) -> None:
    source = policy_source("protected")
    assert protected_profile("baseline", source, "").id == "baseline"
    assert source.notes == ["profile baseline comes with the program, and not from protected"]


def test_a_required_hash_holds_the_profile_and_all_it_extends(repository: Path) -> None:
    right = load_profile("policy/ours.yml").sha256
    assert protected_profile("policy/ours.yml", policy_source(""), right.upper()).sha256 == right
    (repository / "policy" / "ground.yml").write_text(GROUND.replace("POP3S-PORT-001", "POP3S-POP-002"))
    with pytest.raises(PolicyError, match=f"{right} is required"):
        protected_profile("policy/ours.yml", policy_source(""), right)
    for wrong in ("abc", right[:32], f"{right}0", "x" * 64):
        with pytest.raises(PolicyError, match="64 hexadecimal digits"):
            protected_profile("policy/ours.yml", policy_source(""), wrong)


def test_the_command_refuses_before_anything_is_sent(repository: Path, tmp_path: Path) -> None:
    for arguments in (
        ("--require-profile-sha256", "0" * 64),
        ("--policy-ref", "nowhere"),
        ("--profile", "policy/new.yml", "--policy-ref", "protected"),
    ):
        run = CliRunner().invoke(app, ["audit", "127.0.0.1:9", "--out", str(tmp_path / "out"), *arguments])
        assert run.exit_code == 2, run.output
        assert not (tmp_path / "out").exists()


def test_the_run_says_where_its_policy_came_from(repository: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    CliRunner().invoke(
        app,
        ["audit", "127.0.0.1:9", "--pop3-port", "0", "--out", str(out), "--profile", "policy/ours.yml", "--policy-ref",
         "protected", "-q"],
    )  # fmt: skip
    assert "does not count" in (out / "report.json").read_text()
    assert b"severity: critical" in (out / "profile.yml").read_bytes()


WAIVER = """schema: port995/waivers/1
waivers:
  - {{id: W-1, hosts: [mx], checks: [{}], reason: renamed, ticket: OPS-1, requested_by: a, approved_by: b,
     created: "2026-11-20T00:00:00Z", expires: "2026-12-20T00:00:00Z"}}
"""


def test_a_waiver_that_the_request_brings_along_does_not_count(repository: Path) -> None:
    waivers = repository / "policy" / "waivers.yml"
    waivers.write_text(WAIVER.format("POP3S-CERT-001"))
    plan = [HostPlan(name, Intent.SERVE) for name in ("mx", "my", "mz")]
    with pytest.raises(PolicyError, match="waivers policy/waivers[.]yml in protected can't be read"):
        list(read_given(Path("policy/waivers.yml"), None, plan, [], policy_source("protected")))
    git(repository, "stash", "-qu")
    git(repository, "checkout", "-q", "protected")
    git(repository, "stash", "pop", "-q")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "waivers")
    waivers.write_text(WAIVER.format("POP3S-CERT-002"))
    source = policy_source("protected")
    (given,) = read_given(Path("policy/waivers.yml"), None, plan, [], source)
    assert given.data.decode() == WAIVER.format("POP3S-CERT-001")
    assert any("waivers policy/waivers.yml" in note and "does not count" in note for note in source.notes)


def test_a_source_without_a_ref_reads_nothing() -> None:
    with pytest.raises(ProfileError, match="policy-ref"):
        policy_source("").read(Path("x.yml"), "profile")
