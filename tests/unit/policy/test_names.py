# SPDX-License-Identifier: GPL-3.0-or-later
"""RFC 9525, name by name."""

from __future__ import annotations

import ipaddress

import pytest

from port995.policy.names import matching_name, reference_name


def matches(expected, *presented, ips=()):
    found = matching_name(reference_name(expected), presented, [ipaddress.ip_address(ip) for ip in ips])
    return found is not None


@pytest.mark.parametrize(
    ("expected", "presented"),
    [
        ("mail.example.org", "mail.example.org"),
        ("MAIL.example.org", "mail.EXAMPLE.org"),
        ("mail.example.org.", "mail.example.org"),
        ("mail.example.org", "*.example.org"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
    ],
)
def test_name_matches(expected, presented):
    assert matches(expected, presented)


@pytest.mark.parametrize(
    ("expected", "presented"),
    [
        ("mail.example.org", "example.org"),
        ("example.org", "*.example.org"),
        ("a.b.example.org", "*.example.org"),
        ("mail.example.org", "m*.example.org"),
        ("mail.example.org", "mail.*.org"),
        ("mail.example.org", "*"),
        ("example.org", "*.org"),
        ("mail.example.org", "*.*.org"),
        ("mail.example.org", "mail.example.org\x00.evil.example"),
        ("mail.example.org", "mail.example.org."),
        ("mail.example.org", ""),
        ("*.example.org", "*.example.org"),
        ("", ""),
        ("192.0.2.1", "192.0.2.1"),
        ("b\u00fccher.example", "b\u00fccher.example"),
    ],
)
def test_name_does_not_match(expected, presented):
    assert not matches(expected, presented)


def test_ip_addresses_match_by_value():
    assert matches("2001:db8::1", ips=["2001:0db8:0:0::1"])
    assert matches("[2001:db8::1]", ips=["2001:db8::1"])
    assert matches("fe80::1%eth0", ips=["fe80::1"])
    assert not matches("192.0.2.1", ips=["192.0.2.2"])
    assert not matches("192.0.2.1")
