# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a refusal reaches: what it did not offer stays open, however much else was refused."""

from __future__ import annotations

from typing import Any

from port995.policy.profile import load_profile
from port995.probe.model import Hello

from .certificates import chain, good_leaf
from .hellos import good_hellos, hello_of, questions, taken
from .seen import companion, judged, result_of, session

LEAF = chain(good_leaf())[0]
HELLO_CHECKS = load_profile("baseline").narrowed(["POP3S-VER-005", "POP3S-GRP-001", "POP3S-SIG-001", "POP3S-CIPH-008"])
TIMEOUT: dict[str, Any] = {"outcome": "timeout"}
ANSWER_13 = taken(0x1301, 0x0304, group=0x001D)


def status(hellos: tuple[Hello, ...], check: str) -> str:
    return result_of(judged([session(hellos=hellos), companion()], profile=HELLO_CHECKS), check).status.value


def test_tls_1_2_may_be_spoken_although_every_suite_that_older_versions_have_was_refused() -> None:
    """Its control was lost, and so were the questions about its groups: then nothing is known of its groups."""
    lost = good_hellos(LEAF, groups_rsa=TIMEOUT, groups_ecdsa=TIMEOUT, groups_ecdsa_alone=TIMEOUT)
    hellos = (hello_of(questions()["control-1.2"], TIMEOUT), hello_of(questions()["control-1.3"], ANSWER_13), *lost[1:])
    assert status(hellos, "VER-005") == "pass"
    assert status(hellos, "GRP-001") == "not_tested"
