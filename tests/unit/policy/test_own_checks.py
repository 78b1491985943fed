# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of users: the same file everywhere, and one that is broken is an error of the run, never a check less."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from port995.cli import app
from port995.policy.model import HostPlan, Intent
from port995.policy.own_checks import OFFERED, OwnChecks, OwnFile, load_own
from port995.policy.own_checks_kit import CASES, cases, template, try_out
from port995.policy.registry import adding, all_checks, select

from .seen import BASELINE, companion, judged, result_of, session, target

TEXT = template("greeting")


def own(*texts: str) -> OwnChecks:
    return load_own([OwnFile(f"own{n}.py", text.encode()) for n, text in enumerate(texts, 1)])


def answering(expression: str, id_: str = "X-GREETING-001") -> str:
    """A file whose one check answers with an expression."""
    head, _, _body = TEXT.replace("X-GREETING-001", id_).partition("    endpoint = subject.endpoint\n")
    return f"{head}    return {expression}\n"


def found(text: str, **options: object):
    loaded = own(text)
    assert not loaded.problems, loaded.problems
    with adding(loaded.checks):
        profile = BASELINE.with_checks([check.id for check in loaded.checks])
        judgement = judged([session(), companion()], profile=profile, **options)
    return next(r for r in judgement.results if r.check_id.startswith("X-"))


def test_a_file_of_the_template_is_a_check_that_passes_fails_and_does_not_know() -> None:
    loaded = own(TEXT)
    assert not loaded.problems
    (tried,) = try_out(loaded.checks)
    assert not tried.faults and not tried.notes
    said = {case: status.value for case, status, _message in tried.answers}
    assert tuple(said) == CASES == tuple(case.name for case in cases())
    assert said["good"] == "pass" and said["greeting names its program"] == "fail"
    unseen = [case.name for case in cases() if case.kind == "unseen"]
    assert len(unseen) == 6 and {said[name] for name in unseen} == {"not_tested"}


def test_it_is_among_the_checks_only_where_it_was_given() -> None:
    with adding(own(TEXT).checks):
        assert list(all_checks())[-1] == "X-GREETING-001"
        assert select("X-*") == ("X-GREETING-001",)
    assert "X-GREETING-001" not in all_checks()


def test_it_takes_part_in_the_judgement() -> None:
    assert found(TEXT).status.value == "pass"
    assert found(TEXT.replace('"dovecot" in', '"ready" in')).status.value == "fail"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def x(:\n", "SyntaxError.*line 1"),
        ("import no_such_library\n", "ModuleNotFoundError.*no_such_library.*line 1"),
        ("from port995_checks import no_such_name\n", "ImportError.*line 1"),
        ("1 / 0\n", "ZeroDivisionError.*line 1"),
        ("raise SystemExit(0)\n", "ends the program"),
        ("x = 1\n", "defines no check"),
        ("\0", "can't be loaded"),
        (TEXT.replace("X-GREETING-001", "POP3S-OWN-001"), "are the program's"),
        (TEXT.replace("X-GREETING-001", "greeting"), "not like X-NAME-001"),
        (TEXT.replace('("safe",)', '("save",)'), "choose among"),
        (TEXT.replace('("safe",)', '"safe"'), "no tuple of texts"),
        (TEXT.replace("Severity.MEDIUM", '"medium"'), "one of Severity"),
        (TEXT.replace('applies="to', 'asks=("versions",), applies="to'), "look at what was seen"),
        (TEXT.replace('applies="to', 'needs="root", applies="to'), "needs 'root'"),
        (TEXT.replace('rationale="Why', 'rationale="\\n'), "no text of one line"),
    ],
)
def test_what_can_not_be_a_check_is_named_with_its_file(text: str, words: str) -> None:
    loaded = own(text)
    assert not loaded.checks
    (problem,) = loaded.problems
    assert "own1.py" in problem
    assert re.search(words, problem), problem


def test_one_broken_file_costs_no_other_and_an_id_is_taken_once() -> None:
    loaded = own(TEXT, "1 / 0\n", TEXT, template("other"))
    assert [check.id for check in loaded.checks] == ["X-GREETING-001", "X-OTHER-001"]
    assert len(loaded.problems) == 2
    assert "own2.py" in loaded.problems[0] and "stands in own1.py too" in loaded.problems[1]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("exit()", "ends the program"),
        ("None", "returned NoneType"),
        ("True", "returned bool"),
        ("'pass'", "returned str"),
        ("Status.PASS", "returned Status"),
        ("Finding(Status.PASS, 'x')", "returned Finding"),
        ("[]", "no finding"),
        ("['pass']", "list with str"),
        ("[Finding('pass', 'x')]", "has the status 'pass'"),
        ("[Finding(Status.WAIVED, 'x')]", "only a waiver"),
        ("[Finding(Status.PASS, '')]", "no message"),
        ("[Finding(Status.PASS, 7)]", "are texts"),
        ("[Finding(Status.PASS, 'x', evidence='y')]", "tuple of texts"),
        ("(1 / 0 for _ in '1')", "ZeroDivisionError"),
    ],
)
def test_an_answer_that_is_none_is_an_error_and_names_check_and_file(expression: str, words: str) -> None:
    result = found(answering(expression))
    assert result.status.value == "error", result
    assert words in result.message and "X-GREETING-001 of own1.py" in result.message


def test_a_generator_of_findings_is_an_answer() -> None:
    assert found(answering("(Finding(Status.PASS, 'x') for _ in '1')")).status.value == "pass"


def test_it_is_asked_about_each_endpoint_and_no_twin_speaks_for_another() -> None:
    loaded = own(TEXT.replace('"the greeting names no program {where}"', 'f"seen of {subject.plan.name}"').replace(
        'ff"', 'f"'))  # fmt: skip
    assert not loaded.problems, loaded.problems
    aims = [target((f"mx{n}",), f"192.0.2.{n}") for n in (1, 2, 3)]
    plan = [HostPlan(f"mx{n}", Intent.SERVE) for n in (1, 2, 3)]
    with adding(loaded.checks):
        judgement = judged([part for aim in aims for part in (session(aim), companion(aim))], plan=plan, targets=aims,
                           profile=BASELINE.with_checks(["X-GREETING-001"]))  # fmt: skip
    told = {r.host: r.message for r in judgement.results if r.check_id == "X-GREETING-001"}
    assert told == {f"mx{n}": f"seen of mx{n}" for n in (1, 2, 3)}
    assert result_of(judgement, "POP3S-TLS-001", "mx1").status.value == "pass"


def test_what_users_may_import_stays() -> None:
    assert set(OFFERED) >= {
        "endpoint_check", "host_check", "fleet_check", "Finding", "Status", "Severity", "Parameter", "Intent",
        "EndpointSubject", "HostSubject", "FleetSubject", "seen_from", "port_seen",
    }  # fmt: skip


def test_a_check_that_passes_silence_is_called_out() -> None:
    (tried,) = try_out(own(answering("[Finding(Status.PASS, 'all is well')]")).checks)
    assert len(tried.faults) == 6 and all("not seen" in fault for fault in tried.faults)
    assert any("none of these services made it fail" in note for note in tried.notes)


def test_a_check_that_breaks_on_what_it_did_not_expect_is_called_out() -> None:
    (tried,) = try_out(own(answering("[Finding(Status.FAIL, subject.endpoint.sessions[0].pop3.greeting)]")).checks)
    assert any("IndexError" in fault for fault in tried.faults)
    assert any("AttributeError" in fault for fault in tried.faults)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def run(*arguments: str) -> tuple[int, str]:
    said = CliRunner().invoke(app, ["checks", *arguments])
    return said.exit_code, said.output


def test_the_command_begins_tests_and_lists_a_check(here: Path) -> None:
    assert run("new", "banner-names-us")[0] == 0
    path = here / "banner_names_us.py"
    assert "X-BANNER-NAMES-US-001" in path.read_text()
    assert run("new", "banner-names-us")[0] == 2
    code, said = run("test", path.name)
    assert code == 0 and "0 with a fault" in said, said
    code, said = run("--checks-path", path.name)
    assert code == 0 and "X-BANNER-NAMES-US-001" in said and "POP3S-TLS-001" in said
    code, said = run("X-*", "--checks-path", path.name)
    assert code == 0 and "our handbook" in said
    assert run("X-*")[0] == 2
    assert run("POP3S-TLS-001")[0] == 0
    assert run("not", "intrusive", "and", "safe")[0] == 0


@pytest.mark.parametrize("arguments", [["new"], ["new", "../x"], ["new", "a", "b"], ["test"], ["test", "none.py"], ["--out", "x"]])
def test_a_command_that_can_not_be_meant_is_refused(here: Path, arguments: list[str]) -> None:
    assert run(*arguments)[0] == 2


def test_the_test_of_a_broken_file_fails_and_names_it(here: Path) -> None:
    (here / "bad.py").write_text("import nothing_of_this_name\n")
    code, said = run("test", "bad.py")
    assert code == 1 and "BROKEN" in said and "nothing_of_this_name" in said
    (here / "lax.py").write_text(answering("[Finding(Status.PASS, 'x')]"))
    code, said = run("test", "lax.py")
    assert code == 1 and "passes what was not seen" in said


def test_the_data_of_a_check_stays_that_of_the_file() -> None:
    (check,) = own(TEXT).checks
    assert dataclasses.asdict(check)["references"] == ("our handbook, section 7",)
