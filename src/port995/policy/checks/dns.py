# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the DNS say of a service what is true of it: SRV records (RFC 6186), TLSA records (RFC 6698, 7671, 7673),
DNSSEC.

All of it is asked only where the run was told to (``--dns``, ``audit_dns``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...dns.model import ANSWERED, ROOT, Lookup, Srv, Tlsa
from ...probe.model import Observation, TlsSession
from ..certificate import CertificateFacts
from ..check import endpoint_check
from ..dns_questions import POP3, POP3S, aliases_of, domains_of, names_of, srv_name, tlsa_name
from ..dns_view import INSECURE, SECURE, DnsView, served
from ..leaf import with_leaves
from ..model import Intent, Severity, Status
from ..session import each_session, not_tested
from ..subject import EndpointSubject, Finding, quoted, seen_from
from ..tlsa import MATCH, MISMATCH, UNTOLD, UNUSABLE, Shown, Verdict, compare

Decide = Callable[[EndpointSubject, DnsView], Sequence[Finding]]

NO_NAMES = "the service has no name that could be asked about: it is known by its address alone, and no domain is given"
RELATIVE = "is no full name, and no search list is gone through: set pop3s_server_name to the name clients use"


def _asked(decide: Decide) -> Callable[[EndpointSubject], Sequence[Finding]]:
    """Ask about an endpoint of a run that asked the DNS."""

    def action(subject: EndpointSubject) -> Sequence[Finding]:
        if subject.dns is None:
            why = "the DNS was not asked: give --dns to the command, or audit_dns to the role"
            return [Finding(Status.NOT_TESTED, why, reason="dns-not-asked")]
        return decide(subject, subject.dns)

    return action


def _domains(subject: EndpointSubject) -> tuple[str, ...]:
    return domains_of(subject.plan, subject.endpoint.targets)


def _names(subject: EndpointSubject) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for target in subject.endpoint.targets for name in names_of(target)))


def _unsettled(words: str) -> Finding:
    return Finding(Status.NOT_TESTED, f"the DNS did not say: {words}", observed=words, reason="dns")


def _relative(name: str) -> Finding:
    return Finding(Status.NOT_TESTED, f"{name} {RELATIVE}", observed=name, reason="dns")


def _evidence(lookup: Lookup) -> tuple[str, ...]:
    records = [*map(_srv_words, lookup.srv), *map(str, lookup.tlsa)]
    return tuple(f"{lookup.name} {lookup.type} {one}" for one in records[:20] or [lookup.outcome])


def _srv_words(record: Srv) -> str:
    return f"{record.priority} {record.weight} {record.port} {record.target}"


def _to(record: Srv) -> str:
    return quoted(f"{record.target}:{record.port}", 260)


def _denies(lookup: Lookup) -> bool:
    """The owner's word that the service is not offered: the root is the only target (RFC 2782, RFC 6186)."""
    return len(lookup.srv) == 1 and lookup.srv[0].target == ROOT


@endpoint_check(
    id="POP3S-DNS-001",
    title="SRV records agree with what is served",
    severity=Severity.MEDIUM,
    categories=("default", "safe", "discovery"),
    rationale="Clients that set themselves up by SRV records go where these lead, or not at all.",
    remediation="Let _pop3s._tcp of the domain name the servers and ports that serve it, or '.' where none does.",
    references=("RFC 6186 section 3", "RFC 8314 section 4.5.2", "RFC 2782"),
    applies="in runs that ask the DNS, where a name or domain of the host has an SRV record, or one leads to it",
)
@_asked
def srv_agrees(subject: EndpointSubject, view: DnsView) -> Sequence[Finding]:
    """Each record of each domain must lead to a service of the run that is meant to answer and does."""
    if not _domains(subject):
        findings = [Finding(Status.NOT_APPLICABLE, NO_NAMES)]
    else:
        findings = [_srv_of(subject, view, domain) for domain in _domains(subject)]
    shut = subject.plan.intent is Intent.CLOSED or _outside(subject, view)
    own = {srv_name(POP3S, domain) for domain in _domains(subject)}
    for name, record in view.pointing_at(subject.endpoint):
        lookup = view.find(name, "SRV")
        if shut and (name not in own or lookup is None):
            findings.append(_leads_here(name, record))
    return findings


def _outside(subject: EndpointSubject, view: DnsView) -> bool:
    return subject.plan.intent is Intent.INTERNAL and view.plan.side == "outside"


def _leads_here(name: str, record: Srv) -> Finding:
    return Finding(
        Status.FAIL, f"{name} leads clients to {_to(record)}, which must not answer them; take the record away, or let"
        " it say '.'", "no SRV record that leads here", _srv_words(record), (f"{name} SRV {_srv_words(record)}",),
        reason="srv",
    )  # fmt: skip


def _srv_of(subject: EndpointSubject, view: DnsView, domain: str) -> Finding:
    """What the record of one domain says of the endpoint."""
    name = srv_name(POP3S, domain)
    if "." not in domain:
        return _relative(domain)
    lookup = view.find(name, "SRV")
    why = view.open_question(name, "SRV")
    if lookup is None or why:
        return _unsettled(why)
    said = view.state_words(lookup)
    intent = subject.plan.intent
    if lookup.outcome != ANSWERED:
        return Finding(Status.NOT_APPLICABLE, f"{name} does not exist ({lookup.outcome}; {said})", "", lookup.outcome)
    if intent is None:
        return Finding(Status.NOT_TESTED, f"{name} is published, and no intent to hold it against: set pop3s_intent")
    if intent is Intent.INTERNAL and view.plan.side not in ("inside", "outside"):
        return Finding(
            Status.NOT_TESTED, f"{name} is published, and it is not declared on which side the resolver was asked: set"
            " --side or audit_side", observed=_words_of(lookup), evidence=_evidence(lookup), reason="undeclared-side",
        )  # fmt: skip
    shut = intent is Intent.CLOSED or _outside(subject, view)
    expected = "no service, or the target '.'" if shut else "services of this run that are meant to answer, and do"
    if _denies(lookup):
        words = f"{name} says that POP3S is not offered ({said})"
        if shut:
            return Finding(Status.PASS, f"{words}, as intended", expected, "'.'", _evidence(lookup))
        return Finding(
            Status.FAIL,
            f"{words}, and it is meant to be; publish the server",
            expected,
            "'.'",
            _evidence(lookup),
            "srv",
        )
    verdicts = [_record(subject, view, record, shut) for record in lookup.srv]
    for status in (Status.FAIL, Status.NOT_TESTED):
        told = [words for found, words in verdicts if found is status]
        if told:
            more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
            return Finding(
                status, f"{name}: {told[0]}{more} ({said})", expected, _words_of(lookup), _evidence(lookup), "srv"
            )
    if shut:
        return Finding(
            Status.NOT_APPLICABLE, f"{name} leads elsewhere ({said})", expected, _words_of(lookup), _evidence(lookup)
        )
    return Finding(
        Status.PASS, f"{name} leads to {len(lookup.srv)} services that answer ({said})", expected, _words_of(lookup),
        _evidence(lookup),
    )  # fmt: skip


def _words_of(lookup: Lookup) -> str:
    return ", ".join(_to(record) for record in lookup.srv[:8])


def _record(subject: EndpointSubject, view: DnsView, record: Srv, shut: bool) -> tuple[Status, str]:
    """One record of several: what it leads to, for a host that is meant to answer (or not, where ``shut``)."""
    if record.target == ROOT:
        return Status.FAIL, "names a server and says at the same time that there is none ('.')"
    led = view.leads_to(record)
    to = f"leads to {_to(record)}"
    if shut:
        if any(endpoint.label == subject.endpoint.label for _host, endpoint in led.endpoints):
            return Status.FAIL, f"{to}, which must not answer; take the record away, or let it say '.'"
        if not led.settled:
            return Status.NOT_TESTED, f"{to}, of which no address is known"
        return Status.PASS, to
    if not led.endpoints:
        if led.host_known:
            return Status.FAIL, f"{to}, and that host is not declared to serve that port; correct one of the two"
        if led.nowhere:
            return Status.FAIL, f"{to}, a host that has no address; correct the record"
        return Status.NOT_TESTED, f"{to}, which this run does not look at: add it to the inventory or the targets"
    if any(host.intent is Intent.CLOSED for host, _endpoint in led.endpoints):
        return Status.FAIL, f"{to}, which is declared closed; correct one of the two"
    states = {served(endpoint) for _host, endpoint in led.endpoints}
    if "closed" in states:
        return Status.FAIL, f"{to}, where connections are refused; start the service, or correct the record"
    if "" in states:
        return Status.NOT_TESTED, f"{to}, which gave no answer to say whether it serves"
    return Status.PASS, to


@endpoint_check(
    id="POP3S-DNS-002",
    title="Clear-text POP3 is not published without POP3S",
    severity=Severity.INFO,
    categories=("default", "safe", "discovery"),
    rationale="Clients that find _pop3._tcp alone begin in clear text, where an attacker can keep them.",
    remediation="Publish _pop3s._tcp beside it, or let _pop3._tcp say '.'.",
    references=("RFC 8314 section 4.5.2", "RFC 6186 section 3.3"),
    applies="in runs that ask the DNS, where _pop3._tcp is published for a name or domain of the host",
)
@_asked
def clear_text_is_not_alone(subject: EndpointSubject, view: DnsView) -> Sequence[Finding]:
    """Per domain."""
    findings = [_clear_text_of(view, domain) for domain in _domains(subject)]
    return findings or [Finding(Status.NOT_APPLICABLE, NO_NAMES)]


def _clear_text_of(view: DnsView, domain: str) -> Finding:
    if "." not in domain:
        return _relative(domain)
    clear, secure = srv_name(POP3, domain), srv_name(POP3S, domain)
    lookup = view.find(clear, "SRV")
    why = view.open_question(clear, "SRV")
    if lookup is None or why:
        return _unsettled(why)
    said = view.state_words(lookup)
    if lookup.outcome != ANSWERED:
        return Finding(Status.NOT_APPLICABLE, f"{clear} does not exist ({lookup.outcome}; {said})", "", lookup.outcome)
    expected = f"{secure} beside it, or the target '.'"
    if _denies(lookup):
        return Finding(Status.PASS, f"{clear} says that it is not offered ({said})", expected, "'.'", _evidence(lookup))
    beside = view.find(secure, "SRV")
    why = view.open_question(secure, "SRV")
    if beside is None or why:
        return _unsettled(why)
    if beside.outcome == ANSWERED and any(record.target != ROOT for record in beside.srv):
        return Finding(Status.PASS, f"{secure} is published beside {clear} ({said})", expected, _words_of(beside))
    return Finding(
        Status.FAIL, f"{clear} is published, and {secure} is not ({beside.outcome}; {view.state_words(beside)})",
        expected, _words_of(lookup), _evidence(lookup), "srv",
    )  # fmt: skip


@endpoint_check(
    id="POP3S-DNS-003",
    title="TLSA records stand for the certificate that is shown",
    severity=Severity.HIGH,
    categories=("default", "safe", "discovery"),
    rationale="Clients that hold to TLSA records (DANE) refuse a server whose certificate is not in them.",
    remediation="Publish the record of the new certificate before it is shown; take the old one away a while after.",
    references=("RFC 6698 section 2", "RFC 7671", "RFC 7673", "RFC 8314 section 4.5.4"),
    applies="in runs that ask the DNS, where a name of a service that is not shut as intended has TLSA records",
)
@_asked
def tlsa_matches(subject: EndpointSubject, view: DnsView) -> Sequence[Finding]:
    """Each name that has records must have one that stands for every certificate that was shown."""
    if not _names(subject):
        return [Finding(Status.NOT_APPLICABLE, "the service is known by its address alone, and records stand at names")]
    findings: list[Finding] = []
    for name, host, port in _places(subject, view):
        lookup = view.find(tlsa_name(host, port), "TLSA")
        why = _relative(host).message if "." not in host else view.open_question(tlsa_name(host, port), "TLSA")
        if lookup is None or why:
            findings.append(_unsettled(why))
        elif lookup.outcome != ANSWERED:
            words = f"{lookup.name} has no TLSA record ({lookup.outcome}; {view.state_words(lookup)})"
            findings.append(Finding(Status.NOT_APPLICABLE, words, "", lookup.outcome))
        else:
            findings += _held_against(subject, view, lookup, tuple(dict.fromkeys((name, host))))
    return [*findings, *(_unsettled(why) for name in _names(subject) if (why := _alias_unknown(view, name)))]


def _places(subject: EndpointSubject, view: DnsView) -> list[tuple[str, str, int]]:
    """(name that clients know, host whose record it is, port): the names themselves, what they are aliases of (RFC 7671
    section 7), and the hosts of SRV records that lead here (RFC 7673 section 3)."""
    places: list[tuple[str, str, int]] = []
    for target in subject.endpoint.targets:
        for name in names_of(target):
            places.append((name, name, target.port))
            places += [(name, alias, target.port) for alias in aliases_of(view.find(name, "A"))]
    places += [(record.target, record.target, record.port) for _name, record in view.pointing_at(subject.endpoint)]
    known = {(host, port): (name, host, port) for name, host, port in reversed(places)}
    return list(reversed(known.values()))


def _alias_unknown(view: DnsView, name: str) -> str:
    return view.open_question(name, "A") if "." in name else ""


def _held_against(subject: EndpointSubject, view: DnsView, lookup: Lookup, names: tuple[str, ...]) -> Sequence[Finding]:
    """Hold the records of one place against what was shown."""

    def look(asked: EndpointSubject, seen: Observation, tls: TlsSession, leaf: CertificateFacts) -> Finding:
        # Of a leaf that only hellos were shown, the rest of the chain is not known.
        whole = tls is seen.tls and tls.chain_source == "handshake"
        shown = Shown(tls.certificates, whole, names)
        verdicts = [(record, compare(record, shown, asked.trust)) for record in lookup.tlsa]
        return _judged(view, lookup, verdicts, seen, leaf)

    return each_session(with_leaves(look))(subject)


def _judged(
    view: DnsView, lookup: Lookup, verdicts: list[tuple[Tlsa, Verdict]], seen: Observation, leaf: CertificateFacts
) -> Finding:
    said = view.state_words(lookup)
    expected = f"a certificate that a record of {lookup.name} stands for"
    evidence = (*(f"{lookup.name} TLSA {record}: {verdict.why}" for record, verdict in verdicts), *leaf.evidence)
    matches = [verdict.why for _record, verdict in verdicts if verdict.word == MATCH]
    unusable = sum(verdict.word == UNUSABLE for _record, verdict in verdicts)
    note = f"; {unusable} of {len(verdicts)} records can't be used" if unusable and unusable < len(verdicts) else ""
    if matches:
        if view.state(lookup) == SECURE:
            return Finding(
                Status.PASS,
                f"{lookup.name}: {matches[0]} ({said}){note} {seen_from(seen)}",
                expected,
                matches[0],
                evidence,
            )
        return Finding(
            Status.NOT_TESTED, f"{lookup.name}: {matches[0]}, but DNSSEC is not proven: {said}{note} {seen_from(seen)}",
            expected, matches[0], evidence, "dnssec",
        )  # fmt: skip
    untold = [verdict.why for _record, verdict in verdicts if verdict.word == UNTOLD]
    if untold:
        return not_tested(seen, f"{lookup.name}: {untold[0]} ({said}){note}")
    wrong = [verdict.why for _record, verdict in verdicts if verdict.word == MISMATCH]
    what = wrong[0] if wrong else f"no record can be used: {verdicts[0][1].why}"
    if lookup.authenticated:
        return Finding(
            Status.FAIL, f"{lookup.name}: {what} ({said}){note} {seen_from(seen)}; clients that hold to it are refused",
            expected, what, evidence, "tlsa",
        )  # fmt: skip
    return Finding(
        Status.NOT_TESTED, f"{lookup.name}: {what}, and DNSSEC is not proven, so that no client may have to hold to it:"
        f" {said}{note} {seen_from(seen)}", expected, what, evidence, "dnssec",
    )  # fmt: skip


@endpoint_check(
    id="POP3S-DNS-004",
    title="DNSSEC authenticates what the DNS says of the service",
    severity=Severity.INFO,
    categories=("default", "safe", "discovery"),
    rationale="Without DNSSEC whoever answers decides where clients go, and TLSA records are worth nothing.",
    remediation="Sign the zone, or ask a resolver that validates, best one on this machine.",
    references=("RFC 8314 section 4.5.3", "RFC 4035 section 3.2.3", "RFC 6698 appendix A.3"),
    applies="in runs that ask the DNS, where the service has a name or its host a domain",
)
@_asked
def dnssec(subject: EndpointSubject, view: DnsView) -> Sequence[Finding]:
    """The AD bit of the resolver that was asked, and whether that one is to be believed."""
    asked = [(srv_name(POP3S, domain), "SRV") for domain in _domains(subject)]
    asked += [(tlsa_name(host, port), "TLSA") for _name, host, port in _places(subject, view)]
    findings = [_authenticated(view, name, type_) for name, type_ in asked]
    return findings or [Finding(Status.NOT_APPLICABLE, NO_NAMES)]


def _authenticated(view: DnsView, name: str, type_: str) -> Finding:
    lookup = view.find(name, type_)
    why = view.open_question(name, type_)
    if lookup is None or why:
        return _unsettled(why)
    expected = "answers that a resolver that is believed has authenticated"
    words, state = view.state_words(lookup), view.state(lookup)
    message = f"{name} {type_}: {state}, {words}"
    evidence = (f"{name} {type_} {lookup.outcome}: {words}",)
    if state == SECURE:
        return Finding(Status.PASS, message, expected, words, evidence)
    if state == INSECURE:
        return Finding(Status.FAIL, message, expected, words, evidence, "dnssec")
    return Finding(Status.NOT_TESTED, message, expected, words, evidence, "dnssec")
