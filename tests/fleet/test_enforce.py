# SPDX-License-Identifier: GPL-3.0-or-later
"""The role enforce on real mail servers, each as Debian installs it: refused where somebody would be shut out, audited
before it is kept, taken back where the audit fails, and given back octet by octet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .enforce_on_lab import changed, enforce, state
from .lab import Lab
from .mail_host import KINDS, MailHost

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name)
def mail(lab: Lab, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailHost]:
    made = MailHost(lab, request.param, tmp_path_factory.mktemp(request.param.name))
    yield made
    made.host.remove()


def test_it_is_refused_then_kept_then_nothing_is_left_to_do_and_it_is_given_back(mail: MailHost, tmp_path: Path) -> None:
    before = state(mail)
    code, failed = mail.audit()
    assert code == 1 and failed >= mail.kind.fails, failed

    refused = enforce(mail, tmp_path / "refused")
    if mail.kind.name == "cyrus":
        # It does not serve POP3S as installed: only its port for clear text can be lost.
        assert refused.code in (0, 2), refused.said
    else:
        assert refused.code == 2 and "Nothing was changed on" in refused.said, refused.said
        assert "who logged in lately is not known" in refused.said, "the records of a new host do not reach back"
        assert state(mail) == before
    if mail.kind.name == "courier":
        assert re.search(r"\(modelled\): connects now, cannot connect afterwards", refused.said), refused.said

    done = enforce(mail, tmp_path / "done", enforce_force=True)
    assert done.code == 0, done.said
    gate = json.loads((tmp_path / "done" / "hosts" / mail.host.name / "gate" / "gate.json").read_text())
    assert gate["exit"] == 0
    assert mail.audit() == (0, set())
    assert '"what": "confirmed"' in mail.host.console("tail -1 /var/lib/port995/record.jsonl")

    again = enforce(mail, tmp_path / "again")
    assert again.code == 0 and changed(again) == 0, again.said

    gone = enforce(mail, tmp_path / "gone", enforce_state="absent")
    assert gone.code == 0 and changed(gone) > 0, gone.said
    assert state(mail) == before
