# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that mend findings: of checks that exist, and of daemons that said who they are."""

from __future__ import annotations

import dataclasses

import pytest

from port995.policy.registry import all_checks
from port995.policy.settings import COURIER, CYRUS, DAEMONS, DOVECOT, WHERE, daemons_of, setting_for
from port995.probe.model import Capability

from .seen import GOOD_POP3, session


def test_every_setting_is_of_a_check_that_exists() -> None:
    from port995.policy import settings

    assert set(settings._BY_CHECK) <= set(all_checks())
    assert set(WHERE) == set(DAEMONS)


@pytest.mark.parametrize(
    ("greeting", "implementation", "daemon"),
    [
        ("+OK Dovecot (Debian) ready.", "", (DOVECOT,)),
        ("+OK Hello there.", "Courier Mail Server", (COURIER,)),
        ("+OK mail.example.org Cyrus POP3 3.6.1 server ready", "", (CYRUS,)),
        ("+OK ready", "", ()),
    ],
)
def test_a_daemon_is_known_by_what_it_says_and_not_guessed(
    greeting: str, implementation: str, daemon: tuple[str, ...]
) -> None:
    listed = (Capability("IMPLEMENTATION", tuple(implementation.split())),) if implementation else ()
    said = dataclasses.replace(GOOD_POP3, greeting=greeting, capabilities=listed)
    assert daemons_of([session(pop3=said)]) == daemon


def test_one_setting_has_one_value_for_all_findings() -> None:
    """Else who does the last of them undoes the first."""
    for daemon, name in ((DOVECOT, "ssl_cipher_list = "), (CYRUS, "tls_ciphers: "), (COURIER, 'TLS_PRIORITY="')):
        settings = [setting_for(id_, daemon) for id_ in all_checks()]
        values = {text.split(name)[1].split()[0] for text in settings if name in text}
        assert len(values) == 1, (daemon, values)


def test_what_is_not_known_is_empty() -> None:
    assert setting_for("POP3S-PORT-001", DOVECOT) == "" and setting_for("POP3S-VER-003", "qpopper") == ""
