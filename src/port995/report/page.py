# SPDX-License-Identifier: GPL-3.0-or-later
"""One page about one server, for who runs it: the answer first, then what to change, then everything that was seen.

Plain text, every line free of control characters; what was not seen is said to be not known.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable, Sequence

from ..policy.certificate import read_certificate, timestamp
from ..policy.facts import SpokenVersion, TlsFacts, facts_of
from ..policy.model import Judgement, Result, Severity, Status
from ..policy.settings import WHERE, daemons_of, setting_for
from ..policy.subject import seen_from
from ..probe.model import Observation, Pop3Dialogue
from ..probe.tls.cipher_suites import BY_NUMBER, weaknesses
from ..probe.tls.cipher_suites import name_of as suite_name
from ..probe.tls.client_hello import SSL_2, TLS_1_3, VERSION_NAMES
from ..probe.tls.named_groups import BY_NUMBER as GROUPS_BY_NUMBER
from ..probe.tls.named_groups import name_of as group_name
from ..probe.tls.signature_schemes import BY_NUMBER as SCHEMES_BY_NUMBER
from ..probe.tls.signature_schemes import name_of as signature_name
from .escape import visible

WIDTH = 100
_SEVERITIES = tuple(Severity)
_QUIET = frozenset(("cbc", "sha1-mac", "no-forward-secrecy"))
"""Words that others beside them say better, or that are told once for the whole list."""
SHORT = {
    "null": "no encryption", "anonymous": "no authentication", "export": "export", "rc4": "RC4", "des": "DES",
    "3des": "3DES", "cbc": "CBC", "rsa-key-exchange": "no forward secrecy", "dhe-key-exchange": "DHE",
    "static-ecdh": "no forward secrecy", "ccm8": "short tag", "integrity-only": "no encryption", "psk": "shared secret",
}  # fmt: skip


def page(
    title: str, judgement: Judgement, observations: Sequence[Observation], clients: Sequence[str] = ()
) -> list[str]:
    """The page, line by line.

    :param title: the target as its owner names it
    :param observations: of this target alone
    :param clients: what modelled mail clients would get, line by line; empty: it was not computed
    """
    observations = sorted(observations, key=lambda seen: seen.service != "pop3s")
    lines = [f"{visible(title)}", *_where(observations), ""]
    lines += _answer(judgement, observations) + _changes(judgement, observations)
    told: dict[TlsFacts, str] = {}
    for seen in observations:
        if seen.service == "pop3s" or seen.hellos or seen.tls is not None:
            lines += _tls(seen, told)
    lines += _certificates(observations) + _pop3(observations)
    if clients:
        lines += _section("MAIL CLIENTS (modelled from what was seen; none of them connected)", _clients(clients))
    return lines


def _section(heading: str, body: Iterable[str]) -> list[str]:
    return [heading, *(f"  {line}" if line else "" for line in body), ""]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH - 2, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [
        ""
    ]


def _clients(lines: Iterable[str]) -> list[str]:
    """Without the word that the heading says of all of them."""
    told = []
    for line in lines:
        shown = line.removeprefix("modelled  ")
        told += [shown] if len(shown) <= WIDTH - 2 else _wrapped_in_columns(shown)
    return told


def _wrapped_in_columns(line: str) -> list[str]:
    return textwrap.wrap(
        line, WIDTH - 2, subsequent_indent=" " * 44, break_long_words=False, break_on_hyphens=False
    )


def _where(observations: Sequence[Observation]) -> list[str]:
    lines = []
    for seen in observations:
        address = seen.address or "no address"
        where = f"[{address}]:{seen.port}" if ":" in address else f"{address}:{seen.port}"
        state = f"{seen.tcp.state} ({seen.tcp.reason})" if seen.tcp is not None else seen.not_tested or "not tried"
        lines.append(
            visible(
                f"{where} {seen.service}: {state}; seen {seen.started} from {seen.vantage.name},"
                f" {len(seen.connections)} connections"
            )
        )
    return lines


def _answer(judgement: Judgement, observations: Sequence[Observation]) -> list[str]:
    counts = {status: [r for r in judgement.results if r.status is status] for status in Status}
    fails = _worst_first(counts[Status.FAIL])
    left = [r for status in (Status.ERROR, Status.UNREACHABLE, Status.NOT_TESTED) for r in counts[status]]
    if fails:
        by = ", ".join(
            f"{count} {severity.value}"
            for severity in Severity
            if (count := sum(r.severity is severity for r in fails))
        )
        head = f"NOT as it should be by the profile {judgement.profile_id}: {by}"
    elif left:
        head = f"Not proven by the profile {judgement.profile_id}"
    else:
        head = f"As it should be by the profile {judgement.profile_id}"
    proven = len(counts[Status.PASS])
    head += f"; {proven} checks pass" + (f", {len(left)} could not be told" if left else "")
    body = _wrapped(head + ".")
    places = {f" {seen_from(seen)}" for seen in observations}

    def words(result: Result) -> str:
        message = result.message
        for place in places if len(places) == 1 else ():
            message = message.replace(place, "")  # It stands above, once.
        return message

    for result in fails:
        line = f"[{result.severity.value}] {result.title}: NO, {_without_title(result, words(result))}"
        body += _wrapped(visible(f"{line} ({result.check_id})", 600), "    ")
    alike: dict[str, list[Result]] = {}
    for result in left:
        alike.setdefault(words(result), []).append(result)
    for message, results in alike.items():
        titles = "; ".join(result.title for result in results)
        ids = ", ".join(result.check_id for result in results)
        body += _wrapped(visible(f"[not told] {titles}? {message}", 2000) + f" ({ids})", "    ")
    return _section("ANSWER", body)


def _worst_first(results: Iterable[Result]) -> list[Result]:
    return sorted(results, key=lambda result: (_SEVERITIES.index(result.severity), result.check_id))


def _without_title(result: Result, message: str) -> str:
    """The message without what only says the title again: "expected SSL 3.0 refused, ..." of "SSL 3.0 is refused"."""
    title = result.title.replace(" is refused", " refused").replace(" are refused", " refused")
    expected = f"expected {title}, "
    return message[len(expected) :] if message.lower().startswith(expected.lower()) else message


def _changes(judgement: Judgement, observations: Sequence[Observation]) -> list[str]:
    daemons = daemons_of(observations)
    told: dict[str, list[str]] = {}
    for result in _worst_first(result for result in judgement.results if result.status is Status.FAIL):
        for advice in _advice(result, daemons):
            told.setdefault(advice, []).append(result.check_id)
    if not told:
        return []
    body = [] if daemons else ["The server does not say what it is."]
    for daemon in daemons:
        body += _wrapped(f"The server says that it is {daemon}. Settings: {WHERE[daemon]}.", "  ")
    for number, (advice, ids) in enumerate(told.items(), 1):
        body += _wrapped(f"{number}. {advice}  ({', '.join(dict.fromkeys(ids))})", "   ")
    return _section("WHAT TO CHANGE", body)


def _advice(result: Result, daemons: Sequence[str]) -> list[str]:
    settings = [
        setting if len(daemons) == 1 else f"{daemon}: {setting}"
        for daemon in daemons
        if (setting := setting_for(result.check_id, daemon))
    ]
    return settings or [result.remediation or "nothing is known that mends it"]


def _tls(seen: Observation, told: dict[TlsFacts, str]) -> list[str]:
    """:param told: what was written before, and where: the same again is one line"""
    facts = facts_of(seen)
    where = f"port {seen.port}" + ("" if seen.service == "pop3s" else " after STLS")
    session = seen.tls
    if session is not None and session.outcome == "completed":
        group = f", {group_name(session.group)}" if session.group is not None else ""
        body = [f"session of this scan: {session.version} {session.cipher_suite}{group}"]
    else:
        body = [f"no session: {session.outcome if session is not None else seen.not_tested or 'none was tried'}"]
    if seen.hellos_ended:
        body.append(f"not everything was asked: {visible(seen.hellos_ended, 200)}")
    same = told.setdefault(facts, where) if seen.hellos else where
    if same != where:
        return _section(f"TLS ON {where.upper()}", [*body, f"all else is the same as on {same}"])
    body += _wrapped("versions: " + _versions(facts, bool(seen.hellos)), "  ")
    for spoken in facts.versions:
        if spoken.suites or spoken.groups:
            body += ["", *_version(spoken)]
    body += ["", *_beside(facts), *_sessions(seen)]
    return _section(f"TLS ON {where.upper()}", body)


def _versions(facts: TlsFacts, asked: bool) -> str:
    words = [f"{VERSION_NAMES[one.version]} spoken" for one in facts.versions]
    words += [f"{VERSION_NAMES[version]} refused" for version in facts.unspoken]
    if facts.unsettled:
        why = "not known" if asked else "not asked"
        words.append(", ".join(VERSION_NAMES[version] for version in facts.unsettled) + f" {why}")
    return "; ".join(words)


def _version(spoken: SpokenVersion) -> list[str]:
    name = VERSION_NAMES[spoken.version]
    if spoken.version == SSL_2:
        return [name]
    rest = "all others refused" if spoken.all_suites else "others not known"
    order = f"; the {spoken.suite_order}'s order decides" if spoken.suite_order else ""
    lines = [f"{name}: {len(spoken.suites)} suites, {rest}{order}"]
    lines += [f"  0x{number:04X} {suite_name(number)}{_weak(number)}" for number in spoken.suites]
    if spoken.groups:
        rest = "all others refused" if spoken.all_groups else "others not known"
        # Of TLS 1.3 it was asked without a key share; a share that fits may be taken before any order (RFC 8446 4.1.1).
        when = "without a key share " if spoken.version == TLS_1_3 else ""
        order = f"; {when}the {spoken.group_order}'s order decides" if spoken.group_order else ""
        names = ", ".join(group_name(number) + _weak_group(number) for number in spoken.groups)
        lines += _wrapped(f"{name} groups ({rest}{order}): {names}", "  ")
    if spoken.signatures:
        rest = "all others refused" if spoken.all_signatures else "others not known"
        names = ", ".join(signature_name(number) + _weak_signature(number) for number in spoken.signatures)
        lines += _wrapped(f"{name} signatures ({rest}): {names}", "  ")
    return lines


def _weak(number: int) -> str:
    suite = BY_NUMBER.get(number)
    words = weaknesses(suite) if suite is not None else frozenset[str]()
    shown = dict.fromkeys(SHORT[word] for word in sorted(words) if word in SHORT)
    return f"  ({', '.join(shown)})" if shown else ""


def _weak_group(number: int) -> str:
    group = GROUPS_BY_NUMBER.get(number)
    if group is None:
        return ""
    return " (weak)" if group.deprecated else " (post-quantum)" if group.post_quantum else ""


def _weak_signature(number: int) -> str:
    scheme = SCHEMES_BY_NUMBER.get(number)
    return " (weak)" if scheme is not None and {"md5", "sha1", "dsa"} & set(scheme.weak) else ""


def _beside(facts: TlsFacts) -> list[str]:
    def word(value: bool | None, yes: str, no: str) -> str:
        return "not known" if value is None else yes if value else no

    if all(one.version == TLS_1_3 for one in facts.versions):
        return []
    lines = [
        f"secure renegotiation: {word(facts.secure_renegotiation, 'yes', 'NO')};"
        f" extended master secret: {word(facts.extended_master_secret, 'yes', 'no')};"
        f" compression: {word(facts.compression, 'YES', 'no')}"
    ]
    if facts.dh_bits:
        lines.append("Diffie-Hellman primes: " + ", ".join(f"{bits} bits" for bits in facts.dh_bits))
    return lines


def _sessions(seen: Observation) -> list[str]:
    lines = []
    for one in seen.resumptions:
        lifetime = f", ticket good for {one.lifetime} s" if one.lifetime is not None else ""
        early = f", {one.max_early_data} octets of early data" if one.max_early_data else ""
        lines.append(f"resumption, {one.version} by {one.by}: {one.outcome}{lifetime}{early}")
    if seen.renegotiation is not None:
        detail = f" ({visible(seen.renegotiation.detail, 120)})" if seen.renegotiation.detail else ""
        lines.append(f"renegotiation that the client begins: {seen.renegotiation.outcome}{detail}")
    return lines


def _certificates(observations: Sequence[Observation]) -> list[str]:
    """Each leaf once, with what was sent behind it."""
    chains: dict[str, tuple[str, ...]] = {}
    for seen in observations:
        if seen.tls is not None and seen.tls.certificates:
            chains.setdefault(seen.tls.certificates[0], seen.tls.certificates[1:])
        for number, leaf in enumerate(seen.hello_certificates):
            chains.setdefault(leaf, seen.hello_chains[number] if number < len(seen.hello_chains) else ())
    lines: list[str] = []
    for leaf, others in chains.items():
        body: list[str] = []
        for place, text in enumerate((leaf, *others)):
            body += _certificate(text, place)
        lines += _section("CERTIFICATE" if len(chains) == 1 else "CERTIFICATES", body)
    return lines


def _certificate(text: str, place: int) -> list[str]:
    prefix = "" if place == 0 else f"sent behind it, {place}: "
    facts = read_certificate(text)
    if facts.certificate is None:
        return [f"{prefix}can't be read: {visible(facts.problem or facts.transport_problem or '', 300)}"]
    lines = _wrapped(visible(f"{prefix}{facts.subject or 'no subject'}", 600), "  ")
    lines += _wrapped(visible(f"  issued by {facts.issuer}", 600), "    ")
    lines.append(f"  {facts.key}, signed with {visible(facts.signature, 80)}")
    lines.append(f"  valid from {timestamp(facts.not_before)} to {timestamp(facts.not_after)}")
    if place == 0:
        names = [*facts.dns_names[:40], *map(str, facts.ip_addresses[:40])]
        lines += _wrapped(visible("  names: " + (", ".join(names) or facts.names_problem or "none"), 1500), "    ")
        lines.append(f"  sha256 {facts.sha256}")
    return lines


PIPELINED = {
    "obeyed": "answered in order", "lost": "lost: the second was never answered", "disordered": "answered out of order",
}  # fmt: skip


def _pop3(observations: Sequence[Observation]) -> list[str]:
    body: list[str] = []
    for seen in observations:
        if seen.clear is not None:
            body += _dialogue(f"port {seen.port} in clear text", seen.clear)
        elif seen.service == "pop3" and seen.tcp is not None:
            body.append(f"port {seen.port} in clear text: {seen.tcp.state} ({seen.tcp.reason})")
        if seen.pop3 is not None:
            if seen.clear is not None and _same_but_for_stls(seen.clear, seen.pop3):
                body.append(f"port {seen.port} after STLS: the same, without STLS")
            else:
                where = f"port {seen.port} " + ("after STLS" if seen.service == "pop3" else "inside TLS")
                body += _dialogue(where, seen.pop3, greets=seen.service != "pop3")
        body += _before_login(seen)
        body += _logins(seen)
    return _section("POP3", body) if body else []


def _same_but_for_stls(clear: Pop3Dialogue, tls: Pop3Dialogue) -> bool:
    """Whether both were asked to the end, and all that is told of them is the same."""
    if not clear.outcome == tls.outcome == "completed" or not clear.capa_status == tls.capa_status == "listed":
        return False
    return [one for one in clear.capabilities if one.name.upper() != "STLS"] == list(tls.capabilities)


def _dialogue(where: str, dialogue: Pop3Dialogue, greets: bool = True) -> list[str]:
    """:param greets: a greeting is owed: after STLS there is none"""
    if greets or dialogue.greeting is not None:
        greeting = "no greeting" if dialogue.greeting is None else f"greeting {visible(dialogue.greeting, 200)!r}"
        lines = _wrapped(f"{where}: {greeting}", "  ")
    else:
        lines = [f"{where}:"]
    if dialogue.capa_status == "listed":
        shown = ", ".join(visible(" ".join((one.name, *one.arguments)), 400) for one in dialogue.capabilities[:40])
        lines += _wrapped(f"  capabilities: {shown}", "    ")
    else:
        lines.append(f"  capabilities: {dialogue.capa_status}")
    if dialogue.apop_challenge is not None:
        lines.append("  APOP is offered")
    if dialogue.outcome not in ("completed", "not-tested"):
        lines.append(f"  ended by {dialogue.outcome} in {dialogue.ended_in}")
    return lines


def _before_login(seen: Observation) -> list[str]:
    extras = seen.extras
    if extras is None:
        return []
    lines = [f"  an unknown command: {visible(extras.unknown_reply or 'no answer', 120)!r}"]
    if extras.auth_mechanisms:
        lines += _wrapped(f"  AUTH lists {visible(', '.join(extras.auth_mechanisms), 400)}", "    ")
    if extras.languages:
        lines += _wrapped(f"  LANG lists {visible(', '.join(extras.languages), 400)}", "    ")
    if extras.pipelining != "not-asked":
        lines.append(f"  PIPELINING: two commands at once are {PIPELINED.get(extras.pipelining, extras.pipelining)}")
    if extras.ntlm is not None:
        told = dataclasses.asdict(extras.ntlm.host) if extras.ntlm.host is not None else {}
        names = ", ".join(f"{name.replace('_', ' ')} {visible(text, 80)}" for name, text in told.items() if text)
        lines += _wrapped(f"  NTLM {extras.ntlm.outcome}{f': {names}' if names else ''}", "    ")
    if extras.outcome != "completed":
        lines.append(f"  more was asked, and ended by {extras.outcome} in {extras.ended_in}")
    return lines


def _logins(seen: Observation) -> list[str]:
    lines = []
    for login in seen.logins:
        verified = "" if login.verified else ", certificate not verified"
        why = " ".join(filter(None, (login.code, visible(login.detail, 120))))
        lines.append(f"  login with {login.mechanism}: {login.outcome}{verified}{f' ({why})' if why else ''}")
        if login.mailbox is not None:
            lines.append(f"    {login.mailbox.messages} messages of {login.mailbox.octets} octets")
    return [*lines, f"  no login: {seen.logins_ended}"] if seen.logins_ended else lines
