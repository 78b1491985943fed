# SPDX-License-Identifier: GPL-3.0-or-later
"""Who would be shut out: models of clients against the server that settings would make, and the login records."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from port995.policy.clients.catalogue import CLIENT_IDS, client_of
from port995.policy.clients.negotiation import model_of
from port995.policy.clients.result import CANNOT, CONNECTS
from port995.policy.clients.wanted_server import wanted_server
from port995.policy.daemon_settings import settings_for
from port995.policy.profile import load_profile
from port995.policy.shut_out import shut_out

from .modelled import ECDHE_RSA_CBC, RSA_CBC, TLS10, TLS11, TLS12, server, spoken
from .seen import CLOSED, session
from .test_clients_told import seen_12

BASELINE = settings_for(load_profile("baseline"), datetime.date(2026, 11, 28))
OLD = {**BASELINE, "minimum": "TLSv1", "suites": [*BASELINE["suites"], "TLS_RSA_WITH_AES_128_CBC_SHA"], "weak_signatures": True}
SERVED: dict[str, Any] = {"pop3s_ports": [995], "pop3_ports": [110], "minimum": "TLSv1.2", "cleartext_login": False}
UNUSED = {"state": "unused", "days": 30, "reasons": [], "tls_versions": {}}


def old_server() -> Any:
    suites = (ECDHE_RSA_CBC, RSA_CBC)
    return server(*(spoken(version, suites=suites, signatures=()) for version in (TLS12, TLS11, TLS10)))


def logins(**versions: int) -> dict[str, Any]:
    words = {"v10": "TLSv1", "v12": "TLSv1.2", "v13": "TLSv1.3", "untold": "TLS, version not logged", "clear": "no TLS",
             "unlogged": "not logged"}  # fmt: skip
    return {"state": "used", "days": 30, "reasons": [], "tls_versions": {words[name]: count for name, count in versions.items()}}


def of_logins(found: dict[str, Any] | None, settings: Any = BASELINE, cleartext: str = "keep", **daemon: Any) -> tuple[int, int]:
    told = shut_out([], settings, [], {**SERVED, **daemon}, cleartext, found)
    return len(told.lost), len(told.untold)


def test_a_client_of_old_versions_alone_is_lost_and_a_new_one_is_not() -> None:
    made = wanted_server(BASELINE, old_server())
    assert model_of(client_of("outlook-windows-7"), old_server()).outcome == CONNECTS
    assert model_of(client_of("outlook-windows-7"), made).outcome == CANNOT
    assert model_of(client_of("thunderbird-128"), made).outcome == CONNECTS


def test_settings_that_leave_the_old_leave_the_client() -> None:
    assert model_of(client_of("outlook-windows-7"), wanted_server(OLD, old_server())).outcome == CONNECTS


def test_who_connects_with_less_connects_with_more() -> None:
    """The wider settings never cost a client what the narrower ones leave it."""
    for id_ in CLIENT_IDS:
        narrow = model_of(client_of(id_), wanted_server(BASELINE, old_server())).outcome
        if narrow == CONNECTS:
            assert model_of(client_of(id_), wanted_server({**OLD, "preference": "server"}, old_server())).outcome != CANNOT


def test_from_an_observation_and_with_none() -> None:
    models = [client_of(id_) for id_ in CLIENT_IDS]
    only_13 = {**BASELINE, "minimum": "TLSv1.3", "suites": [name for name in BASELINE["suites"] if name.startswith("TLS_AES")]}
    told = shut_out([seen_12()], only_13, models, {**SERVED, "minimum": "TLSv1.3"}, "keep", UNUSED)
    assert any(line.startswith("outlook-windows-10 (modelled): connects now, cannot connect afterwards") for line in told.lost)
    assert not any("outlook-windows-7 " in line for line in told.lost), "it can't connect today"
    assert shut_out([], BASELINE, models, SERVED, "keep", UNUSED).untold, "nothing was seen: that is not nobody"
    unseen = dataclasses.replace(seen_12(), hellos=())
    assert shut_out([unseen], BASELINE, models, SERVED, "keep", UNUSED).untold
    closed = shut_out([session(tcp=CLOSED, tls=None, pop3=None)], BASELINE, models, SERVED, "keep", UNUSED)
    assert (closed.lost, closed.untold) == ((), ()), "a closed port serves nobody"


@pytest.mark.parametrize(("found", "options", "expected"), [
    (UNUSED, {"minimum": "TLSv1"}, (0, 0)),
    (logins(v10=3, v12=5), {"minimum": "TLSv1"}, (1, 0)),
    (logins(v10=3, v12=5), {"minimum": None}, (1, 0)),
    (logins(v12=5, untold=1), {"minimum": "TLSv1"}, (0, 1)),
    (logins(unlogged=1), {"minimum": "TLSv1"}, (0, 1)),
    (None, {"minimum": "TLSv1"}, (0, 1)),
    ({**UNUSED, "state": "unknown", "reasons": ["no journal"]}, {"minimum": "TLSv1"}, (0, 1)),
    # Those that were seen keep theirs; the records say nothing of the days before.
    ({**logins(v13=5), "reasons": ["the journal reaches back to yesterday only"]}, {"minimum": "TLSv1"}, (0, 1)),
    ({**logins(v10=5), "reasons": ["the journal reaches back to yesterday only"]}, {"minimum": "TLSv1"}, (1, 1)),
    ({**logins(v13=5), "reasons": ["the journal reaches back to yesterday only"]}, {}, (0, 0)),
    # Nothing of it is taken away: then nothing has to be known.
    (None, {}, (0, 0)),
    (None, {"settings": None}, (0, 0)),
    # The port for clear text.
    (logins(clear=2), {"cleartext": "stls", "cleartext_login": True}, (1, 0)),
    (logins(clear=2), {"cleartext": "stls", "cleartext_login": None}, (1, 0)),
    (logins(untold=2), {"cleartext": "stls", "cleartext_login": True}, (0, 0)),
    (logins(v13=2), {"cleartext": "off"}, (0, 1)),
    (logins(clear=2), {"cleartext": "off"}, (1, 0)),
    (None, {"cleartext": "off", "pop3_ports": None}, (0, 1)),
    (None, {"cleartext": "off", "pop3_ports": []}, (0, 0)),
    # Nothing is served.
    (None, {"cleartext": "off", "pop3_ports": [], "pop3s_ports": [], "minimum": None}, (0, 0)),
])  # fmt: skip
def test_logins(found: dict[str, Any] | None, options: dict[str, Any], expected: tuple[int, int]) -> None:
    assert of_logins(found, **options) == expected
