# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that several hosts share: what one of them gives away, all of them have lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..check import KEYS, VERSIONS, fleet_check
from ..model import Severity, Status
from ..subject import Finding, FleetEndpoint, FleetSubject

SHOWN = 5
"""Endpoints named in a message; the evidence names `LISTED`."""

LISTED = 50
QUIET = (Status.PASS, Status.NOT_APPLICABLE)


@fleet_check(
    id="POP3S-FLT-002",
    title="Each host has a key of its own",
    severity=Severity.INFO,
    categories=("default", "safe", "discovery"),
    rationale="A key that is stolen from one host is stolen from all that have it, and has to be replaced on each.",
    remediation="Make a key on each host and have it certified; nodes behind one name may share theirs.",
    references=("NIST SP 800-57 part 1 r5 section 5.2", "RFC 9325 section 7.6"),
    applies="to runs with at least two hosts that serve",
)
def own_keys(subject: FleetSubject) -> Sequence[Finding]:
    """Told, no fault by itself. Nodes with the same server name are one service, and so are services of one host."""
    expected = "no key on two hosts with different names"
    serving = [one for one in subject.endpoints if one.keys is not Status.NOT_APPLICABLE]
    findings = []
    for key, sharers in sorted(_by_key(serving).items()):
        if len({one.host for one in sharers}) > 1 and len({one.name for one in sharers}) > 1:
            hosts = sorted({one.host for one in sharers})
            words = f"one key is on {len(hosts)} hosts: {_listed(hosts)}"
            evidence = (f"key sha256 {key}", *(_place(one) for one in sharers[:LISTED]))
            findings.append(Finding(Status.FAIL, f"expected {expected}, {words}", expected, words, evidence))
    unknown = [one for one in serving if one.keys is not Status.PASS]
    count = len({one.host for one in serving})
    if count < 2 and not unknown:
        return [Finding(Status.NOT_APPLICABLE, f"{count} hosts serve, so none can share a key{_left_out(subject)}")]
    if unknown:
        findings.append(
            Finding(Status.NOT_TESTED, f"the keys of {len(unknown)} services were not seen: {_places(unknown)}")
        )
    return findings or [
        Finding(Status.PASS, f"no key of {count} hosts is on another one{_left_out(subject)}", expected, "none")
    ]


@fleet_check(
    id="POP3S-FLT-003",
    title="No key is given away by SSL 2.0 on another host",
    severity=Severity.CRITICAL,
    categories=("default", "safe", "vuln"),
    rationale="A server that speaks SSL 2.0 opens the sessions of every other with the same RSA key (DROWN).",
    remediation="Switch SSL 2.0 off where it is spoken, and give every host that shared its key a new one.",
    references=("CVE-2016-0800 (DROWN)", "RFC 6176"),
    applies="to runs in which an RSA key was seen, or may be there unseen",
    asks=(VERSIONS, KEYS),
)
def drown(subject: FleetSubject) -> Sequence[Finding]:
    """Who speaks SSL 2.0 is told by POP3S-VER-001; here, who else is hurt by it."""
    expected = "no RSA key that is also on a host with SSL 2.0"
    serving = [one for one in subject.endpoints if one.ssl_2 is not Status.NOT_APPLICABLE]
    unknown = [one for one in serving if one.keys is not Status.PASS or not one.rsa_settled]
    by_key = _by_key(serving, "RSA")
    if not serving:
        return [Finding(Status.NOT_APPLICABLE, f"no service answers where one could be{_left_out(subject)}")]
    if not by_key and not unknown:
        return [Finding(Status.NOT_APPLICABLE, f"no service has an RSA key{_left_out(subject)}")]
    risky = [one for one in serving if one.ssl_2 not in QUIET]
    if not risky:
        words = f"none of {len(serving)} services speaks SSL 2.0{_left_out(subject)}"
        return [Finding(Status.PASS, words, expected, "none")]
    findings = [_shared(key, sharers) for key, sharers in sorted(by_key.items())]
    if unknown:
        # One of them may be the other end of any pair.
        words = f"{len(risky)} services speak SSL 2.0 or may do so ({_places(risky)})"
        unseen = f"the keys of {len(unknown)} were not seen ({_places(unknown)})"
        findings.append(Finding(Status.NOT_TESTED, f"{words}, and {unseen}", expected))
    return [one for one in findings if one is not None] or [
        Finding(
            Status.PASS, f"no key of the {len(risky)} services that speak SSL 2.0, or may do so, is on another service",
            expected, "none",
        )  # fmt: skip
    ]


def _shared(key: str, sharers: Sequence[FleetEndpoint]) -> Finding | None:
    """What SSL 2.0 does to those who share one RSA key; ``None``: nothing."""
    expected = "no RSA key that is also on a host with SSL 2.0"
    speaking = [one for one in sharers if one.ssl_2 is Status.FAIL]
    hurt = [one for one in sharers if one.ssl_2 is not Status.FAIL]
    evidence = (
        f"key sha256 {key}",
        *(f"SSL 2.0 {one.ssl_2.value}: {_place(one)}" for one in (*speaking, *hurt)[:LISTED]),
    )
    if speaking and hurt:
        words = f"{_places(hurt)} shares its RSA key with {_places(speaking)}, which speaks SSL 2.0"
        return Finding(Status.FAIL, f"{words}; switch it off there and replace the key", expected, words, evidence)
    undetermined = [one for one in hurt if one.ssl_2 not in QUIET]
    if undetermined and len(hurt) > 1:
        words = f"whether {_places(undetermined)} speaks SSL 2.0 is not settled, and others have its RSA key"
        rest = [one for one in hurt if one is not undetermined[0]]
        return Finding(Status.NOT_TESTED, f"{words}: {_places(rest)}", expected, words, evidence)
    return None


def _by_key(endpoints: Iterable[FleetEndpoint], key_type: str = "") -> dict[str, list[FleetEndpoint]]:
    """Endpoints by the key they have.

    :param key_type: keys of this type only; empty: all
    """
    found: dict[str, list[FleetEndpoint]] = {}
    for endpoint in endpoints:
        for key in {leaf.key_sha256 for leaf in endpoint.leaves if key_type in ("", leaf.key_type)} - {""}:
            found.setdefault(key, []).append(endpoint)
    return found


def _place(endpoint: FleetEndpoint) -> str:
    return f"{endpoint.host} {endpoint.label}"


def _places(endpoints: Sequence[FleetEndpoint]) -> str:
    return _listed([_place(one) for one in endpoints])


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more


def _left_out(subject: FleetSubject) -> str:
    return f" ({subject.excluded} hosts were left out of the run)" if subject.excluded else ""
