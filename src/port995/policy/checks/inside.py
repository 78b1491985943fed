# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host shows from inside, held against its intent and against what the wire shows. A host is a witness of
itself: it can show a fault, and it passes only where the wire does not say otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...probe.host.model import CertificateSeen, DaemonSeen, Listener, PortVerdict
from ...probe.model import Observation
from ...probe.tls.client_hello import VERSION_NAMES
from ..certificate import CertificateFacts
from ..check import KEYS, Parameter, endpoint_check
from ..check import VERSIONS as VERSIONS_ASKED
from ..facts import facts_of
from ..inside_view import PRODUCTS, REPLACED, HostInside, Unseen, process_words, product_of
from ..leaf import with_leaves
from ..model import Intent, Severity, Status
from ..reach import OPEN, UNTOLD, port_seen
from ..session import APPLIES, each_session, not_tested
from ..subject import EndpointSubject, Finding, quoted, seen_from

CATEGORIES = ("default", "safe")
RUNS = "in runs that look at the hosts from inside"
NO_INTENT = "no intent is declared to hold it against: set pop3s_intent"
VERSIONS = tuple(VERSION_NAMES[number] for number in sorted(VERSION_NAMES))

Inside = Callable[[EndpointSubject, HostInside], Sequence[Finding]]


def _looked(action: Inside) -> Callable[[EndpointSubject], Sequence[Finding]]:
    """Ask where the host was looked at from inside; answer where it was not."""

    def ask(subject: EndpointSubject) -> Sequence[Finding]:
        inside = subject.endpoint.inside
        if inside is None:
            return [Finding(Status.NOT_TESTED, "the run did not look from inside: set audit_inside")]
        why = inside.why_not()
        if why is not None:
            return [Finding(why.status, why.words, reason="inside")]
        return action(subject, inside)

    return ask


def _port(subject: EndpointSubject) -> int:
    return subject.endpoint.targets[0].port


def _open(subject: EndpointSubject) -> list[Observation]:
    return [seen for seen in subject.endpoint.sessions if port_seen(seen).state == OPEN]


def _not_seen(why: Unseen) -> Finding:
    return Finding(why.status, f"{why.words}; look with become: true", reason="unseen")


def _listeners_words(listeners: Sequence[Listener]) -> tuple[str, ...]:
    return tuple(
        f"{one.address} port {one.port}: "
        + (", ".join(process_words(process) for process in one.processes[:4]) or "; ".join(one.unseen)[:200])
        for one in listeners
    )


def _own(subject: EndpointSubject, inside: HostInside) -> Finding | None:
    address = subject.endpoint.address
    if inside.owns(address):
        return None
    words = f"{address or 'the name'} is none of the host's own addresses, so who answers there is not seen from inside"
    return Finding(Status.NOT_TESTED, words, reason="foreign-address")


def _product(subject: EndpointSubject, inside: HostInside) -> str | Finding:
    """Which product listens where the endpoint is."""
    problem = _own(subject, inside)
    if problem is not None:
        return problem
    listener = inside.listener_at(subject.endpoint.address or "", _port(subject))
    if isinstance(listener, Unseen):
        return _not_seen(listener)
    if listener is None:
        return Finding(Status.NOT_TESTED, "no listener is seen from inside where the port answers (see POP3S-HOST-002)")
    # systemd may hold a daemon's socket beside it.
    products = {product_of(process) for process in listener.processes} - {"systemd"}
    if len(products) != 1 or products == {""}:
        words = "; ".join(listener.unseen)[:200] or ", ".join(map(process_words, listener.processes[:4]))
        return Finding(Status.NOT_TESTED, f"which daemon listens is not known: {words}; look with become: true")
    return products.pop()


@endpoint_check(
    id="POP3S-HOST-001",
    title="Nothing listens where the port is meant to be closed",
    severity=Severity.HIGH,
    categories=CATEGORIES,
    rationale="What listens behind a closed firewall answers as soon as the firewall does not stand before it.",
    remediation="Stop the service and keep it from coming back: disable its unit, or take its listener out.",
    references=("CIS Controls v8.1 4.8", "NIST SP 800-53r5 CM-7", "PCI DSS 4.0.1 2.2.4"),
    applies=f"{RUNS}, to hosts whose intent is closed",
)
@_looked
def nothing_listens(subject: EndpointSubject, inside: HostInside) -> Sequence[Finding]:
    """The kernel's table of sockets, the socket units of systemd, and the wire against both."""
    intent, port = subject.plan.intent, _port(subject)
    if intent is None:
        return [Finding(Status.NOT_TESTED, NO_INTENT)]
    if intent is not Intent.CLOSED:
        return [Finding(Status.NOT_APPLICABLE, f"the intent is {intent.value}")]
    expected = "no listener on any address"
    found = inside.listeners(port)
    if isinstance(found, Unseen):
        return [_not_seen(found)]
    if found:
        words = _listeners_words(found)
        return [Finding(Status.FAIL, f"listens: {'; '.join(words[:3])}", expected, f"{len(found)} listeners", words)]
    listening = inside.seen.listening if inside.seen else None
    units = [one for one in (listening.socket_units if listening else ()) if _is_on(one.listen, port)]
    back = [one for one in units if one.state == "active" or one.enabled in ("enabled", "enabled-runtime")]
    if back:
        named = ", ".join(
            f"{quoted(one.name)[1:-1]} ({one.state or 'unseen'}, {one.enabled or 'unseen'})" for one in back
        )
        return [Finding(Status.FAIL, f"nothing listens now, and it comes back with {named}", expected, named)]
    answering = [port_seen(seen).words for seen in _open(subject)]
    if answering:
        words_ = f"the host says that nothing listens, and the port is {answering[0]}: find out who answers there"
        return [Finding(Status.FAIL, words_, expected, answering[0], tuple(answering), "contradiction")]
    states = [port_seen(seen) for seen in subject.endpoint.sessions]
    untold = [*subject.endpoint.missing_sessions, *(one.words for one in states if one.state == UNTOLD)]
    if untold or not states:
        words_ = f"nothing listens, as the host says; the wire does not say it: {(untold or ['no observation'])[0]}"
        return [Finding(Status.NOT_TESTED, words_, expected, "no listener", reason="one-witness")]
    if inside.sent_on(port) is not False:
        words_ = "nothing listens, and whether the host's rules send connections on elsewhere is not known or they do"
        return [Finding(Status.NOT_TESTED, words_, expected, "no listener", _because(inside.verdicts(port)), "unseen")]
    return [Finding(Status.PASS, "nothing listens, over IPv4 and IPv6", expected, "no listener")]


def _is_on(listen: str, port: int) -> bool:
    return listen.rpartition(":")[2] == str(port)


@endpoint_check(
    id="POP3S-HOST-002",
    title="What answers is a listener of the host",
    severity=Severity.MEDIUM,
    categories=CATEGORIES,
    rationale="Where a host knows no listener and its port answers, somebody else answers, or the host does not tell.",
    remediation="Find out who answers: another host with that address, a container, or a process that hides itself.",
    references=("NIST SP 800-53r5 SI-4", "CIS Controls v8.1 4.4"),
    applies=f"{RUNS}, {APPLIES}",
)
@_looked
def answers_and_listens(subject: EndpointSubject, inside: HostInside) -> Sequence[Finding]:
    """The wire against the kernel's table of sockets."""
    return each_session(lambda asked, seen: _listens(asked, inside, seen))(subject)


def _listens(subject: EndpointSubject, inside: HostInside, seen: Observation) -> Finding:
    problem = _own(subject, inside)
    if problem is not None:
        return problem
    port, words = _port(subject), port_seen(seen).words
    expected = "a listener at the address that answers"
    listener = inside.listener_at(subject.endpoint.address or "", port)
    if isinstance(listener, Unseen):
        return _not_seen(listener)
    if listener is not None:
        return Finding(Status.PASS, f"answers, and listens: {_listeners_words([listener])[0]}", expected, words)
    sent_on = inside.sent_on(port)
    if sent_on is False:
        told = f"the host says that nothing listens at {subject.endpoint.address}, and the port is {words}"
        return Finding(Status.FAIL, told, expected, words, (words,), "contradiction")
    told = "the host's rules send connections on" if sent_on else "whether the host's rules send them on is not seen"
    return Finding(
        Status.NOT_TESTED,
        f"nothing listens, and the port is {words}; {told}, so who answers is not known",
        expected,
        words,
        _because(inside.verdicts(port)),
        "sent-on",
    )


@endpoint_check(
    id="POP3S-HOST-003",
    title="The program that listens is a known one",
    severity=Severity.HIGH,
    categories=CATEGORIES,
    rationale="A program that nobody knows on the port of POP3S may be there to collect passwords.",
    remediation="Find out whose program it is. Stop it, or name it in the profile's parameter.",
    references=("CIS Controls v8.1 2.3", "NIST SP 800-53r5 CM-7(5)"),
    applies=f"{RUNS}, where something listens",
    parameters={"known": Parameter(PRODUCTS, "products that may listen", choices=PRODUCTS)},
)
@_looked
def known_program(subject: EndpointSubject, inside: HostInside) -> Sequence[Finding]:
    """By the path of the program, which the process itself can't choose."""
    found = inside.listeners(_port(subject))
    if isinstance(found, Unseen):
        return [_not_seen(found)]
    if not found:
        return [Finding(Status.NOT_APPLICABLE, "nothing listens")]
    return [_program(one, subject.words("known")) for one in found]


def _program(listener: Listener, known: tuple[str, ...]) -> Finding:
    expected = f"one of {', '.join(known)}"
    where = f"{listener.address} port {listener.port}"
    evidence = _listeners_words([listener])
    strange = [one for one in listener.processes if one.executable and product_of(one) not in known]
    if strange:
        words = process_words(strange[0])
        return Finding(Status.FAIL, f"{words} listens at {where}", expected, words, evidence, "unknown-program")
    hidden = [one for one in listener.processes if not one.executable]
    if not listener.processes or hidden or listener.unseen:
        words = "; ".join(listener.unseen) or f"the program of {process_words(hidden[0])} is unseen"
        return Finding(
            Status.NOT_TESTED, f"{where}: {words[:300]}; look with become: true", expected, "", evidence, "unseen"
        )
    products = ", ".join(dict.fromkeys(product_of(one) for one in listener.processes))
    replaced = any((one.executable or "").endswith(REPLACED) for one in listener.processes)
    note = ", whose program was replaced on disk since: restart it" if replaced else ""
    return Finding(Status.PASS, f"{products} listens at {where}{note}", expected, products, evidence)


@endpoint_check(
    id="POP3S-HOST-004",
    title="The wire shows what the configuration says",
    severity=Severity.HIGH,
    categories=CATEGORIES,
    rationale="A daemon that was not told of its new configuration, or that something stands before, is as it was.",
    remediation="Restart or reload the daemon, see in its log whether it took the configuration, and audit again.",
    references=("NIST SP 800-53r5 CM-6", "CIS Controls v8.1 4.1"),
    applies=f"{RUNS}, {APPLIES}",
    asks=(VERSIONS_ASKED,),
)
@_looked
def as_configured(subject: EndpointSubject, inside: HostInside) -> Sequence[Finding]:
    """Ports and the oldest version of TLS, by the daemon's own word, against what was spoken."""
    product = _product(subject, inside)
    daemon = None if isinstance(product, Finding) else inside.daemon(product)
    findings = list(each_session(lambda asked, seen: _held_against(asked, product, daemon, seen))(subject))
    return findings if daemon is None else findings + _clear_text(subject, daemon)


def _held_against(
    subject: EndpointSubject, product: str | Finding, daemon: DaemonSeen | None, seen: Observation
) -> Finding:
    if isinstance(product, Finding):
        return product
    if daemon is None:
        return Finding(Status.NOT_TESTED, f"{product} listens, whose settings are not read")
    if daemon.problem or daemon.pop3s_ports is None:
        words = quoted(daemon.problem, 240) if daemon.problem else "its ports are not known"
        return Finding(Status.NOT_TESTED, f"{product}'s settings are not known: {words}; look with become: true")
    port = _port(subject)
    if port not in (daemon.pop3s_ports or ()):
        told = f"{daemon.daemon} is not set to serve POP3S on port {port}, and it is {port_seen(seen).words}"
        return Finding(Status.FAIL, told, f"no answer on port {port}", port_seen(seen).words, reason="configuration")
    if daemon.minimum not in VERSIONS:
        return not_tested(seen, f"{daemon.daemon}'s settings do not tell its oldest version of TLS")
    expected = f"{daemon.minimum} or newer"
    facts, named = facts_of(seen), {name: number for number, name in VERSION_NAMES.items()}
    spoken = [VERSION_NAMES[one.version] for one in facts.versions]
    if not spoken:
        return not_tested(seen, "no version of TLS was spoken")
    old = [one for one in spoken if VERSIONS.index(one) < VERSIONS.index(daemon.minimum)]
    if old:
        told = f"{daemon.daemon} is set to {expected}, and speaks {', '.join(old)} {seen_from(seen)}"
        return Finding(Status.FAIL, told, expected, ", ".join(spoken), (), "configuration")
    # That an older one is not spoken is proven by its refusal alone.
    unproven = [name for name in VERSIONS[: VERSIONS.index(daemon.minimum)] if named[name] not in facts.unspoken]
    if unproven:
        return not_tested(
            seen, f"{daemon.daemon} is set to {expected}; whether {', '.join(unproven)} is spoken is not known"
        )
    told = (
        f"{daemon.daemon} is set to serve port {port} with {expected}, and speaks {', '.join(spoken)} {seen_from(seen)}"
    )
    return Finding(Status.PASS, told, expected, ", ".join(spoken))


def _clear_text(subject: EndpointSubject, daemon: DaemonSeen) -> list[Finding]:
    """The clear-text port: a fault is told, and nothing is said where there is none (POP3S-CLR-002 looks at it)."""
    if daemon.pop3_ports is None:
        return []
    return [
        Finding(
            Status.FAIL,
            f"{daemon.daemon} is not set to serve POP3 on port {seen.port}, and it is {port_seen(seen).words}",
            f"no answer on port {seen.port}", port_seen(seen).words, reason="configuration",
        )
        for seen in subject.endpoint.companions
        if port_seen(seen).state == OPEN and seen.port not in daemon.pop3_ports
    ]  # fmt: skip


@endpoint_check(
    id="POP3S-HOST-005",
    title="The served certificate is the one on disk",
    severity=Severity.HIGH,
    categories=CATEGORIES,
    rationale="Daemons read a certificate when they start: after a renewal the old one is served until it expires.",
    remediation="Reload the daemon after every renewal, best in the hook of the program that renews.",
    references=("NIST SP 1800-16", "RFC 8314 section 4.5"),
    applies=f"{RUNS}, {APPLIES}",
    asks=(KEYS,),
)
@_looked
def certificate_on_disk(subject: EndpointSubject, inside: HostInside) -> Sequence[Finding]:
    """Fingerprints of what was shown against those in the files that the daemon is set to show."""
    product = _product(subject, inside)
    files = [one for one in (inside.seen.certificates if inside.seen else ()) if one.daemon == product]
    # What was not seen of its certificates may be the one that is served.
    doubts = [words for one in files if not one.sha256 for words in one.unseen]
    doubts += [words for words in (inside.seen.unseen if inside.seen else ()) if words.startswith(f"{product}:")]

    def shown(asked: EndpointSubject, seen: Observation) -> Finding:
        if isinstance(product, Finding):
            return product
        if not files:
            words = "; ".join(doubts) or f"{product} listens, whose certificate is not known from its settings"
            return Finding(Status.NOT_TESTED, f"{quoted(words, 300)[1:-1]}; look with become: true")
        return with_leaves(lambda _asked, one, _tls, leaf: _is_on_disk(one, leaf, files, doubts))(asked, seen)

    return each_session(shown)(subject)


def _is_on_disk(
    seen: Observation, leaf: CertificateFacts, files: Sequence[CertificateSeen], doubts: Sequence[str]
) -> Finding:
    first = {one.sha256[0]: one for one in files if one.sha256}
    expected = "one of " + ", ".join(
        f"{quoted(one.path, 120)[1:-1]} ({digest[:16]}...)" for digest, one in first.items()
    )
    if leaf.sha256 in first:
        path = quoted(first[leaf.sha256].path, 160)[1:-1]
        return Finding(
            Status.PASS, f"what is served is in {path} {seen_from(seen)}", expected, leaf.sha256, leaf.evidence
        )
    if doubts or not first:
        words = quoted(doubts[0] if doubts else "no file was read", 240)[1:-1]
        return not_tested(seen, f"what is served is in no file that was read, and one was not read: {words}")
    changed = "; ".join(
        f"{quoted(one.path, 120)[1:-1]} was written {quoted(one.changed, 32)[1:-1]}" for one in first.values()
    )
    told = f"what is served ({leaf.sha256[:16]}..., until {leaf.not_after}) is not on disk {seen_from(seen)}: {changed}"
    return Finding(Status.FAIL, f"{told}; reload the daemon", expected, leaf.sha256, leaf.evidence, "stale")


@endpoint_check(
    id="POP3S-HOST-006",
    title="The private key is guarded and belongs to the certificate",
    severity=Severity.HIGH,
    categories=CATEGORIES,
    rationale="Whoever can read the key can be the server; one of another certificate stops it at its next start.",
    remediation="Take the rights of others away (chmod o-rwx, g-w), and install certificate and key together.",
    references=("NIST SP 800-57 part 1", "CIS Controls v8.1 3.3", "PCI DSS 4.0.1 3.6.1"),
    applies=f"{RUNS}, where something listens",
)
@_looked
def key_is_guarded(subject: EndpointSubject, inside: HostInside) -> Sequence[Finding]:
    """Mode and owner, and whether the TLS library takes both together. The key itself is in no record."""
    found = inside.listeners(_port(subject))
    if isinstance(found, Unseen):
        return [_not_seen(found)]
    if not found:
        return [Finding(Status.NOT_APPLICABLE, "nothing listens")]
    products = {product_of(process) for one in found for process in one.processes} - {"", "systemd"}
    files = [one for one in (inside.seen.certificates if inside.seen else ()) if one.daemon in products]
    if not files:
        words = "; ".join(words for one in found for words in one.unseen) or "no key is known from the settings"
        return [Finding(Status.NOT_TESTED, f"{words[:300]}; look with become: true", reason="unseen")]
    return [_guarded(one) for one in files]


def _guarded(certificate: CertificateSeen) -> Finding:
    expected = "no rights of others, none of the group to write, and the certificate's key"
    key = certificate.key
    if key is None:
        words = "; ".join(certificate.unseen) or "its key was not looked at"
        return Finding(
            Status.NOT_TESTED, f"{quoted(words, 300)[1:-1]}; look with become: true", expected, reason="unseen"
        )
    path = quoted(key.path, 160)[1:-1]
    mode = int(key.mode, 8)
    observed = f"{path} has mode {key.mode}, owner {key.uid}, group {key.gid}"
    if mode & 0o007 or mode & 0o020:
        return Finding(Status.FAIL, f"{observed}: others can read or change it", expected, observed, reason="mode")
    if key.matches is False:
        told = f"{path} is not the key of {quoted(certificate.path, 160)[1:-1]}"
        return Finding(Status.FAIL, told, expected, told, reason="key-mismatch")
    if key.matches is None:
        told = f"whether {path} is the certificate's is not known: {quoted(key.unseen, 200)}"
        return Finding(Status.NOT_TESTED, told, expected, observed, reason="unseen")
    return Finding(Status.PASS, f"{observed}, and is the certificate's", expected, observed)


@endpoint_check(
    id="POP3S-HOST-007",
    title="The host's own firewall is as intended",
    severity=Severity.MEDIUM,
    categories=CATEGORIES,
    rationale="Without a rule of its own the port is open as soon as something listens, or a filter before it fails.",
    remediation="Close or restrict the port, for instance with the module port995.pop3s.pop3s_firewall.",
    references=("CIS Controls v8.1 4.4", "PCI DSS 4.0.1 1.2.5, 1.4.1", "NIST SP 800-53r5 SC-7(5)"),
    applies=f"{RUNS}, to hosts whose intent is closed or internal",
)
@_looked
def firewall_as_intended(subject: EndpointSubject, inside: HostInside) -> Sequence[Finding]:
    """The verdict of the kernel's rules, for each family that the host speaks."""
    intent, port = subject.plan.intent, _port(subject)
    if intent is None:
        return [Finding(Status.NOT_TESTED, NO_INTENT)]
    if intent is Intent.SERVE:
        return [Finding(Status.NOT_APPLICABLE, "the intent is serve")]
    verdicts = inside.verdicts(port)
    families = set(inside.seen.listening.families) if inside.seen and inside.seen.listening else set()
    findings = [_let_in(intent, one) for one in verdicts]
    missing = {4, 6} & (families or {4, 6}) - {one.family for one in verdicts}
    findings += [Finding(Status.NOT_TESTED, f"no verdict on port {port} over IPv{one}") for one in sorted(missing)]
    if not families:
        findings.append(Finding(Status.NOT_TESTED, "which families the host speaks is not known"))
    return findings


def _let_in(intent: Intent, verdict: PortVerdict) -> Finding:
    expected = "closed" if intent is Intent.CLOSED else "restricted to some networks"
    sources = f" from {', '.join(verdict.sources[:6])}" if verdict.sources else ""
    observed = f"{verdict.state}{sources}"
    told = f"IPv{verdict.family}: {observed} ({quoted('; '.join(verdict.because), 300)[1:-1]})"
    if verdict.state == "unknown":
        return Finding(Status.NOT_TESTED, told, expected, observed, _because([verdict]), "unseen")
    if intent is Intent.INTERNAL and verdict.state == "redirected":
        return Finding(
            Status.NOT_TESTED, f"{told}: what filters there is not known", expected, observed, reason="sent-on"
        )
    shut = ("closed",) if intent is Intent.CLOSED else ("closed", "restricted")
    status = Status.PASS if verdict.state in shut else Status.FAIL
    return Finding(status, told, expected, observed, _because([verdict]))


def _because(verdicts: Sequence[PortVerdict]) -> tuple[str, ...]:
    return tuple(f"IPv{one.family} {one.state}: {words}" for one in verdicts for words in one.because)
