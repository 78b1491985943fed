# SPDX-License-Identifier: GPL-3.0-or-later
"""Five hosts, one of each kind, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from port995.lab.lab import Lab

from ...ports import own_base_port
from .dark import dark_port

Hosts = dict[str, dict[str, object]]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The embedded lab, on ports of this folder's own."""
    with Lab(tmp_path_factory.mktemp("lab"), own_base_port()) as running:
        yield running


@pytest.fixture(scope="session")
def dark() -> Iterator[dict[str, object]]:
    """Variables of a host that answers nothing."""
    with dark_port("127.0.96.1") as pop3s, dark_port("127.0.96.1") as pop3:
        yield {"ansible_host": "127.0.96.1", "pop3s_port": pop3s, "pop3_port": pop3, "pop3s_intent": "serve"}


@pytest.fixture(scope="session")
def five(lab: Lab, dark: dict[str, object]) -> Hosts:
    """One good, one bad, one that does not resolve, one dark, and one that refuses, as its owner wants."""

    def server(name: str, address: str, intent: str = "serve") -> dict[str, object]:
        return {
            "ansible_host": address, "pop3s_server_name": f"{name}.lab.port995.example", "pop3s_intent": intent,
            "pop3s_port": lab.base_port + 995, "pop3_port": lab.base_port + 110,
        }  # fmt: skip

    return {
        "good": server("well-served", "127.0.95.1"),
        "bad": server("expired", "127.0.95.2"),
        "unresolvable": {"ansible_host": "nobody.invalid", "pop3s_intent": "serve"},
        "dark": dark,
        "refusing": server("refuses", "127.0.95.7", "closed"),
    }


@pytest.fixture
def lab_good(five: Hosts) -> Hosts:
    """The good host alone; a copy that a test may change."""
    return {"good": dict(five["good"])}


@pytest.fixture(scope="session")
def seen_by_two(lab: Lab) -> dict[str, object]:
    """Extra variables: the lab's CA, and the second source that proves a port closed."""
    return {"audit_ca_file": str(lab.ca_file), "audit_source_addresses": ["127.0.0.1", "127.0.0.2"]}
