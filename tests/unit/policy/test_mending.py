# SPDX-License-Identifier: GPL-3.0-or-later
"""The closed loop: a finding names the role and the variable that mend it, and both exist; else it says that none does."""

from __future__ import annotations

from pathlib import Path

import yaml

from port995.policy.mending import BY_CHECK, NOTHING, mending_words, mends
from port995.policy.model import Status
from port995.policy.registry import all_checks

from .seen import CLOSED, judged, session

ROLES = Path(__file__).parents[3] / "roles"


def options(role: str) -> dict[str, object]:
    spec = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text())
    found: dict[str, object] = spec["argument_specs"]["main"]["options"]
    return found


def test_every_variable_is_one_of_its_role_and_every_check_exists() -> None:
    assert set(BY_CHECK) <= set(all_checks())
    for mendings in BY_CHECK.values():
        for one in mendings:
            known = options(one.role)
            assert one.variables and all(name in known for name in one.variables), one


def test_what_settings_of_a_profile_take_away_is_said_to_be_mended() -> None:
    from port995.policy import daemon_settings

    for id_ in set(daemon_settings.VERSIONS) - {"POP3S-VER-005"}:
        assert "enforce_profile" in mending_words(id_)
    for id_, check in all_checks().items():
        if check.forbids and id_.startswith("POP3S-CIPH"):
            assert "enforce_profile" in mending_words(id_), id_


def test_for_the_rest_it_is_said_that_nothing_mends_it() -> None:
    rest = [id_ for id_ in all_checks() if not mends(id_)]
    assert "POP3S-RENEG-001" in rest and {mending_words(id_) for id_ in rest} == {NOTHING}


def test_a_finding_says_it_and_what_passes_does_not() -> None:
    judgement = judged([session(tcp=CLOSED, tls=None, pop3=None)])
    for result in judgement.results:
        if result.status in (Status.PASS, Status.NOT_APPLICABLE):
            assert not result.remediation
        else:
            assert result.remediation.endswith(mending_words(result.check_id)), result
    assert any(result.remediation for result in judgement.results)
