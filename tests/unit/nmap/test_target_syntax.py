# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets as typed: what Nmap takes is taken, what could be an option, a command or a slip is refused with advice."""

from __future__ import annotations

import ipaddress
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port995.nmap.target_syntax import MAX_TARGETS, TargetSyntaxError, TypedTarget, expand, expand_one, read_list


def addresses(word: str) -> list[str]:
    return [target.address for target in expand_one(word)]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("mail.example.org", [("mail.example.org", None)]),
        ("mail.example.org.", [("mail.example.org.", None)]),
        ("mail.example.org:1995", [("mail.example.org", 1995)]),
        ("192.0.2.7", [("192.0.2.7", None)]),
        ("192.0.2.7:20995", [("192.0.2.7", 20995)]),
        ("2001:db8::1", [("2001:db8::1", None)]),
        ("[2001:db8::1]:995", [("2001:db8::1", 995)]),
        ("[2001:db8::1]", [("2001:db8::1", None)]),
        ("fe80::1%eth0", [("fe80::1%eth0", None)]),
        ("192.0.2.0/31", [("192.0.2.0", None), ("192.0.2.1", None)]),
        ("192.0.2.1/31:1995", [("192.0.2.0", 1995), ("192.0.2.1", 1995)]),
        ("2001:db8::/127", [("2001:db8::", None), ("2001:db8::1", None)]),
        ("192.0.2-3.1,7", [("192.0.2.1", None), ("192.0.2.7", None), ("192.0.3.1", None), ("192.0.3.7", None)]),
        ("_pop3s.host_name.example", [("_pop3s.host_name.example", None)]),
    ],
)
def test_what_nmap_takes_is_taken(word: str, expected: list[tuple[str, int | None]]) -> None:
    assert [(target.address, target.port) for target in expand_one(word)] == expected


def test_stars_and_open_ranges() -> None:
    assert addresses("192.0.2.*") == [f"192.0.2.{n}" for n in range(256)]
    assert addresses("192.0.2.253-") == ["192.0.2.253", "192.0.2.254", "192.0.2.255"]
    assert addresses("192.0.2.-2") == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize("word", ["192.0.2.1,5-7,250-", "10.0.0-1.9,3", "192.0.2.9/29", "192.0.2.5"])
def test_nmap_itself_expands_to_the_same(word: str) -> None:
    nmap = shutil.which("nmap")
    if nmap is None:
        pytest.skip("nmap is not installed")
    listed = subprocess.run([nmap, "-sL", "-n", word], capture_output=True, text=True, timeout=30, check=True).stdout
    theirs = [line.split()[-1] for line in listed.splitlines() if line.startswith("Nmap scan report for ")]
    assert sorted(theirs) == sorted(addresses(word))


@pytest.mark.parametrize(
    "word",
    ["", " ", "-iL", "--script=all", "a b", "a;id", "$(id)", "`id`", "a|b", "a&b", "a>b", "a'b", 'a"b', "a\nb", "a\0b",
     "mail..example", ".example", "-a.example", "a" * 64 + ".example", "a." * 140 + "x", "mail.example.org:0",
     "mail.example.org:65536", "mail.example.org:", "mail.example.org:pop3s", "[192.0.2.1]:995", "[2001:db8::1", "[::1]x",
     "2001:db8:::1", "::1%", "::1%a;b", "192.0.2.256", "192.0.2.9-3", "192.0.2", "192.0.2.0/33", "192.0.2.0/", "01.2.3.4",
     "192.0.2.1-2/24", "a.example/24", "münchen.example", "٣.0.2.1", "fe80::%eth0/64", "::1:99999:995:1:1:1:1:1:1"],
)  # fmt: skip
def test_what_is_no_target_is_refused_and_says_why(word: str) -> None:
    with pytest.raises(TargetSyntaxError, match="target"):
        expand_one(word)


@pytest.mark.parametrize("word", ["10.0.0.0/8", "*.*.*.*", "2001:db8::/64", "10.0-255.0-255.0-1"])
def test_a_slip_does_not_become_a_scan_of_the_internet(word: str) -> None:
    with pytest.raises(TargetSyntaxError, match=str(MAX_TARGETS)):
        expand_one(word)


def test_the_bound_holds_over_all_targets_together() -> None:
    assert len(expand(["10.0.0.0/16"])) == MAX_TARGETS
    with pytest.raises(TargetSyntaxError, match=str(MAX_TARGETS)):
        expand(["10.0.0.0/16", "192.0.2.1"])


def test_excluded_ones_are_left_out() -> None:
    typed = ["192.0.2.0/29", "mail.example.org", "Spare.example.org", "2001:db8::1", "192.0.2.4:1995"]
    left = expand(typed, ["192.0.2.1-2", "192.0.2.4/30", "spare.EXAMPLE.org", "2001:db8::/64"])
    assert [target.name for target in left] == ["192.0.2.0", "192.0.2.3", "mail.example.org"]


def test_a_bad_exclusion_is_refused_rather_than_ignored() -> None:
    with pytest.raises(TargetSyntaxError):
        expand(["192.0.2.1"], ["192.0.2.0/99"])


def test_lists_have_comments_and_several_targets_in_a_line() -> None:
    assert read_list("# all\n192.0.2.1 192.0.2.2\t::1 # three\r\n\n mail.example.org\n", "f") == [
        "192.0.2.1", "192.0.2.2", "::1", "mail.example.org",
    ]  # fmt: skip
    with pytest.raises(TargetSyntaxError, match="f is no list"):
        read_list("a\0b", "f")


def test_repeated_targets_are_kept_so_that_they_can_be_told() -> None:
    assert expand(["a.example", "a.example"]) == [TypedTarget("a.example", "a.example")] * 2


@given(st.text(max_size=60))
def test_no_text_breaks_it(word: str) -> None:
    try:
        targets = expand_one(word, limit=300)
    except TargetSyntaxError as error:
        assert str(error).isprintable()
        return
    assert targets and all(target.address and not target.address.startswith("-") for target in targets)


@given(st.ip_addresses())
def test_every_address_is_itself(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert addresses(str(address)) == [str(address)]
