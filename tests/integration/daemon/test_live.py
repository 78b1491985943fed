# SPDX-License-Identifier: GPL-3.0-or-later
"""The look on the wire says that a daemon does what it was told only where it was seen to: on a real Dovecot that does,
and for each thing on one that does not."""

from __future__ import annotations

import dataclasses
import hashlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from port995.daemon import live, openssl
from port995.daemon.model import DaemonError, Wanted, wanted
from tests.integration.dovecot.server import Dovecot, dovecot_binary
from tests.peers import identities
from tests.ports import own_port

SUITES = [*openssl.ALL_OF_TLS13, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]
SETTINGS = """\
ssl_min_protocol = TLSv1.2
ssl_cipher_list = ECDHE-RSA-AES128-GCM-SHA256
ssl_curve_list = X25519:P-256
disable_plaintext_auth = yes
"""


@dataclasses.dataclass
class Served:
    """A Dovecot, and the fingerprint of its certificate."""

    server: Dovecot
    sha256: str

    def problems(self, asked: Wanted, sha256: str | None = None) -> str:
        return "; ".join(
            live.problems(asked, self.server.pop3s_port, self.server.pop3_port, sha256 or self.sha256)
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if dovecot_binary() is None:
        pytest.skip("dovecot is not installed (Debian: dovecot-pop3d)")
    try:
        openssl.Library()
    except DaemonError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("live")
    identity = identities.write("rsa", folder)
    server = Dovecot(folder, identity.certificate, identity.key, listen="127.0.0.1", extra=SETTINGS)
    server.start()
    der = ssl.PEM_cert_to_DER_cert(identity.certificate.read_text())
    yield Served(server, hashlib.sha256(der).hexdigest())
    server.stop()


def asked(**more: Any) -> Wanted:
    tls = {"minimum": "TLSv1.2", "suites": SUITES, "groups": ["x25519", "secp256r1"], **more.pop("tls", {})}
    return wanted(tls=tls, **more)


def test_one_that_does_what_it_was_told_has_no_problem(served: Served) -> None:
    assert served.problems(asked()) == ""


@pytest.mark.parametrize(
    ("tls", "says"),
    [
        ({"minimum": "TLSv1.3"}, "offered TLSv1.2 (ecdhe-rsa): answered"),
        ({"suites": [*SUITES[:3], "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]}, "suites that are not allowed (ecdhe-rsa): answered"),
        ({"groups": ["x448"]}, "groups that are not allowed: answered"),
    ],
)
def test_settings_of_before_that_are_still_served_are_seen(served: Served, tls: dict[str, Any], says: str) -> None:
    assert says in served.problems(asked(tls=tls))


def test_another_certificate_is_seen(served: Served) -> None:
    assert "serves another certificate than the one on disk" in served.problems(asked(), "0" * 64)


def test_a_listener_that_should_not_be_is_seen(served: Served) -> None:
    assert "still listens on port" in served.problems(asked(listener="absent"))
    assert "still listens, for clear text" in served.problems(asked(cleartext="off"))
    gone = own_port()
    assert live.problems(asked(listener="absent"), gone, gone, None) == ()
    assert live.problems(asked(), gone, gone, None) == (f"nothing listens on port {gone}",)


def test_who_says_nothing_has_refused_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.MonkeyPatch.context() as patched:
        patched.setattr(live, "TIMEOUT", 0.3)
        port = silent.getsockname()[1]
        assert "serves no POP3S" in "; ".join(live.problems(asked(), port, own_port(), None))
        offer = live._forbidden(asked().tls)[0][1]  # type: ignore[arg-type]
        assert live._ask("127.0.0.1", port, offer)[0] == "silent"


def test_the_clear_text_port_must_offer_stls(served: Served, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert live.problems(asked(), served.server.pop3s_port, other.getsockname()[1], served.sha256) != ()
