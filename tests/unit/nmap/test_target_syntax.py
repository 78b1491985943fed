# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets as typed: what Nmap takes is taken, what could be an option, a command or a slip is refused with advice."""

from __future__ import annotations

import ipaddress
import itertools
import random
import shutil
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from port995.nmap.shuffled import shuffled
from port995.nmap.target_syntax import (
    MAX_TARGETS,
    TargetSpace,
    TargetSyntaxError,
    TypedTarget,
    expand,
    expand_one,
    read_list,
)


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
        ("192.0.2-3.1,9/31", [(f"192.0.{c}.{d}", None) for c in (2, 3) for d in (0, 1, 8, 9)]),
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


def listed_by_nmap(words: list[str], *options: str) -> list[str]:
    nmap = shutil.which("nmap")
    if nmap is None:
        pytest.skip("nmap is not installed")
    command = [nmap, "-sL", "-n", *words, *options]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    return [line.split()[-1] for line in listed.splitlines() if line.startswith("Nmap scan report for ")]


def random_words(rng: random.Random, first: str) -> list[str]:
    """Ranges and networks below 10.x, of at most 12288 addresses each and a few hundred as a rule."""

    def octet() -> str:
        low = rng.randrange(250)
        return rng.choice([str(low), f"{low}-{low + rng.randrange(6)}", f"{low},{low // 2}-{low // 2 + 2}"])

    def last() -> str:
        return rng.choice([octet(), octet(), "-3", "252-", "*"])

    return [
        *(f"10.{first}.{octet()}.{last()}" for _n in range(12)),
        *(f"10.{first}.{rng.randrange(256)}.{octet()}/{rng.randint(23, 32)}" for _n in range(12)),
    ]


def test_nmap_itself_expands_to_the_same(tmp_path: Path) -> None:
    words = random_words(random.Random(995), "7")
    excluded = random_words(random.Random(110), "7") + ["10.7.100-200.*"]
    assert sorted(listed_by_nmap(words)) == sorted(target.address for target in expand(words))
    left = [target.address for target in expand(words, excluded)]
    assert 0 < len(left) < len(expand(words))
    (tmp_path / "excluded").write_text("\n".join(excluded) + "\n")
    assert set(listed_by_nmap(words, "--excludefile", str(tmp_path / "excluded"))) == set(left)


@pytest.mark.parametrize(
    "word",
    ["", " ", "-iL", "--script=all", "a b", "a;id", "$(id)", "`id`", "a|b", "a&b", "a>b", "a'b", 'a"b', "a\nb", "a\0b",
     "mail..example", ".example", "-a.example", "a" * 64 + ".example", "a." * 140 + "x", "mail.example.org:0",
     "mail.example.org:65536", "mail.example.org:", "mail.example.org:pop3s", "[192.0.2.1]:995", "[2001:db8::1", "[::1]x",
     "2001:db8:::1", "::1%", "::1%a;b", "192.0.2.256", "192.0.2.9-3", "192.0.2", "192.0.2.0/33", "192.0.2.0/", "01.2.3.4",
     "a.example/24", "münchen.example", "٣.0.2.1", "fe80::%eth0/64", "::1:99999:995:1:1:1:1:1:1"],
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


def test_a_large_network_is_counted_and_walked_through_without_a_list_of_it() -> None:
    tracemalloc.start()
    try:
        space = TargetSpace(["10.0.0.0/8", "2001:db8::/64"], ["10.0.0.0/9", "2001:db8::/65"], limit=2**65)
        assert space.count == 2**24 + 2**64
        spread = list(itertools.islice(space.randomized(b"key"), 200))
        walked = list(itertools.islice(TargetSpace(["10.0.0.0/8"], ["10.0.0.0-9"], limit=2**24), 3))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert [target.address for target in walked] == ["10.0.0.10", "10.0.0.11", "10.0.0.12"]
    assert len({target.address for target in spread}) == 200


@settings(deadline=None)
@given(st.integers(0, 3000), st.binary(max_size=16))
def test_a_random_order_has_every_number_once(bound: int, key: bytes) -> None:
    assert sorted(shuffled(bound, key)) == list(range(bound))


def test_a_random_order_is_another_one_with_another_key() -> None:
    orders = [list(shuffled(1000, key)) for key in (b"one", b"one", b"other")]
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_random_order_has_the_same_targets_and_leaves_out_the_same() -> None:
    space = TargetSpace(["192.0.2.0/28", "mail.example.org:1995", "192.0.2.3"], ["192.0.2.4-7"])
    assert sorted(space.randomized(b"k"), key=str) == sorted(space, key=str)
    assert len(list(space)) == 14


def test_a_name_with_a_prefix_length_is_the_network_of_its_address() -> None:
    space = TargetSpace(["mail.example.org/30:1995"], ["192.0.2.5"], resolver={"mail.example.org": "192.0.2.6"}.get)
    assert [target.name for target in space] == ["192.0.2.4:1995", "192.0.2.6:1995", "192.0.2.7:1995"]
    with pytest.raises(TargetSyntaxError, match="no IPv4 address"):
        TargetSpace(["lost.example.org/30"], resolver=lambda name: None)


def test_a_higher_limit_lets_more_in() -> None:
    assert TargetSpace(["10.0.0.0/15"], limit=2**17).count == 2**17
    with pytest.raises(TargetSyntaxError, match="higher limit"):
        TargetSpace(["10.0.0.0/15"], limit=2**17 - 1)


@pytest.mark.parametrize("address", ["fe80::1%eth0", "fe80::1%eth1", "fe80::1"])
def test_an_exclusion_without_a_zone_holds_in_all_zones(address: str) -> None:
    assert expand([address], ["fe80::1"]) == []
    assert len(expand([address], ["fe80::1%eth0"])) == (address != "fe80::1%eth0")
