# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask one server all the questions of a profile, in the fewest hellos that still prove something.

First a control that a good server answers; then each question. A suite that was chosen settles the words it is marked
with; the suites that would show nothing new are left out and the rest is offered again, until nothing is left or the
server refuses. An end of the connection is weaker than an alert: it may be a fault on the way, so it is asked again at
the end, behind an answered control, and believed only when it comes twice (`port995.policy.belief` has the rules). The
caller makes its session last: it is the answered control after all.

Hellos go one after the other: what a server sees of us is one client, and a slow one. Python 3.9, standard library
only.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import time
from typing import Callable, Container, Dict, List, Optional, Sequence, Set, Tuple

from ..model import Hello, Question
from .answer import Answer
from .certificate_key import CertificateKey, key_of
from .client_hello import SSL_2, SSL_3, TLS_1_1, TLS_1_2, TLS_1_3, Offer, digits, numbers
from .exchange import Line, say_hello
from .named_groups import BY_NUMBER

WEAK = ("eof", "reset", "timeout", "early", "not-connected", "no-stls")
"""Outcomes that a fault on the way gives too: asked once more."""
REFUSED = ("alert", "eof", "reset")
"""Outcomes that a refusal has."""
PROTOCOL_VERSION = 70
"""The alert that refuses a version, whatever the suites (RFC 5246 section 7.2.2)."""
WEAK_ALERTS = (80,)
"""internal_error: what a server says when it broke, for whatever reason."""
ILLEGAL_PARAMETER = 47
GROUP_ALERTS = (10,)
"""unexpected_message: OpenJDK's word where no group of TLS 1.3 is common ("No common named group")."""
ROUNDS = 2
"""Times that one offer is asked at the most."""
SUITES, GROUPS, SIGNATURES, ORDER, MIXED = "suites", "groups", "signatures", "order", "mixed"
"""Words of `Question.walk`."""
NO_TLS_HERE, PORT_NOT_OPEN = "the service does not speak TLS here", "the port is not open"
"""Ends of an interrogation that are facts of the server: nothing more is there to be asked."""
USUAL_13 = frozenset((0x1301, 0x1302, 0x1303))
"""While one of these is left, other groups are looked for at the same time; the rest is refused with all of them."""
WALKS = ("", SUITES, GROUPS, SIGNATURES, ORDER, MIXED)
WITH_EVERY_GROUP = "-every-group"
"""End of the id of a question that is asked with more groups."""
MAX_CHUNK = 60
"""Suites in one offer for a server that does not answer long ones; some fail beyond 64, some beyond 128."""
BACK_OFF = (0.5, 1.0, 2.0)
"""Seconds to wait after the first, second, third connect in a row that failed; then it is given up."""
MIN_TIMEOUT, SLOW = 2.0, 20.0
"""Once a server has answered, others of its answers are waited for this many times as long, at least so long."""


@dataclasses.dataclass
class Heard:
    """What was said so far; filled in as it goes, so that an interruption loses nothing."""

    hellos: List[Hello] = dataclasses.field(default_factory=list)
    certificates: List[str] = dataclasses.field(default_factory=list)
    """Each leaf once, base64 of its DER."""
    chains: List[Tuple[str, ...]] = dataclasses.field(default_factory=list)
    """What was sent behind each of them."""
    dh_primes: List[str] = dataclasses.field(default_factory=list)
    """Each prime once, hexadecimal."""
    ended: str = ""
    """Why it ended before all was asked; empty: all was asked."""


@dataclasses.dataclass
class _Taken:
    """What a server has chosen in one version, in the order in which it came."""

    suites: Dict[int, None] = dataclasses.field(default_factory=dict)
    groups: Dict[int, None] = dataclasses.field(default_factory=dict)
    signatures: Dict[int, None] = dataclasses.field(default_factory=dict)

    def note(self, hello: Hello) -> bool:
        """Take an answer in; whether it showed something new."""
        pairs = ((self.suites, hello.suite), (self.groups, hello.group), (self.signatures, hello.signature))
        new = any(value is not None and value not in known for known, value in pairs)
        for known, value in pairs:
            if value is not None:
                known.setdefault(value)
        return new


class _GiveUp(Exception):
    """Nothing more can be asked.

    :param why: said in the observation
    """


def answered(hello: Hello) -> bool:
    """Whether the server took the offer: its flight came to the end."""
    return hello.complete and hello.outcome in ("server-hello", "hello-retry-request")


def _finds_no_group(hello: Hello) -> bool:
    return hello.version == TLS_1_3 and hello.alert in GROUP_ALERTS


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _known_last(offered: Tuple[int, ...], known: Container[int]) -> Tuple[int, ...]:
    """Those that are known behind the others, each part in its order."""
    return tuple(sorted(offered, key=lambda one: one in known))


class Interrogation:
    """Ask the questions of one endpoint.

    :param line: makes connections
    :param questions: in the order of asking; controls first
    :param server_name: sent as SNI where a question says so; ``None``: there is none
    :param stls: over STLS instead of TLS from the first octet
    :param timeout: seconds for one answer
    :param budget: hellos at the most
    :param heard: what was said is put here
    """

    def __init__(
        self,
        line: Line,
        questions: Sequence[Question],
        server_name: Optional[str],
        stls: bool,
        timeout: float,
        budget: int,
        heard: Heard,
        end_at: Callable[[], float],
    ) -> None:
        self._line, self._questions, self._stls, self._heard, self._end_at = line, questions, stls, heard, end_at
        self._name, self._timeout, self._budget = server_name, timeout, budget
        self._keys: Dict[str, CertificateKey] = {}
        """Of each certificate that was shown, the first first; Edwards keys go with ECDSA suites (RFC 8422)."""
        self._chunk: Optional[int] = None
        self._shown: Set[str] = set()
        self._versions: Set[int] = set()
        self._failures = 0
        self._asked: Set[Tuple[str, int]] = set()
        self._refused: Set[Tuple[int, bool]] = set()
        """Versions that were refused as such, and whether the name was sent."""
        self._learned = False
        self._answered: Optional[Question] = None
        self._taken: Dict[Tuple[int, bool], _Taken] = {}
        """By version, and whether the name was sent."""
        self._answers_with_other_groups = True
        """Whether TLS 1.3 may be asked for its suites without the groups that are known."""
        self._withdrawn = True
        """Whether curves that TLS 1.3 has withdrawn may be offered in it."""
        self._slowest: Optional[float] = None

    async def run(self) -> None:
        """Ask everything; what stands in the way is said in `Heard.ended`."""
        try:
            control = self._answered = await self._controls()
            for question in self._questions:
                if not question.control and not self._needless(question):
                    await self._ask(question)
            await self._again(control)
        except _GiveUp as given_up:
            self._heard.ended = str(given_up)

    async def once_more(self) -> None:
        """Ask the control that was answered again: the caller's session could not stand behind the others, for a reason
        that may be its own TLS library's."""
        if self._answered is None:
            return
        try:
            await self._say(self._answered, self._answered.version, numbers(self._answered.suites))
        except _GiveUp as given_up:
            self._heard.ended = self._heard.ended or str(given_up)

    async def _controls(self) -> Question:
        """Ask the controls until one is answered, the first of them with the longest offer."""
        first_refused = False
        for question in self._questions:
            if not question.control:
                continue
            hello = await self._say(question, question.version, numbers(question.suites))
            if hello.outcome in ("not-tls", "no-stls") or (hello.outcome == "early" and hello.octets_received):
                raise _GiveUp("%s: %s" % (NO_TLS_HERE, hello.outcome))
            if answered(hello):
                short = len(numbers(question.suites)) <= MAX_CHUNK
                if first_refused and short and question.version == TLS_1_2:
                    self._chunk = MAX_CHUNK
                if (hello.answered_version or 0) < TLS_1_2:
                    await self._ask_for_newer(question)
                elif hello.answered_version == TLS_1_3:
                    await self._ask_for_older()
                return question
            first_refused = True
        raise _GiveUp("no hello was answered")

    async def _ask_for_newer(self, control: Question) -> None:
        """A server that answers in an old version may still speak TLS 1.3, and 1.2 if that was not on offer: those are
        asked with all there is, for a refusal before the first answer proves nothing."""
        for question in self._questions:
            newer = question.version == TLS_1_3 or question.version == TLS_1_2 > control.version
            if question.control and question.pad_to and newer:
                await self._say(question, TLS_1_3, numbers(question.suites))

    async def _ask_for_older(self) -> None:
        """A server that answers in TLS 1.3 alone refused a control of TLS 1.2 before its first answer, and what is good
        in TLS 1.2 is offered by no other question."""
        refused = {hello.question for hello in self._heard.hellos if hello.outcome in REFUSED}
        for question in self._questions:
            if question.control and question.pad_to and question.version == TLS_1_2 and question.id in refused:
                await self._say(question, TLS_1_2, numbers(question.suites))

    def _needless(self, question: Question) -> bool:
        if not question.server_name and self._name is None:
            return True  # No name was ever sent: all was asked so.
        if question.only_shown and question.only_shown not in self._shown:
            return True
        if question.unless_key:
            return not self._keys or next(iter(self._keys)) == question.unless_key
        return bool(question.only_key) and bool(self._keys) and question.only_key not in self._keys

    async def _ask(self, question: Question) -> None:
        """Ask a question, of TLS 1.1 and below version by version: a server that has a gap in its versions may refuse a
        hello although it speaks a lower one (GnuTLS does)."""
        lowest = SSL_3 if question.lower else question.version
        for version in range(question.version, lowest - 1, -1):
            # Who refuses the version itself refuses it with every suite.
            if (question.id, version) not in self._asked and (version, question.server_name) not in self._refused:
                self._asked.add((question.id, version))
                await self._pursue(question, version)

    async def _pursue(self, question: Question, version: int) -> None:
        if question.walk == ORDER:
            await self._in_reverse(question, version)
        elif question.walk == MIXED:
            await self._mixed(question, version)
        elif question.walk:
            await self._enumerate(question, version)
        else:
            await self._walk(question, version)

    async def _enumerate(self, question: Question, version: int) -> None:
        """Offer what was not chosen yet, until the server refuses the rest."""
        taken = self._taken.setdefault((version, question.server_name), _Taken())
        suites = numbers(question.suites, 6 if version == SSL_2 else 4)
        for chunk in self._chunks(suites) if question.walk == SUITES else [suites]:
            while True:
                less, left = self._without_taken(question, version, taken, chunk)
                if not left:
                    break
                hello = await self._say(less, version, left)
                if hello.alert == ILLEGAL_PARAMETER and version == TLS_1_3:
                    hello = await self._without_withdrawn(less, hello)
                if not answered(hello) and question.walk == SUITES and taken.groups and version == TLS_1_3:
                    # It may have no other group than those that were left out: then once more with all.
                    fewer = not set(taken.groups) & set(numbers(less.groups))
                    self._answers_with_other_groups = False
                    if fewer:
                        continue
                if not answered(hello) or hello.answered_version != version or not self._learned:
                    break

    def _without_taken(
        self, question: Question, version: int, taken: _Taken, suites: Tuple[int, ...]
    ) -> Tuple[Question, Tuple[int, ...]]:
        """The question without what is known to be taken, and its suites; none: nothing is left to ask."""
        groups, signatures = numbers(question.groups), numbers(question.signatures)
        if version == TLS_1_3 and not self._withdrawn:
            groups = tuple(one for one in groups if one not in BY_NUMBER or BY_NUMBER[one].tls13)
        if question.walk == SUITES:
            # Behind the others those that are known may let a new one come to light at no cost.
            suites = left = tuple(one for one in suites if one not in taken.suites)
            signatures = _known_last(signatures, taken.signatures)
            if version == TLS_1_3 and self._answers_with_other_groups and set(left) & USUAL_13:
                groups = tuple(one for one in groups if one not in taken.groups) or groups
            else:
                groups = _known_last(groups, taken.groups)
        elif question.walk == GROUPS:
            groups = left = tuple(one for one in groups if one not in taken.groups)
        else:
            signatures = left = tuple(one for one in signatures if one not in taken.signatures)
        less = dataclasses.replace(question, groups=digits(groups), signatures=digits(signatures))
        return less, suites if left else ()

    async def _in_reverse(self, question: Question, version: int) -> None:
        """Offer what was taken the other way round: who chooses the same again goes by an order of his own."""
        taken = self._taken.get((version, question.server_name))
        if taken is None or not taken.suites:
            return
        groups = tuple(reversed([one for one in numbers(question.groups) if one in taken.groups]))
        turned = dataclasses.replace(question, groups=digits(groups or numbers(question.groups)))
        offered = [one for one in numbers(question.suites) if one in taken.suites]
        await self._say(turned, version, tuple(reversed(offered)))

    async def _mixed(self, question: Question, version: int) -> None:
        """Offer what was taken, and the question's suites behind it, of which none was: a server that chooses one of
        them and can't carry it out would break off."""
        taken = self._taken.get((version, question.server_name))
        suites = numbers(question.suites)
        if taken is not None and taken.suites and not set(taken.suites) & set(suites):
            await self._say(question, version, (*taken.suites, *suites))

    async def _walk(self, question: Question, version: int) -> None:
        """Offer the suites until the server refuses, or nothing new could be shown any more."""
        for chunk in self._chunks(numbers(question.suites, 6 if version == SSL_2 else 4)):
            settled = version in self._versions
            while True:
                suites = self._unsettled(question, chunk) if settled and question.marks else chunk
                if not suites:
                    break
                hello = await self._say(question, version, suites)
                if hello.alert == ILLEGAL_PARAMETER and version == TLS_1_3:
                    hello = await self._without_withdrawn(question, hello)
                if not answered(hello) or not question.marks or (settled and not self._learned):
                    break
                # An answer settles the version that was offered: it is spoken, or the server's highest is below it.
                settled = True

    async def _without_withdrawn(self, question: Question, hello: Hello) -> Hello:
        """Ask a server that finds fault with curves which TLS 1.3 has withdrawn once more, without them."""
        offered = numbers(hello.groups)
        groups = tuple(number for number in offered if number not in BY_NUMBER or BY_NUMBER[number].tls13)
        if groups in ((), offered):
            return hello
        less = dataclasses.replace(question, groups=digits(groups))
        hello = await self._say(less, hello.version, numbers(hello.suites))
        self._withdrawn = self._withdrawn and not answered(hello)
        return hello

    def _chunks(self, suites: Tuple[int, ...]) -> List[Tuple[int, ...]]:
        size = self._chunk or max(1, len(suites))
        return [suites[at : at + size] for at in range(0, len(suites), size)]

    def _unsettled(self, question: Question, suites: Tuple[int, ...]) -> Tuple[int, ...]:
        """The suites that would still show something new."""
        new: Set[int] = set()
        for mark in question.marks:
            if mark.word not in self._shown:
                new.update(numbers(mark.suites))
        return tuple(suite for suite in suites if suite in new)

    async def _again(self, control: Question) -> None:
        """Ask once more what only an end of the connection answered, behind an answered control."""
        for _round in range(1, ROUNDS):
            weak = self._weak()
            if not weak:
                return
            # An answered hello must stand between an end and its repetition: the last question's answer does already.
            between = answered(self._heard.hellos[-1])
            if not between and not all(_finds_no_group(hello) for _question, hello in weak):
                await self._say(control, control.version, numbers(control.suites))
            for question, hello in weak:
                if question is control:
                    continue
                if _finds_no_group(hello):
                    # The same with more groups is the control of it: an answer shows that the rest was no obstacle.
                    await self._say(self._with_every_group(question), hello.version, numbers(hello.suites))
                size = 6 if hello.version == SSL_2 else 4
                same = dataclasses.replace(question, groups=hello.groups, signatures=hello.signatures)
                repeated = await self._say(same, hello.version, numbers(hello.suites, size))
                if answered(repeated) and (question.marks or question.walk) and self._learned:
                    # The first end was no refusal: go on as after a first answer.
                    await self._pursue(question, hello.version)

    def _weak(self) -> List[Tuple[Question, Hello]]:
        """Offers whose only answer was a weak one, each once, in the order of asking."""
        by_id = {question.id: question for question in self._questions}
        count: Dict[Tuple[str, int, str, str, str], List[Hello]] = {}
        # What came before the first answer is believed in no case, and counts for no repetition.
        first = next((n for n, hello in enumerate(self._heard.hellos) if answered(hello)), 0)
        for hello in self._heard.hellos[first:]:
            same = (hello.question, hello.version, hello.suites, hello.groups, hello.signatures)
            count.setdefault(same, []).append(hello)
        return [
            (by_id[key[0]], said[0])
            for key, said in count.items()
            if len(said) == 1 and (said[0].outcome in WEAK or said[0].alert in WEAK_ALERTS or _finds_no_group(said[0]))
        ]

    def _with_every_group(self, question: Question) -> Question:
        """The same offer with the groups of the control behind its own, which a server may still choose."""
        more = next((one.groups for one in self._questions if one.control and one.version == TLS_1_3), "")
        groups = tuple(dict.fromkeys((*numbers(question.groups), *numbers(more))))
        return dataclasses.replace(
            question, id=question.id + WITH_EVERY_GROUP, purpose="control: the same with every group",
            groups=digits(groups),
        )  # fmt: skip

    async def _say(self, question: Question, version: int, suites: Tuple[int, ...]) -> Hello:
        if len(self._heard.hellos) >= self._budget:
            raise _GiveUp("the budget of %d hellos is used up" % self._budget)
        if time.monotonic() >= self._end_at():
            raise _GiveUp("the endpoint's time is used up")
        groups = numbers(question.groups)
        key = self._keys.get(question.only_key)
        own = key.group if key is not None and question.own_group else None
        if own is not None:
            groups = (*(one for one in groups if one != own), own)
        name = self._name if question.server_name else None
        # The hellos that this one stands for carry the name too.
        pad_to = question.pad_to + (len(name) + 9 if name else 0) if question.pad_to else 0
        alpn = tuple(question.alpn.split(",")) if question.alpn else ()
        offer = Offer(
            version, suites, groups, numbers(question.signatures), question.key_share, name, pad_to, question.extras,
            alpn, question.grease,
        )  # fmt: skip
        timeout = self._timeout
        if self._slowest is not None:
            timeout = min(timeout, max(MIN_TIMEOUT, SLOW * self._slowest))
        hello, answer = await say_hello(self._line, question, offer, self._stls, timeout, self._end_at())
        hello = self._remember(hello, answer)
        self._heard.hellos.append(hello)
        self._learn(question, hello)
        await self._mind_failures(hello)
        return hello

    def _remember(self, hello: Hello, answer: Answer) -> Hello:
        """Keep certificates and primes once, and their places in the hello."""
        heard = self._heard
        if answer.leaf:
            text = _base64(answer.leaf)
            if text not in heard.certificates:
                heard.certificates.append(text)
                heard.chains.append(tuple(map(_base64, answer.chain)))
            key = key_of(answer.leaf)
            self._keys.setdefault("ECDSA" if key.type == "EDDSA" else key.type, key)
            hello = dataclasses.replace(hello, certificate=heard.certificates.index(text))
        if answer.dh_prime:
            prime = answer.dh_prime.hex()
            if prime not in heard.dh_primes:
                heard.dh_primes.append(prime)
            hello = dataclasses.replace(hello, dh_prime=heard.dh_primes.index(prime))
        return hello

    def _learn(self, question: Question, hello: Hello) -> None:
        self._learned = False
        if hello.alert == PROTOCOL_VERSION and hello.version <= TLS_1_1:
            self._refused.add((hello.version, question.server_name))
        if not answered(hello) or hello.answered_version is None:
            return
        self._slowest = max(self._slowest or 0.0, hello.answer_seconds)
        words = {mark.word for mark in question.marks if hello.suite in numbers(mark.suites)}
        new_choice = self._taken.setdefault((hello.answered_version, question.server_name), _Taken()).note(hello)
        new_mark = hello.answered_version not in self._versions or not words <= self._shown
        self._learned = new_choice if question.walk else new_mark
        self._versions.add(hello.answered_version)
        self._shown |= words

    async def _mind_failures(self, hello: Hello) -> None:
        """Back off from a server that stops taking connections, then leave it alone."""
        if hello.outcome not in ("not-connected", "early"):
            self._failures = 0
            return
        if len(self._heard.hellos) == 1 and hello.outcome == "not-connected":
            raise _GiveUp(PORT_NOT_OPEN)
        self._failures += 1
        if self._failures > len(BACK_OFF):
            raise _GiveUp("%d connections in a row failed: a throttle or a ban" % self._failures)
        await asyncio.sleep(min(BACK_OFF[self._failures - 1], max(0.0, self._end_at() - time.monotonic())))
