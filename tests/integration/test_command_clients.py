# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 clients``: the list, one explained, as JSON."""

from __future__ import annotations

import json

from port995.policy.clients.catalogue import CLIENT_IDS, clients

from .command_line import port995


def test_the_models_are_listed_with_date_and_sources() -> None:
    listed = port995("clients")
    lines = listed.out.splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert listed.code == 0 and [line.split()[0] for line in heads] == list(CLIENT_IDS)
    for client, head in zip(clients(), heads, strict=True):
        assert client.date in head and "modelled" in head
        assert all(f"  {source}" in lines for source in client.sources)


def test_one_is_explained_with_what_is_not_certain() -> None:
    told = port995("clients", "outlook-windows-11")
    assert told.code == 0 and told.out.startswith("outlook-windows-11 ")
    assert "modelled" in told.out and "source: https://" in told.out
    assert "uncertain: TLSv1.3, TLSv1.1, TLSv1: " in told.out
    assert "TLS_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256" in told.out


def test_what_only_some_have_is_told_of_them() -> None:
    assert "secure renegotiation" in port995("clients", "openssl-3.0").out
    assert "a life of 825 days at the most from 2019-07-01" in port995("clients", "apple-mail-ios-17").out
    assert "secure renegotiation" not in port995("clients", "openssl-1.0.2").out


def test_json() -> None:
    every = json.loads(port995("clients", "--json").out)
    assert [one["id"] for one in every] == list(CLIENT_IDS) and all(one["modelled"] is True for one in every)
    one = json.loads(port995("clients", "android-7", "--json").out)
    assert one["groups"] == ["secp256r1"] and one["uncertain"]["suites"]["order"] is True


def test_a_client_that_there_is_not() -> None:
    run = port995("clients", "eudora")
    assert run.code == 2 and "eudora" in run.err and "thunderbird-128" in run.err and run.out == ""
