# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers to hellos prove: presence by one answer, absence only by a refusal that may be believed.

The rules, each learnt from a server or a network that fooled another tool:

- An answer is what was chosen, in a flight that came to its end. It is never outvoted.
- A fatal alert handshake_failure (40), protocol_version (70), insufficient_security (71) or inappropriate_fallback (86)
  refuses the whole offer. Others say that the hello or the server was at fault.
- An end of the connection, a reset, or internal_error (80) refuses an offer of one family of key exchanges, and only
  when it came twice, with an answered hello in between: once is what a fault on the way looks like. An end that TLS
  itself announces (close_notify and nothing else: Courier on GnuTLS refuses so) is one of them, and no more than that.
- unexpected_message (10) in TLS 1.3, OpenJDK's word for no common group, refuses the groups when it came twice, and the
  same offer with more groups was answered in between: then nothing but the groups is at fault.
- Any refusal stands behind an answered hello, and behind them all stands the session, or the control once more where
  there was none. Else it is undetermined: nobody knows whether the server still listened to us.
- An end before the hello was sent, or sooner than a round trip after the connect, is a throttle.
- A refusal is one at its own version. It says nothing of those below: GnuTLS with TLS 1.0 and 1.2 on and 1.1 off
  refuses a hello of 1.1. An answer in a lower version says that those between are not spoken (RFC 5246 appendix E.1).
- The alert protocol_version to an offer of TLS 1.1 or below refuses that version with every suite.
- An offer with something that a server may trip over (ALPN, values without meaning, great length) is only believed when
  it is answered.
- What is refused is the whole of an offer: suites only where every group and signature was on offer with them, groups
  only with every signature, signatures only with every group.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Sequence

from ..probe.model import Hello, Observation
from ..probe.tls.cipher_suites import BY_NUMBER, FAMILY_DHE, FAMILY_ECDHE_RSA, FAMILY_TLS13
from ..probe.tls.client_hello import SSL_2, SSL_3, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3, numbers
from ..probe.tls.interrogation import answered
from .universe import DHE_FAMILY, FIRST_FAMILY, OLD_SUITES, every_group, every_signature

REFUSING_ALERTS = (40, 70, 71, 86)
"""RFC 8446 section 6.2, RFC 7507 section 3."""

PROTOCOL_VERSION = 70
WEAK_ALERTS = (80,)
GROUP_ALERTS = (10,)
WEAK_ENDS = ("eof", "reset")
QUIET_SECONDS = 0.018
"""How long a connection has been open and silent before a hello, at least: the probe waits 20 ms, clocks are coarse."""

CROSSING_SECONDS = 0.002
"""Round trips longer than this are long enough to tell an end that was on its way already when the hello left."""

NOTHING_BETWEEN = "it ended twice alike, with no answered hello in between"

BELOW_13 = (SSL_3, TLS_1_0, TLS_1_1, TLS_1_2)
EVERY_SUITE = frozenset(suite.number for suite in (*FIRST_FAMILY, *DHE_FAMILY))


@dataclasses.dataclass(frozen=True)
class Refusal:
    """An offer that was refused, believably."""

    version: int
    suites: frozenset[int]
    groups: frozenset[int]
    signatures: frozenset[int]
    hello: Hello

    @functools.cached_property
    def of_suites(self) -> bool:
        """Whether it was the suites that were refused: everything that could carry them was on offer."""
        return self.of_groups and every_group(self.version, self.groups)

    @property
    def of_version(self) -> bool:
        """Whether it was the version, with whatever suites (alert protocol_version, RFC 5246 section 7.2.2)."""
        return self.hello.alert == PROTOCOL_VERSION and self.version <= TLS_1_1

    @functools.cached_property
    def of_groups(self) -> bool:
        """Whether it was the groups (or the suites): every signature was on offer."""
        return self.version == SSL_2 or every_signature(self.version, self.signatures)

    @functools.cached_property
    def of_signatures(self) -> bool:
        """Whether it was the signatures (or the suites): every group was on offer."""
        return every_group(self.version, self.groups)


@dataclasses.dataclass(frozen=True)
class Doubt:
    """An offer that was neither taken nor believably refused."""

    hello: Hello
    why: str


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What one observation proves about what its server takes and refuses."""

    answers: tuple[Hello, ...]
    refusals: tuple[Refusal, ...]
    doubts: tuple[Doubt, ...]
    ended: str
    """Why not all was asked; empty: all was."""

    @functools.cached_property
    def versions(self) -> frozenset[int]:
        """Versions that were spoken."""
        return frozenset(hello.answered_version for hello in self.answers if hello.answered_version is not None)

    @property
    def asked(self) -> bool:
        """Whether any hello was sent."""
        return bool(self.answers or self.refusals or self.doubts)

    def refused_suites(self, version: int) -> frozenset[int]:
        """Suites that are refused in a version, with every group and signature on offer.

        :param version: 0x0300 to 0x0304
        """
        return self._refused[version]

    @functools.cached_property
    def _refused(self) -> dict[int, frozenset[int]]:
        found: dict[int, frozenset[int]] = {version: frozenset() for version in (*BELOW_13, TLS_1_3)}
        for refusal in self.refusals:
            if refusal.version in found and refusal.of_suites:
                found[refusal.version] |= EVERY_SUITE if refusal.of_version else refusal.suites
        return found

    def is_unspoken(self, version: int) -> bool:
        """Whether a version is known not to be spoken at all: an answer in a lower one, or the refusal of all it could
        use, shows it.

        :param version: 0x0300 to 0x0303
        """
        if self.speaking(version) is not None:
            return False
        # TLS 1.2 has suites of its own: without the old ones it may still be spoken with those.
        every = EVERY_SUITE if version == TLS_1_2 else OLD_SUITES
        return self.answered_below(version) is not None or self.refused_suites(version) >= every

    def answered_below(self, version: int) -> Hello | None:
        """An answer in a lower version to an offer of this one or a higher: it would have chosen this, if it could."""
        for hello in self.answers:
            if TLS_1_2 >= hello.version >= version > (hello.answered_version or version):
                return hello
        return None

    def speaking(self, version: int) -> Hello | None:
        """An answer in this version."""
        return next((hello for hello in self.answers if hello.answered_version == version), None)

    def doubts_about(self, questions: Iterable[str]) -> tuple[Doubt, ...]:
        """The undetermined hellos of some questions."""
        wanted = set(questions)
        return tuple(doubt for doubt in self.doubts if doubt.hello.question in wanted)


_REMEMBERED = 64
_memory: dict[tuple[int, bool], tuple[Observation, Evidence]] = {}


def evidence_of(seen: Observation, *, named: bool = True) -> Evidence:
    """Read the hellos of one observation. The last ones are remembered by identity: an observation can be compared only
    by all its octets, which takes longer than a check.

    :param named: those with the name as SNI, or all where none was ever sent; else those without it beside others with:
        a server may be another one to a client that names nobody, so neither says anything of the other
    """
    known = _memory.get((id(seen), named))
    if known is not None and known[0] is seen:
        return known[1]
    evidence = _read(seen, named)
    if len(_memory) >= _REMEMBERED:
        _memory.clear()
    _memory[id(seen), named] = (seen, evidence)
    return evidence


def _read(seen: Observation, named: bool) -> Evidence:
    hellos = seen.hellos
    any_named = any(hello.server_name is not None for hello in hellos)
    last_answered = len(hellos) if session_answered(seen) or _control_behind(hellos) else -1
    first_answered = next((n for n, hello in enumerate(hellos) if answered(hello)), len(hellos))
    round_trip = min((hello.connect_seconds for hello in hellos if hello.outcome != "not-connected"), default=0.0)
    answers: list[Hello] = []
    refusals: list[Refusal] = []
    doubts: list[Doubt] = []
    weak: dict[tuple[object, ...], int] = {}
    for position, hello in enumerate(hellos):
        if answered(hello):
            answers.append(hello)
            continue
        why = _unbelievable(hello, round_trip, seen.service == "pop3")
        if hello.experiment:
            why = why or "the offer held something that a server may trip over"
        if not why and not first_answered < position < last_answered:
            why = "no answered hello stands before and after it, so the server may not have listened"
        if not why and _is_weak(hello):
            same = _offer_of(hello)
            before = weak.get(same)
            weak.setdefault(same, position)
            if before is None:
                # Believed together with its repetition, which comes later in the list.
                continue
            between = hellos[before + 1 : position]
            if not any(answered(one) for one in between):
                why = NOTHING_BETWEEN
            elif _finds_no_group(hello) and not any(_answered_with_more_groups(hello, one) for one in between):
                why = f"alert {hello.alert} came twice, and the same offer with more groups was not answered either"
        if why:
            doubts.append(Doubt(hello, why))
        else:
            refusals.append(_refusal(hello))
    # Two questions may come to the same offer, one right after the other: then a later repetition settles both.
    confirmed = {_offer_of(refusal.hello) for refusal in refusals}
    doubts = [one for one in doubts if one.why != NOTHING_BETWEEN or _offer_of(one.hello) not in confirmed]
    doubts += _unrepeated(hellos, weak, refusals, doubts)
    taken = {_offer_of(hello) for hello in answers}

    def wanted(hello: Hello) -> bool:
        # SSL has no way to send a name: such a hello is the same for both.
        if hello.version <= SSL_3:
            return True
        return (hello.server_name is not None) is named if any_named else named

    # An answer is never outvoted: an offer that was taken once is refused by nothing.
    return Evidence(
        tuple(hello for hello in answers if wanted(hello)),
        tuple(one for one in refusals if wanted(one.hello) and _offer_of(one.hello) not in taken),
        tuple(doubt for doubt in doubts if wanted(doubt.hello)),
        seen.hellos_ended,
    )


def session_answered(seen: Observation) -> bool:
    """Whether the session that came after all hellos got its handshake through."""
    return seen.tls is not None and seen.tls.outcome == "completed"


def _control_behind(hellos: Sequence[Hello]) -> bool:
    """Whether an offer that had been answered was answered once more behind all others: the probe asks so where no
    session came about. Without either the last word is missing, and nobody knows what it would have been."""
    last = hellos[-1] if hellos else None
    return (
        last is not None
        and answered(last)
        and any(answered(hello) and _offer_of(hello) == _offer_of(last) for hello in hellos[:-1])
    )


def _offer_of(hello: Hello) -> tuple[object, ...]:
    return (hello.version, hello.suites, hello.groups, hello.signatures, hello.key_share, hello.server_name)


def _is_weak(hello: Hello) -> bool:
    if hello.outcome == "alert":
        return hello.alert in WEAK_ALERTS or _finds_no_group(hello)
    return hello.outcome in WEAK_ENDS


def _finds_no_group(hello: Hello) -> bool:
    return hello.version == TLS_1_3 and hello.outcome == "alert" and hello.alert in GROUP_ALERTS


def _answered_with_more_groups(hello: Hello, other: Hello) -> bool:
    return (
        answered(other)
        and other.answered_version == hello.version
        and _offer_of(dataclasses.replace(other, groups=hello.groups)) == _offer_of(hello)
        and set(numbers(other.groups)) > set(numbers(hello.groups))
    )


def _unbelievable(hello: Hello, round_trip: float, after_stls: bool) -> str:
    """Why an answer that is none can't be a refusal; empty: it may be one.

    :param round_trip: seconds
    :param after_stls: the server had answered STLS on that connection, so it was no throttle that ended it
    """
    if hello.answered_version is not None:
        return "the server chose, and its flight did not come to an end"
    if hello.outcome == "alert":
        # To SSLv2 any alert of TLS is an answer: a server that spoke SSLv2 would have answered in it.
        if hello.version == SSL_2 or hello.alert in (*REFUSING_ALERTS, *WEAK_ALERTS):
            return "" if hello.alert not in WEAK_ALERTS or _one_family(hello) else _MIXED
        if _finds_no_group(hello):
            return ""
        return f"alert {hello.alert} finds fault with the hello, it does not refuse the offer"
    if hello.outcome == "ssl2-error" and hello.version == SSL_2:
        return "SSLv2 was spoken, if only to complain"
    if hello.outcome not in WEAK_ENDS:
        return f"{hello.outcome}{f' ({hello.detail})' if hello.detail else ''} is no refusal"
    if hello.octets_received and not _only_close_notify(hello):
        return "octets came and made no sense, then the connection ended"
    if not after_stls and hello.quiet_seconds < max(QUIET_SECONDS, 0.9 * round_trip):
        return "the connection ended so soon that it looks like a throttle"
    if round_trip > CROSSING_SECONDS and hello.answer_seconds < 0.8 * round_trip:
        return "the end was on its way before the hello could have arrived"
    return "" if _one_family(hello) else _MIXED


def _only_close_notify(hello: Hello) -> bool:
    """Whether all that came was the alert close_notify, of either level (RFC 5246 section 7.2.1): seven octets."""
    return hello.outcome == "eof" and hello.octets_received == 7 and bool(_CLOSE_NOTIFY.fullmatch(hello.head))


_CLOSE_NOTIFY = re.compile("1503[0-9a-f]{2}00020[12]00")
_MIXED = "the connection ended, and the offer mixed families of key exchanges: one of them may hide the others"


def _one_family(hello: Hello) -> bool:
    if hello.version == SSL_2:
        return True
    families = {BY_NUMBER[suite].family for suite in numbers(hello.suites) if suite in BY_NUMBER}
    return len(families) == 1 and families <= {FAMILY_ECDHE_RSA, FAMILY_DHE, FAMILY_TLS13}


def _unrepeated(
    hellos: Sequence[Hello], weak: dict[tuple[object, ...], int], refusals: Sequence[Refusal], doubts: Sequence[Doubt]
) -> list[Doubt]:
    """Ends that came once only, or whose repetition was not believed."""
    confirmed = {_offer_of(refusal.hello) for refusal in refusals}
    told = {id(doubt.hello) for doubt in doubts}
    return [
        Doubt(hellos[position], "the connection ended once; once is what a fault on the way looks like")
        for offer, position in weak.items()
        if offer not in confirmed and id(hellos[position]) not in told
    ]


@functools.lru_cache(maxsize=1024)
def _numbers(text: str, size: int = 4) -> frozenset[int]:
    """The numbers of an offer: a run makes the same few of them to every endpoint."""
    return frozenset(numbers(text, size))


def _refusal(hello: Hello) -> Refusal:
    return Refusal(
        hello.version,
        _numbers(hello.suites, 6 if hello.version == SSL_2 else 4),
        _numbers(hello.groups),
        _numbers(hello.signatures),
        hello,
    )
