# SPDX-License-Identifier: GPL-3.0-or-later
"""Options: what makes no sense is refused before anything is sent, with the option's name and what would do."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from port995.probe.model import Target
from port995.probe.options import OptionsError, ScanOptions
from tests.hostile import behaviours
from tests.hostile.server import Server

from .seeing import look, tls_target

TIMES = ["resolve_timeout", "connect_timeout", "tls_timeout", "pop3_timeout", "endpoint_timeout", "deadline"]


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"families": "both", "depth": "port", "concurrency": 1, "deadline": 0.001},
        {"concurrency": 10000, "connect_timeout": 1},
        {"source_addresses": ("127.0.0.1", "127.0.0.2", "::1")},
    ],
)
def test_what_makes_sense_is_taken(good: dict[str, Any]) -> None:
    ScanOptions(**good).check()


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("value", [0, -1, -0.001, float("nan"), float("inf"), True, "5", [5]])
def test_a_time_that_is_none_is_refused(name: str, value: Any) -> None:
    with pytest.raises(OptionsError, match=f"{name} is a number of seconds above 0"):
        ScanOptions(**{name: value}).check()


@pytest.mark.parametrize("name", [name for name in TIMES if name != "deadline"])
def test_only_the_deadline_may_be_left_out(name: str) -> None:
    ScanOptions(deadline=None).check()
    with pytest.raises(OptionsError, match=name):
        ScanOptions(**{name: None}).check()  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, 10001, True, 2.5, "10", None])
def test_a_concurrency_that_is_no_number_in_its_range_is_refused(value: Any) -> None:
    with pytest.raises(OptionsError, match="concurrency is from 1 to 10000"):
        ScanOptions(concurrency=value).check()


@pytest.mark.parametrize("value", ["", "5", "ipv4", "AUTO", None, 4])
def test_families_that_nobody_knows_are_refused(value: Any) -> None:
    with pytest.raises(OptionsError, match="families is one of auto, 4, 6, both"):
        ScanOptions(families=value).check()


@pytest.mark.parametrize("value", ["", "deeper", "Port", None])
def test_a_depth_that_nobody_knows_is_refused(value: Any) -> None:
    with pytest.raises(OptionsError, match="depth is one of port, session"):
        ScanOptions(depth=value).check()


@pytest.mark.parametrize("address", ["mail.example.org", "", "127.0.0", "[::1]"])
def test_a_source_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(OptionsError, match="no IP address"):
        ScanOptions(source_addresses=(address,)).check()


@pytest.mark.parametrize("address", ["192.0.2.99", "2001:db8::99", "fe80::1%no-such-device"])
def test_a_source_that_is_not_ours_is_refused_with_advice(address: str) -> None:
    with pytest.raises(OptionsError, match="can't be used on this machine.*give one of its own"):
        ScanOptions(source_addresses=("127.0.0.1", address)).check()


def test_a_source_given_twice_is_refused() -> None:
    """Two witnesses that are one would prove a port shut."""
    with pytest.raises(OptionsError, match="given twice"):
        ScanOptions(source_addresses=("127.0.0.1", "127.0.0.1")).check()


@pytest.mark.parametrize("same", [("::1", "0:0:0:0:0:0:0:1"), ("::1", "::0001")])
def test_a_source_given_twice_in_two_spellings_is_refused(same: tuple[str, str]) -> None:
    with pytest.raises(OptionsError, match="given twice"):
        ScanOptions(source_addresses=same).check()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"port": 0}, "a port is from 1 to 65535"),
        ({"port": 65536}, "a port is from 1 to 65535"),
        ({"port": -995}, "a port is from 1 to 65535"),
        ({"pop3_port": 0}, "a port is from 1 to 65535"),
        ({"proxy_protocol": "v3"}, "proxy_protocol is v1 or v2"),
        ({"proxy_protocol": ""}, "proxy_protocol is v1 or v2"),
    ],
)
def test_one_bad_target_stops_a_scan_before_it_sends(change: dict[str, Any], message: str) -> None:
    with Server(behaviours.silence) as server:
        good = tls_target(server.port)
        bad: Target = dataclasses.replace(good, address="127.0.0.2", **change)
        with pytest.raises(OptionsError, match=message) as caught:
            look([good, bad])
    assert "127.0.0.2" in str(caught.value)
    assert server.accepted == 0


def test_bad_options_stop_a_scan_before_it_sends() -> None:
    with Server(behaviours.silence) as server:
        with pytest.raises(OptionsError):
            look(tls_target(server.port), tls_timeout=0)
    assert server.accepted == 0
