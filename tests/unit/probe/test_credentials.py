# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose credentials are for whom, and that no fault of theirs is told with what was given."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port995.probe.credentials import Credential, CredentialsError, Logins, logins_of
from port995.probe.model import Target

ALL, ONE = {"user": "all", "password": "word of all"}, {"user": "one", "password": "word of one"}
TARGET = Target(("mx1", "mx2"), "192.0.2.1", server_name="Mail.example.org.")


@pytest.mark.parametrize("name", ["mx1", "MX2", "mail.example.org", "mail.example.org.", "192.0.2.1"])
def test_an_entry_of_its_own_comes_first(name: str) -> None:
    logins = logins_of({**ALL, "hosts": {name: ONE}})
    assert logins.of(TARGET) == Credential("one", "word of one")
    assert logins.of(dataclasses.replace(TARGET, hosts=("x",), address="192.0.2.9", server_name=None)) == Credential(
        "all", "word of all"
    )


def test_without_one_for_all_the_others_owe_nothing() -> None:
    other = Target(("other",), "192.0.2.2")
    marked, strangers = logins_of({"hosts": {"mx1": ONE, "nobody": ALL}}).owed([TARGET, other])
    assert [one.login for one in marked] == ["read", None] and strangers == ("nobody",)
    (marked_one,), _ = logins_of(ALL, allow_dele=True).owed([other])
    assert marked_one.login == "dele"


def test_the_host_comes_before_the_server_name_and_the_address() -> None:
    names = {"192.0.2.1": {**ONE, "user": "c"}, "mail.example.org": {**ONE, "user": "b"}, "mx1": {**ONE, "user": "a"}}
    for user in "abc":
        found = logins_of({"hosts": names}).of(TARGET)
        assert found is not None and found.user == user
        names = {name: entry for name, entry in names.items() if entry["user"] != user}


@pytest.mark.parametrize(
    "given_",
    [
        {}, [], None, "secret", {"user": "secret"}, {"password": "secret"}, {"user": "", "password": "secret"},
        {"user": "secret", "password": None}, {"user": "secret", "password": 7}, {"user": "a\r", "password": "secret"},
        {"user": "a", "password": "secret\0"}, {"user": "a", "password": "secret" * 1000}, {"secret": "secret"},
        {"hosts": "secret"}, {"hosts": {"mx": "secret"}}, {"hosts": {7: {"user": "secret", "password": "secret"}}},
        {"hosts": {" ": {"user": "secret", "password": "secret"}}}, {"hosts": {"mx": {"secret": 1}}},
        {"hosts": {"mx": {"user": "secret", "password": "secret"}, "MX.": {"user": "a", "password": "b"}}},
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_without_what_was_given(given_: Any) -> None:
    with pytest.raises(CredentialsError) as caught:
        logins_of(given_)
    assert "secret" not in str(caught.value) and str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["user", "password", "hosts", "mx", "other"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_whatever_is_given_raises_nothing_else(given_: Any) -> None:
    try:
        logins = logins_of(given_)
    except CredentialsError:
        return
    assert isinstance(logins, Logins) and "password" not in repr(logins)
