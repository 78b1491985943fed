# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a run asks, and who is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from port995.dns.resolvers import ResolverError, plan_of, split


@pytest.mark.parametrize(
    ("named", "server", "trusted"),
    [
        ("127.0.0.1", "127.0.0.1:53", True),
        ("127.0.0.53:5353", "127.0.0.53:5353", True),
        ("::1", "[::1]:53", True),
        ("[::1]:5353", "[::1]:5353", True),
        ("192.0.2.53", "192.0.2.53:53", False),
        ("192.0.2.53:5353", "192.0.2.53:5353", False),
        ("[2001:db8::53]", "[2001:db8::53]:53", False),
        ("2001:db8::53", "[2001:db8::53]:53", False),
    ],
)
def test_a_named_resolver_is_believed_only_on_this_machine(named: str, server: str, trusted: bool) -> None:
    plan = plan_of(named, side="inside", timeout=3)
    assert (plan.servers, plan.source, plan.trusted, plan.side, plan.timeout) == (
        (server,), "--resolver", trusted, "inside", 3,
    )  # fmt: skip
    assert plan_of(named, trust_ad=True).trusted
    address, port = split(server)
    assert f"[{address}]:{port}" == server or f"{address}:{port}" == server


@pytest.mark.parametrize(
    "named", ["resolver.example", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "[::1", "[::1]x", ":53", "1.2.3:53"]
)
def test_what_is_no_address_is_refused(named: str) -> None:
    with pytest.raises(ResolverError, match="expected an IP address"):
        plan_of(named)


@pytest.mark.parametrize(
    ("text", "servers", "trusted"),
    [
        ("nameserver 127.0.0.53\noptions edns0 trust-ad\n", ("127.0.0.53:53",), True),
        ("nameserver 192.0.2.1\n", ("192.0.2.1:53",), False),
        ("nameserver 192.0.2.1\noptions edns0 trust-ad\n", ("192.0.2.1:53",), True),
        ("# nameserver 192.0.2.9\nnameserver\nnameserver x\nnameserver ::1\n", ("[::1]:53",), True),
        ("nameserver 127.0.0.1\nnameserver 192.0.2.1\n", ("127.0.0.1:53", "192.0.2.1:53"), False),
        ("".join(f"nameserver 192.0.2.{n}\n" for n in range(9)), tuple(f"192.0.2.{n}:53" for n in range(3)), False),
    ],
)
def test_the_systems_resolvers_are_read_as_the_c_library_reads_them(
    text: str, servers: tuple[str, ...], trusted: bool, tmp_path: Path
) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    plan = plan_of(None, resolv_conf=path)
    assert (plan.servers, plan.trusted, plan.source) == (servers, trusted, str(path))


def test_a_system_without_resolvers_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("empty", "none"):
        with pytest.raises(ResolverError, match="name a resolver"):
            plan_of("", resolv_conf=tmp_path / name)
