# SPDX-License-Identifier: GPL-3.0-or-later
"""From a profile to the questions that a probe asks: what would have to be refused for its checks to pass, in the
fewest offers whose refusal still proves something.

- One version per offer, since a server that takes the better of two says nothing of the other.
- Below TLS 1.3 suites of one family of key exchanges per offer: a server that chooses a DHE suite and has no parameters
  for it closes the connection, and everything else in that offer would seem refused with it.
- Only what the profile forbids is offered, and a server that takes a suite is asked again without those that would show
  the same weakness.
- Before them a control: all suites of the first family, the good ones first, padded to the length of the longest other
  hello. Its answer proves that size, extensions and path are no obstacle.

The depths ``full`` and ``deep`` ask for all there is instead of what is forbidden, and go through suites, groups and
signatures until nothing more is taken. What is refused in the end covers what a gate would have asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable
from typing import Any

from ..probe.model import Mark, Question
from ..probe.options import DEEP, GATE
from ..probe.tls.cipher_suites import FAMILY_OTHER, SSLV2_CIPHERS, SUITES, CipherSuite, weaknesses
from ..probe.tls.client_hello import (
    SSL_2,
    TLS_1_0,
    TLS_1_1,
    TLS_1_2,
    TLS_1_3,
    X25519,
    Offer,
    digits,
    numbers,
    write_hello,
)
from ..probe.tls.interrogation import GROUPS as GROUPS_WALKED
from ..probe.tls.interrogation import MIXED, ORDER
from ..probe.tls.interrogation import SIGNATURES as SIGNATURES_WALKED
from ..probe.tls.interrogation import SUITES as SUITES_WALKED
from ..probe.tls.named_groups import FFDHE, GROUPS, HYBRID, MLKEM, NamedGroup
from ..probe.tls.signature_schemes import SCHEMES
from .check import (
    ALPN,
    EXTRAS,
    FALLBACK,
    GROUPS_ASKED,
    INJECTION,
    KEYS,
    MORE_COMMANDS,
    NO_NAME,
    POST_QUANTUM,
    RENEGOTIATED,
    RESUMED,
    SIGNATURES,
    SUITES_ASKED,
    TOLERANCE,
    VERSIONS,
)
from .profile import Profile
from .registry import all_checks
from .universe import (
    COMMON_13,
    DHE_FAMILY,
    FIRST_FAMILY,
    FOREIGN_PROTOCOL,
    GROUPS_12,
    GROUPS_13,
    KEY_TYPES,
    SIGNATURE_13,
    SIGNATURE_13_OTHERS,
    SIGNED_DHE,
    TLS13_SUITES,
    WITHDRAWN_13,
    ephemeral,
)
from .universe import SIGNATURES as ALL_SIGNATURES

FALLBACK_SCSV = 0x5600
"""RFC 7507 section 3: this hello is a second try in a lower version."""
COMMON = (0xC02F, 0xC02B, 0xC030, 0xC02C, 0xCCA8, 0xCCA9, 0xC013, 0xC009, 0xC014, 0xC00A, 0x009C, 0x002F)
"""A short offer that nearly every server of TLS 1.2 takes; for those that do not answer long ones."""
WITHOUT_NAME = "-without-name"
"""End of the id of a question that is asked without SNI."""
DHE = "dhe-key-exchange"
"""What every suite of DHE shows."""
LONG = 2000
"""Octets of a hello with a post-quantum key share, more or less: it does not fit into one segment."""
COMMON_GROUPS = (0x001D, 0x0017, 0x0018, 0x0019)

WEAK_SIGNATURES: tuple[int, ...] = tuple(
    scheme.number for scheme in SCHEMES if scheme.tls12 and {"md5", "sha1", "dsa"} & set(scheme.weak)
)
WEAK_SIGNATURES_FIRST: tuple[int, ...] = tuple(dict.fromkeys((*WEAK_SIGNATURES, *ALL_SIGNATURES)))
USUAL_SIGNATURES_13 = {"RSA": (0x0804, 0x0805, 0x0806), "ECDSA": (0x0403, 0x0503, 0x0603)}
"""rsa_pss_rsae and ecdsa with SHA-256, 384, 512: what certificates of that type sign with in TLS 1.3."""
POST_QUANTUM_GROUPS: tuple[int, ...] = tuple(
    group.number for group in GROUPS if group.kind in (HYBRID, MLKEM) and not group.deprecated
)


def compile_offers(profile: Profile, depth: str = GATE) -> tuple[Question, ...]:
    """The questions of a profile; none when no check of it asks any and the depth is ``gate``.

    :param depth: ``gate``, ``full`` or ``deep``
    :returns: controls first, then questions in the order of asking
    """
    full = depth != GATE
    checks = {id_: check for id_, check in all_checks().items() if id_ in profile.checks}
    asks = {word for check in checks.values() for word in check.asks}
    forbidden = {word for check in checks.values() for word in check.forbids}
    allowed = [
        set(map(str, values))
        for id_, check in checks.items()
        if GROUPS_ASKED in check.asks and isinstance(values := profile.checks[id_].parameters["allowed"], (list, tuple))
    ]
    if full:
        # The walk through the suites shows each type of key that there is.
        asks = (asks - {KEYS}) | {VERSIONS, SUITES_ASKED, GROUPS_ASKED, SIGNATURES}
    if not asks:
        return ()
    questions: list[Question] = []
    if asks & {VERSIONS, SUITES_ASKED}:
        questions += _old_versions(forbidden)
    if SUITES_ASKED in asks:
        questions += _every_suite(forbidden) if full else _forbidden_suites(forbidden)
    if VERSIONS in asks:
        questions.append(_ssl_2())
    if KEYS in asks:
        questions += _keys()
    if GROUPS_ASKED in asks:
        names = allowed or [{group.name for group in GROUPS if not group.deprecated}]
        questions += _groups(lambda group: any(group.name not in some for some in names))
    if POST_QUANTUM in asks and not full:
        questions.append(_tls_13("post-quantum", "post-quantum groups of TLS 1.3", COMMON_13, POST_QUANTUM_GROUPS))
    if SIGNATURES in asks:
        questions += _signatures(forbidden)
    if NO_NAME in asks:
        questions += _without_name(forbidden)
    if full:
        questions = [walked for question in questions for walked in _walked(question)] + _in_reverse() + _mixed()
    elif EXTRAS in asks:
        questions.append(_extras())
    questions += _experiments(asks if depth != DEEP else {FALLBACK, ALPN, TOLERANCE})
    if depth == DEEP:
        questions += _rare()
    longest = max(map(_length, questions), default=0)
    if depth == DEEP:
        asks |= {RESUMED, RENEGOTIATED}
    others = tuple(
        Question(kind, purpose, 0, "", kind=kind) for kind, purpose in _OTHER_KINDS.items() if kind in asks
    )
    return (*_controls(forbidden, longest), *questions, *others)


def _old_versions(forbidden: Collection[str]) -> list[Question]:
    """TLS 1.1 and everything below it: a server of any of them answers, in its highest."""
    return [
        dataclasses.replace(
            _below_13(f"old-{name}", f"TLS 1.1 and below, {title}", TLS_1_1, _old(family), forbidden), lower=True
        )
        for name, title, family in _FAMILIES
    ]


def _forbidden_suites(forbidden: Collection[str]) -> list[Question]:
    questions = [
        _below_13(
            f"suites-{name}", f"suites that must not be, TLS 1.2, {title}", TLS_1_2, _weak(family, forbidden), forbidden
        )
        for name, title, family in _FAMILIES
        if _weak(family, forbidden)
    ]
    weak_13 = _weak(TLS13_SUITES, forbidden)
    if weak_13:
        groups = (*GROUPS_13, *WITHDRAWN_13)
        question = _tls_13("suites-1.3", "suites that must not be, TLS 1.3", _numbers(weak_13), groups)
        questions.append(dataclasses.replace(question, marks=_marks(weak_13, forbidden)))
    return questions


def _every_suite(forbidden: Collection[str]) -> list[Question]:
    """All there is, family by family; good ones first, so that a server that heeds the client's order shows those."""
    below = [
        _below_13(f"suites-{name}", f"suites of TLS 1.2, {title}", TLS_1_2, _good_first(family, forbidden), forbidden)
        for name, title, family in _FAMILIES
    ]
    groups = (*GROUPS_13, *WITHDRAWN_13)
    return [*below, _tls_13("suites-1.3", "suites of TLS 1.3", _numbers(TLS13_SUITES), groups)]


_WALKS = {
    "old-ecdhe-rsa": SUITES_WALKED, "old-dhe": SUITES_WALKED,
    "suites-ecdhe-rsa": SUITES_WALKED, "suites-dhe": SUITES_WALKED, "suites-1.3": SUITES_WALKED,
    "groups-rsa": GROUPS_WALKED, "groups-ecdsa": GROUPS_WALKED, "groups-ecdsa-alone": GROUPS_WALKED,
    "groups-1.3": GROUPS_WALKED,
    "signatures-rsa-alone": SIGNATURES_WALKED, "signatures-ecdsa-alone": SIGNATURES_WALKED,
}  # fmt: skip
"""Questions of which the depth full goes through all there is."""


def _walked(question: Question) -> list[Question]:
    """The questions of the depth full in place of the one that a gate asks."""
    walk = _WALKS.get(question.id, "")
    purpose = question.purpose.replace("that must not be", "that are taken")
    if walk == GROUPS_WALKED:
        groups = tuple(group.number for group in GROUPS) if question.version == TLS_1_3 else GROUPS_12
        return [dataclasses.replace(question, groups=digits(groups), walk=walk, purpose=purpose)]
    if walk == SIGNATURES_WALKED:
        signatures = digits(tuple(dict.fromkeys((*WEAK_SIGNATURES, *ALL_SIGNATURES))))
        return [dataclasses.replace(question, signatures=signatures, walk=walk, purpose=purpose)]
    return [dataclasses.replace(question, walk=walk) if walk else question]


def _extras(walk: str = "") -> Question:
    """All that may go along with a hello of TLS 1.2: compression, staple, SCTs, encrypt-then-MAC, tickets."""
    suites = (*FIRST_FAMILY, *DHE_FAMILY) if walk else FIRST_FAMILY
    question = _below_13("extras", "compression and OCSP staple, TLS 1.2", TLS_1_2, suites, ())
    return dataclasses.replace(question, extras=True, experiment=True, marks=(), walk=walk)


def _in_reverse() -> list[Question]:
    """What was taken once more in reverse, which tells whose order decides."""
    purpose = "order of preference, TLS 1.2; compression and OCSP staple"
    groups = tuple(group.number for group in GROUPS)
    newest = _tls_13("order-1.3", "order of preference, TLS 1.3", _numbers(TLS13_SUITES), groups)
    return [
        dataclasses.replace(_extras(ORDER), id="order-1.2", purpose=purpose),
        dataclasses.replace(newest, walk=ORDER, experiment=True),
    ]


def _mixed() -> list[Question]:
    """Whether clients that offer DHE too are answered by a server that takes none of it: one without parameters may
    choose it all the same, and break off. Only an answer says something."""
    asked = [
        _below_13(f"mixed-{name}", f"suites of DHE behind those that are taken, TLS {name}", version, suites, ())
        for name, version, suites in (
            ("1.2", TLS_1_2, DHE_FAMILY), ("1.1", TLS_1_1, _old(DHE_FAMILY)), ("1.0", TLS_1_0, _old(DHE_FAMILY)),
        )
    ]  # fmt: skip
    return [dataclasses.replace(question, walk=MIXED, experiment=True, marks=()) for question in asked]


def _experiments(asks: Collection[str]) -> list[Question]:
    """What few clients do: a fallback, ALPN, values without meaning, long hellos."""
    common_12 = Question("", "", TLS_1_2, digits(COMMON), digits(COMMON_GROUPS), digits(ALL_SIGNATURES))
    common_13 = _tls_13("", "", COMMON_13, GROUPS_13)

    def ask(word: str, id_: str, purpose: str, question: Question, **changes: Any) -> list[Question]:
        if word not in asks:
            return []
        return [dataclasses.replace(question, id=id_, purpose=purpose, experiment=True, **changes)]

    fallback = digits((*COMMON, FALLBACK_SCSV))
    return [
        *ask(FALLBACK, "fallback-twin", "control: TLS 1.2, as no fallback", common_12),
        *ask(FALLBACK, "fallback", "TLS 1.2 as a fallback (RFC 7507)", common_12, suites=fallback),
        *ask(ALPN, "alpn-pop3", "ALPN: pop3", common_12, alpn="pop3"),
        *ask(ALPN, "alpn-foreign", "ALPN: a protocol of others (ALPACA)", common_12, alpn=FOREIGN_PROTOCOL),
        *ask(TOLERANCE, "grease-1.2", "values without meaning, TLS 1.2 (RFC 8701)", common_12, grease=True),
        *ask(TOLERANCE, "grease-1.3", "values without meaning, TLS 1.3 (RFC 8701)", common_13, grease=True),
        *ask(TOLERANCE, "long-1.2", "a hello of 2000 octets, TLS 1.2", common_12, pad_to=LONG),
        *ask(TOLERANCE, "long-1.3", "a hello of 2000 octets, TLS 1.3", common_13, pad_to=LONG),
        *ask(TOLERANCE, "split-1.3", "2000 octets in two segments, TLS 1.3", common_13, pad_to=LONG, split=True),
    ]


def _rare() -> list[Question]:
    """Suites that need a secret shared beforehand or GOST, and signatures of TLS 1.3: those of the usual keys one by
    one, all others together."""
    rare = [suite for suite in SUITES if suite.family == FAMILY_OTHER and suite.minimum_version <= TLS_1_2]
    question = _below_13("suites-rare", "suites with a shared secret, GOST, TLS 1.2", TLS_1_2, rare, ())
    some = dataclasses.replace(
        _tls_13("", "signatures of TLS 1.3", COMMON_13, (X25519,)), key_share="x25519", experiment=True, own_group=False
    )
    alone = [
        dataclasses.replace(some, id=f"{SIGNATURE_13}{number:04x}", signatures=digits((number,)), only_key=key)
        for key, numbers_of_key in USUAL_SIGNATURES_13.items()
        for number in numbers_of_key
    ]
    usual = {number for numbers_of_key in USUAL_SIGNATURES_13.values() for number in numbers_of_key}
    others = tuple(scheme.number for scheme in SCHEMES if scheme.tls13 and scheme.number not in usual)
    return [
        dataclasses.replace(question, walk=SUITES_WALKED), *alone,
        dataclasses.replace(some, id=SIGNATURE_13_OTHERS, signatures=digits(others)),
    ]  # fmt: skip


def _ssl_2() -> Question:
    return Question("ssl2", "SSLv2", SSL_2, digits(tuple(SSLV2_CIPHERS), 6))


def _without_name(forbidden: Collection[str]) -> list[Question]:
    """Old versions and suites that must not be once more, from a client that names nobody."""
    return [
        dataclasses.replace(
            question, id=question.id + WITHOUT_NAME, purpose=question.purpose + ", without SNI", server_name=False
        )
        for question in (*_old_versions(forbidden), *_forbidden_suites(forbidden))
    ]


def _groups(is_forbidden: Callable[[NamedGroup], bool]) -> list[Question]:
    """Groups that must not be: below TLS 1.3 for each type of certificate, since its key has a group of its own."""
    below = tuple(group.number for group in GROUPS if group.tls12 and group.kind != FFDHE and is_forbidden(group))
    # A group that was only defined for the older versions is asked about in TLS 1.3 too: servers share one list.
    above = tuple(group.number for group in GROUPS if is_forbidden(group))
    per_key = [
        dataclasses.replace(
            _below_13(
                f"groups-{key.lower()}", f"groups that must not be, TLS 1.2, {key} certificate", TLS_1_2,
                ephemeral(key), (),
            ),
            groups=digits(below),
            only_key=key,
        )
        for key in KEY_TYPES
    ]  # fmt: skip
    # A server that does not heed the group of its certificate's key would take a weak one from who offers no other.
    alone = dataclasses.replace(per_key[1], id=per_key[1].id + "-alone", own_group=False)
    return [*per_key, alone, _tls_13("groups-1.3", "groups that must not be, TLS 1.3", COMMON_13, above)]


def _signatures(forbidden: Collection[str]) -> list[Question]:
    """Alone, and before all others: a server that looks for its certificate's own signature in the list (OpenJDK)
    refuses who offers only weak ones, and a server that goes by its own order prefers good ones where there are any.

    For each type of key by itself: a server that has chosen a suite of one may refuse for want of a signature of it,
    though it would sign with the other. Over DHE only where a suite of it was taken, if those were asked about."""
    what = "signatures that must not be, TLS 1.2"
    over_dhe = dataclasses.replace(
        _below_13("signatures-dhe", f"{what}, DHE", TLS_1_2, SIGNED_DHE, ()),
        only_shown=DHE if DHE in forbidden else "",
    )
    per_key = [
        dataclasses.replace(
            _below_13(f"signatures-{key.lower()}", f"{what}, {key} certificate", TLS_1_2, ephemeral(key), ()),
            only_key=key,
        )
        for key in KEY_TYPES
    ]
    alone = [*(dataclasses.replace(question, id=f"{question.id}-alone") for question in per_key), over_dhe]
    first = [*per_key, dataclasses.replace(over_dhe, id="signatures-dhe-first")]
    return [
        *(dataclasses.replace(question, signatures=digits(WEAK_SIGNATURES)) for question in alone),
        *(dataclasses.replace(question, signatures=digits(WEAK_SIGNATURES_FIRST)) for question in first),
    ]


def _keys() -> list[Question]:
    """Whether there is a certificate with the other type of key."""
    return [
        dataclasses.replace(
            _below_13(f"key-{key.lower()}", f"certificate with a key of type {key}", TLS_1_2, ephemeral(key), ()),
            unless_key=key,
        )
        for key in KEY_TYPES
    ]


def _controls(forbidden: Collection[str], longest: int) -> list[Question]:
    """Hellos that a server should answer, the most telling first."""
    good_first, good_dhe = _good_first(FIRST_FAMILY, forbidden), _good_first(DHE_FAMILY, forbidden)
    purpose = "control: a good server answers"
    first = _below_13("control-1.2", purpose, TLS_1_2, good_first, forbidden)
    return [
        dataclasses.replace(question, control=True)
        for question in (
            dataclasses.replace(first, pad_to=longest),
            dataclasses.replace(_tls_13("control-1.3", purpose, _numbers(TLS13_SUITES), GROUPS_13), pad_to=longest),
            dataclasses.replace(
                first, id="control-short", suites=digits(COMMON), groups=digits(COMMON_GROUPS),
                purpose="control: a short hello",
            ),
            _below_13("control-dhe", "control: a server of DHE suites alone answers", TLS_1_2, good_dhe, forbidden),
            _below_13("control-old", "control: an old server answers", TLS_1_1, _old(FIRST_FAMILY), forbidden),
            _tls_13(
                "control-withdrawn", "control: a server of TLS 1.3 with withdrawn curves alone answers",
                _numbers(TLS13_SUITES), WITHDRAWN_13,
            ),
        )
    ]  # fmt: skip


def _below_13(
    id_: str, purpose: str, version: int, suites: Iterable[CipherSuite], forbidden: Collection[str]
) -> Question:
    offered = tuple(suites)
    return Question(
        id_,
        purpose,
        version,
        digits(_numbers(offered)),
        digits(GROUPS_12),
        digits(ALL_SIGNATURES) if version == TLS_1_2 else "",
        marks=_marks(offered, forbidden),
    )


def _tls_13(id_: str, purpose: str, suites: tuple[int, ...], groups: tuple[int, ...]) -> Question:
    """With an empty key share: the answer is a HelloRetryRequest that names suite and group."""
    return Question(id_, purpose, TLS_1_3, digits(suites), digits(groups), digits(ALL_SIGNATURES), "empty")


def _marks(suites: Iterable[CipherSuite], words: Collection[str]) -> tuple[Mark, ...]:
    offered = tuple(suites)
    found = ((word, tuple(suite.number for suite in offered if word in weaknesses(suite))) for word in sorted(words))
    return tuple(Mark(word, digits(shown)) for word, shown in found if shown)


def _weak(suites: Iterable[CipherSuite], words: Collection[str]) -> list[CipherSuite]:
    return [suite for suite in suites if weaknesses(suite) & set(words)]


def _old(suites: Iterable[CipherSuite]) -> list[CipherSuite]:
    """Those that exist below TLS 1.2."""
    return [suite for suite in suites if suite.minimum_version < TLS_1_2]


def _good_first(suites: Iterable[CipherSuite], forbidden: Collection[str]) -> list[CipherSuite]:
    return sorted(suites, key=lambda suite: (bool(weaknesses(suite) & set(forbidden)), not suite.aead))


def _numbers(suites: Iterable[CipherSuite]) -> tuple[int, ...]:
    return tuple(suite.number for suite in suites)


def _length(question: Question) -> int:
    size = 6 if question.version == SSL_2 else 4
    groups = numbers(question.groups)
    offer = Offer(
        question.version,
        numbers(question.suites, size),
        # One more where the certificate's own group may be appended.
        (*groups, 0) if question.only_key else groups,
        numbers(question.signatures),
        question.key_share,
        extras=question.extras,
    )
    return len(write_hello(offer).octets)


_OTHER_KINDS = {
    INJECTION: "STLS command injection", RESUMED: "session resumption", RENEGOTIATED: "client-initiated renegotiation",
    MORE_COMMANDS: "more commands before login",
}  # fmt: skip
"""Questions that are no hellos."""

_FAMILIES = (
    ("ecdhe-rsa", "RSA and ECDHE key exchange", FIRST_FAMILY),
    ("dhe", "DHE key exchange", DHE_FAMILY),
)
