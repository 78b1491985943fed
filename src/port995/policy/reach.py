# SPDX-License-Identifier: GPL-3.0-or-later
"""Was the port reached, and does its state prove what the intent asks? Silence proves nothing by itself."""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
from collections.abc import Iterable

from ..probe.model import Observation
from ..probe.ranges import count_of
from .finders_word import who
from .model import Intent, Status, fold
from .subject import Endpoint, Finding, seen_from

OPEN, CLOSED, FILTERED, UNTOLD = "open", "closed", "filtered", "untold"

WITNESSES = 2
"""Distinct source addresses that must agree before a port is called shut: a ban shows one of them the same picture."""


@dataclasses.dataclass(frozen=True)
class PortSeen:
    """The port as one observation shows it."""

    state: str
    """``open``, ``closed``, ``filtered``, or ``untold``: this observation can't say."""

    reason: str
    """Nmap's reason, or why it can't say (``no-route``, ``not-found``)."""

    status: Status
    """For ``untold``: error when input or tool failed, else not_tested."""

    words: str
    """State, reason and where it was seen from."""


def port_seen(seen: Observation) -> PortSeen:
    """The port's state in one observation."""
    where = seen_from(seen) + _how_many(seen)
    tcp = seen.tcp
    if tcp is not None and tcp.state in (OPEN, CLOSED, FILTERED):
        return PortSeen(tcp.state, tcp.reason, Status.PASS, f"{tcp.state} ({tcp.reason}) {where}")
    outcome = seen.resolution.outcome
    if seen.not_tested is not None:
        status = Status.ERROR if seen.not_tested == "internal-error" else Status.NOT_TESTED
        detail = f": {_line(seen.detail)}" if seen.detail else ""
        return PortSeen(UNTOLD, seen.not_tested, status, f"not tried ({seen.not_tested}) {where}{detail}")
    if tcp is not None:
        status = Status.ERROR if tcp.reason == "internal-error" else Status.NOT_TESTED
        return PortSeen(UNTOLD, tcp.reason or "unknown", status, f"state {tcp.state} ({tcp.reason}) {where}")
    if outcome in ("not-found", "timeout", "failed"):
        reason = outcome if outcome == "not-found" else f"resolution-{outcome}"
        detail = f": {_line(seen.resolution.detail)}" if seen.resolution.detail else ""
        return PortSeen(UNTOLD, reason, Status.ERROR, f"the name did not resolve ({outcome}) {where}{detail}")
    return PortSeen(UNTOLD, "no-connect", Status.NOT_TESTED, f"no connect is recorded {where}")


def witnesses(observations: Iterable[Observation]) -> frozenset[str]:
    """Distinct source addresses, in normal form. An observation that does not know its own is no witness."""
    return frozenset(str(address) for o in observations if (address := _address(o.source_address)) is not None)


def same_source(one: Observation, other: Observation) -> bool:
    """Whether two observations of the same address were made from the same place."""
    if one.vantage.name != other.vantage.name or one.source != other.source:
        return False
    used = _address(one.source_address), _address(other.source_address)
    return None in used or used[0] == used[1]


def later(one: Observation, other: Observation) -> bool:
    """Whether ``one`` began no earlier than ``other`` ended; unreadable times: no."""
    try:
        return _moment(one.started) >= _moment(other.ended)
    except (ValueError, TypeError):
        return False


def closed_by_witnesses(companions: tuple[Observation, ...], sessions: tuple[Observation, ...]) -> str:
    """Whether every observation of port 110 together proves that it is shut.

    :returns: what proves it, in words; empty: it is not proven
    """
    shut = [o for o in companions if port_seen(o).state in (CLOSED, FILTERED)]
    if not companions or len(shut) != len(companions):
        return ""
    sources = witnesses(shut)
    if len(sources) >= WITNESSES:
        alive = all(port_seen(o).state == CLOSED for o in shut) or any(
            port_seen(o).state in (OPEN, CLOSED) for o in sessions
        )
        if alive:
            return f"no answer to {len(sources)} source addresses"
    if all(
        port_seen(o).state == CLOSED
        and any(port_seen(s).state == OPEN and same_source(s, o) and later(s, o) for s in sessions)
        for o in companions
    ):
        return "refused, and the TLS port answered the same source afterwards, so it is no ban"
    return ""


def judge_port(intent: Intent | None, endpoint: Endpoint) -> list[Finding]:
    """Findings on the port's state under an intent; their fold is the verdict.

    :param intent: ``None``: not declared, so there is nothing to hold it against
    """
    findings = [
        _finding(Status.UNREACHABLE, f"{words}: probe it again", "no-observation")
        for words in endpoint.missing_sessions
    ]
    if not endpoint.sessions:
        if not findings:
            findings.append(
                _finding(Status.UNREACHABLE, "no observation in the journal: probe it again", "no-observation")
            )
        return findings
    findings += _against_finders(intent, endpoint)
    if intent is None:
        return [
            *findings,
            _finding(
                Status.NOT_TESTED,
                f"no intent is declared to hold it against: {_all_words(endpoint)}; set pop3s_intent",
                "no-intent",
            ),
        ]
    if intent is Intent.SERVE:
        return findings + [_must_answer(seen, endpoint) for seen in endpoint.sessions]
    if intent is Intent.INTERNAL:
        return findings + _internal(endpoint)
    return findings + _closed(endpoint)


def _against_finders(intent: Intent | None, endpoint: Endpoint) -> list[Finding]:
    """What was found before, held against what was seen: a port that changes between two looks is not known."""
    findings = []
    for told in endpoint.found:
        word = port_seen(told)
        wanted_shut = intent is Intent.CLOSED or (intent is Intent.INTERNAL and told.vantage.side == "outside")
        if word.state == OPEN and wanted_shut and told.service == "pop3s":
            findings.append(
                _finding(
                    Status.FAIL,
                    f"expected closed, {who(told)} found it {word.words}; stop the service or close the firewall",
                    word.reason,
                    word.words,
                )
            )
        mine = endpoint.sessions if told.service == "pop3s" else endpoint.companions
        for seen in mine:
            port = port_seen(seen)
            if UNTOLD in (port.state, word.state) or port.state == word.state or not _alike(told, seen):
                continue
            words = f"port {told.port}: {who(told)} found it {word.words}, and afterwards it was {port.words}"
            findings.append(
                _finding(
                    Status.NOT_TESTED,
                    f"{words}: they do not agree; look for a ban or a limit on connections, and look again",
                    "disagreement",
                    words,
                )
            )
    return findings


def _alike(told: Observation, seen: Observation) -> bool:
    """Whether two looks were made from the same place, as far as is known."""
    return told.vantage.name == seen.vantage.name and (told.source is None or told.source == seen.source)


def _how_many(seen: Observation) -> str:
    return f", {count_of(seen.addresses)} addresses" if seen.addresses else ""


def port_status(intent: Intent | None, endpoint: Endpoint) -> Status:
    """The folded verdict of `judge_port`."""
    return fold(finding.status for finding in judge_port(intent, endpoint))


def _finding(
    status: Status, message: str, reason: str = "", observed: str = "", evidence: tuple[str, ...] = ()
) -> Finding:
    return Finding(status, message, "", observed or message, evidence, reason)


def _must_answer(seen: Observation, endpoint: Endpoint) -> Finding:
    port = port_seen(seen)
    if port.state == OPEN:
        return _finding(Status.PASS, f"open as intended: {port.words}", "", port.words)
    if port.state == CLOSED:
        others = any(port_seen(o).state == OPEN for o in endpoint.sessions)
        advice = (
            "another source was answered: look for a ban or a firewall rule against this one"
            if others
            else "start the service, or open the firewall, or declare another pop3s_intent"
        )
        return _finding(Status.FAIL, f"expected open, is {port.words}; {advice}", port.reason, port.words)
    if port.state == FILTERED:
        return _finding(
            Status.UNREACHABLE,
            f"expected open, no answer: {port.words}; check the route, the firewall and that the host is up",
            port.reason,
            port.words,
        )
    return _finding(port.status, f"expected open, can't tell: {port.words}", port.reason, port.words)


def _internal(endpoint: Endpoint) -> list[Finding]:
    inside = [o for o in endpoint.sessions if o.vantage.side == "inside"]
    outside = [o for o in endpoint.sessions if o.vantage.side == "outside"]
    undeclared = [o for o in endpoint.sessions if o.vantage.side not in ("inside", "outside")]
    findings = [_must_answer(seen, endpoint) for seen in inside]
    if not inside:
        findings.append(
            _finding(
                Status.NOT_TESTED,
                "not looked at from inside: probe it from a vantage declared inside",
                "no-inside-vantage",
            )
        )
    for seen in undeclared:
        findings.append(
            _finding(
                Status.NOT_TESTED,
                f"{port_seen(seen).words}: declare on which side that vantage stands (--side, audit_side,"
                " pop3s_vantage_side)",
                "undeclared-side",
            )
        )
    shut: list[Observation] = []
    for seen in outside:
        port = port_seen(seen)
        if port.state == OPEN:
            findings.append(
                _finding(
                    Status.FAIL,
                    f"expected no answer outside, is {port.words}; close it to that side",
                    port.reason,
                    port.words,
                )
            )
        elif port.state == UNTOLD:
            findings.append(
                _finding(port.status, f"expected no answer outside, can't tell: {port.words}", port.reason, port.words)
            )
        else:
            shut.append(seen)
    sources = witnesses(shut)
    if len(sources) < WITNESSES:
        findings.append(
            _finding(
                Status.NOT_TESTED,
                f"no answer to {len(sources)} outside source addresses, {WITNESSES} are needed: to one a ban looks"
                " the same; probe from another",
                "one-source",
            )
        )
    elif not findings or fold(f.status for f in findings) is Status.PASS:
        findings.append(
            _finding(
                Status.PASS,
                f"answers inside, and not to {len(sources)} source addresses outside: {_all_words(endpoint)}",
            )
        )
    return findings


def _closed(endpoint: Endpoint) -> list[Finding]:
    findings: list[Finding] = []
    shut: list[Observation] = []
    for seen in endpoint.sessions:
        port = port_seen(seen)
        if port.state == OPEN:
            findings.append(
                _finding(
                    Status.FAIL,
                    f"expected closed, is {port.words}; stop the service or close the firewall",
                    port.reason,
                    port.words,
                )
            )
        elif port.state == UNTOLD:
            findings.append(
                _finding(port.status, f"expected closed, can't tell: {port.words}", port.reason, port.words)
            )
        else:
            shut.append(seen)
    if not shut:
        return findings or [_finding(Status.NOT_TESTED, "no observation in the journal")]
    words = "; ".join(port_seen(o).words for o in shut)
    # The host that was looked at from inside, and has this address, is alive and the right one.
    inside = _inside(endpoint)
    alive = inside or any(port_seen(o).state in (OPEN, CLOSED) for o in (*endpoint.sessions, *endpoint.companions))
    sources = witnesses(shut)
    if not alive:
        findings.append(
            _finding(
                Status.UNREACHABLE,
                f"silence alone does not prove it closed: {words}, and nothing shows that the host is alive there;"
                " check that it is up and that the address is its own",
                port_seen(shut[0]).reason,
                words,
            )
        )
    elif sources and inside and not findings:
        findings.append(
            _finding(Status.PASS, f"closed to {len(sources)} source addresses, and {inside}: {words}", "", words)
        )
    elif len(sources) < WITNESSES:
        findings.append(
            _finding(
                Status.NOT_TESTED,
                f"no answer to {len(sources)} known source addresses, {WITNESSES} are needed: to one a ban looks alike"
                f" ({words}); probe again with a second --source or vantage, or look from inside (audit_inside)",
                "one-source",
                words,
            )
        )
    elif not findings:
        findings.append(
            _finding(
                Status.PASS, f"closed to {len(sources)} source addresses, and the host is alive: {words}", "", words
            )
        )
    return findings


def _inside(endpoint: Endpoint) -> str:
    """The host's own word that nothing listens at any port that the endpoint stands for; empty: it does not say so."""
    if endpoint.inside is None:
        return ""
    said = [endpoint.inside.nothing_listens(endpoint.address, target.port) for target in endpoint.targets]
    return said[0] if said and all(said) else ""


def _all_words(endpoint: Endpoint) -> str:
    return "; ".join(port_seen(o).words for o in endpoint.sessions)


def _address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text or "")
    except ValueError:
        return None


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def _line(text: str) -> str:
    return ascii(" ".join(text.split())[:160])[1:-1]
