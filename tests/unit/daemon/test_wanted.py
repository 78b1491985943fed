# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of a mail daemon is understood, or refused with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from port995.change.asked import WantedError
from port995.daemon.model import wanted

TLS = {"minimum": "TLSv1.2", "suites": ["TLS_AES_128_GCM_SHA256"], "groups": ["x25519"]}


def test_what_is_said_is_what_is_wanted() -> None:
    asked = wanted(tls={**TLS, "weak_signatures": False}, certificate="/a//b.pem", key="/c.key", names=["mail.example.org"])
    assert asked.tls is not None and asked.tls.preference == "server" and not asked.tls.weak_signatures
    assert (asked.certificate, asked.key, asked.cleartext, asked.listener) == ("/a/b.pem", "/c.key", "stls", "present")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"state": "there"}, "state is 'there': it is one of present, absent"),
        ({"cleartext": "on"}, "it is one of off, stls, keep"),
        ({"certificate": "/a.pem"}, "certificate and key go together: key is not given"),
        ({"key": "/a.key"}, "certificate is not given"),
        ({"certificate": "a.pem", "key": "/a.key"}, "write an absolute path"),
        ({"certificate": "/a.pem\nssl = no", "key": "/a.key"}, "write an absolute path"),
        ({"certificate": "/a.pem", "key": "/$(id).key"}, "write an absolute path"),
        ({"certificate": "/a b.pem", "key": "/a.key"}, "write an absolute path"),
        ({"names": ["mail.example.org\nssl = no"]}, "is no host name"),
        ({"tls": {**TLS, "minimum": "SSLv3"}}, "tls: minimum is 'SSLv3'"),
        ({"tls": {**TLS, "suites": []}}, "suites is empty"),
        ({"tls": {**TLS, "suites": "TLS_AES_128_GCM_SHA256"}}, "are lists"),
        ({"tls": {**TLS, "groups": ["x25519:P-256"]}}, "no name of IANA's registry"),
        ({"tls": {**TLS, "suites": ['A" ; rm']}}, "no name of IANA's registry"),
        ({"tls": {**TLS, "maximum": "TLSv1.2"}}, "tls has minimum, suites, groups, maximum"),
        ({"tls": {"minimum": "TLSv1.2"}}, "it has minimum, suites, groups"),
    ],
)
def test_what_contradicts_itself_or_could_be_more_than_a_value_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(WantedError) as caught:
        wanted(**given)
    assert says in str(caught.value)
