# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server would answer to a client that was never there, from what it answered to others. A pure function.

The rules, all of them on the side of saying less:

- The highest version that both speak is chosen. Where nothing fits in it and something would in a lower one, nobody
  knows; nor where the versions of the server have a gap in which the client's highest one stands.
- A suite counts as taken where an answer chose it in that version, as refused where a believed refusal covers it. One
  that is neither, and that nothing else is known to go before, leaves the answer open.
- A suite of ECDHE without a common group must not be chosen (RFC 8422 section 5.1), but GnuTLS chooses it where it
  comes first, and fails: whether another is chosen instead is then open. So it is with one without a common signature,
  and with a certificate of which it is not known whether the client takes it.
- Where the server goes by its own order, the suite comes first that was chosen with the other on offer; where it goes
  by the client's, the client's first; where that is not known, any of them, and all are named.
- A version that is refused may be one that the server chooses and can't carry out (OpenSSL without a group of TLS 1.3).
  So who offers more than the server speaks is only known to get less where an answer shows it.
- Suites of DHE that are refused may be chosen all the same by a server without parameters, which then breaks off
  (Dovecot, whose refusals look alike). They stand back where another was chosen with them on offer.
- What is not certain of a client is computed with and without it. If both come to the same, it is told.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence

from ...probe.model import Observation
from ...probe.tls import cipher_suites, named_groups, signature_schemes
from ...probe.tls.cipher_suites import BY_NUMBER
from ...probe.tls.client_hello import TLS_1_2, TLS_1_3, VERSION_NAMES
from ...probe.tls.named_groups import FFDHE
from ..facts import CLIENT, SERVER, SpokenVersion
from ..universe import COMMON_13
from .catalogue import LISTS, Client
from .certificate_rules import complaints
from .result import (
    CANNOT,
    CONNECTS,
    DH_SIZE,
    GAP,
    GROUP,
    INCOMPLETE,
    KEY,
    LOWER,
    NAME,
    OLD_SIGNATURE,
    RENEGOTIATION,
    SIGNATURE,
    SUITE,
    UNCERTAIN,
    UNKNOWN,
    VERSION,
    ClientResult,
)
from .server import Server, server_of

SIGNS = {"RSA": ("rsa", "rsa-pss"), "ECDSA": ("ecdsa", "eddsa")}
"""Authentication of a suite -> algorithms of the signatures that go with it (RFC 8422 section 5.10)."""
CHACHA = "CHACHA20"


def model(client: Client, seen: Observation) -> ClientResult:
    """What the client would get from the server that was observed."""
    return model_of(client, server_of(seen))


def model_of(client: Client, server: Server) -> ClientResult:
    """What the client would get from the server."""
    if not server.asked:
        why = server.why_not or "no hello was sent"
        return _result(client, _Answer(UNKNOWN, reason=INCOMPLETE, words=why))
    if server.named and not client.server_name:
        words = "it sends no server name, and only what clients get that do is known"
        return _result(client, _Answer(UNKNOWN, reason=NAME, words=words))
    answers = [_negotiate(variant, server) for variant in _variants(client)]
    found = answers[0]
    if len({answer.outcome for answer in answers}) > 1:
        words = f"it hinges on what is not certain of the client: {_hinge(client, server)}"
        found = _Answer(UNKNOWN, reason=UNCERTAIN, words=words)
    elif found.outcome == CONNECTS:
        found = _either(answers)
    return _result(client, found, complaints(client.certificates, server.leaves, found.keys))


@dataclasses.dataclass(frozen=True)
class _Answer:
    """What becomes of one hello; see `ClientResult`."""

    outcome: str
    versions: tuple[int, ...] = ()
    suites: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    signatures: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()
    reason: str = ""
    words: str = ""


def _result(client: Client, answer: _Answer, certificate: tuple[str, ...] = ()) -> ClientResult:
    return ClientResult(client.id, client.title, **dataclasses.asdict(answer), certificate=certificate)


def _either(answers: Sequence[_Answer]) -> _Answer:
    """Several ways to connect, as one answer."""
    return _Answer(
        CONNECTS,
        _together(answer.versions for answer in answers),
        _together(answer.suites for answer in answers),
        _together(answer.groups for answer in answers),
        _together(answer.signatures for answer in answers),
        tuple(dict.fromkeys(key for answer in answers for key in answer.keys)),
    )


def _together(lists: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(itertools.chain.from_iterable(lists)))


def _variants(client: Client) -> Iterator[Client]:
    """The client with and without all that is not certain of it, field by field; whole first."""
    fields = [field for field in LISTS if field in client.uncertain and client.uncertain[field].values]
    for chosen in itertools.product((False, True), repeat=len(fields)):
        less = {
            field: tuple(one for one in client.values(field) if one not in client.uncertain[field].values)
            for field, without in zip(fields, chosen, strict=True)
            if without
        }
        yield dataclasses.replace(client, **less)  # type: ignore[arg-type]


def _hinge(client: Client, server: Server) -> str:
    """Which uncertain fields make a difference, and why they are uncertain."""
    whole = _negotiate(client, server).outcome
    fields = {field: said for field, said in client.uncertain.items() if said.values}
    alone = {
        field: said
        for field, said in fields.items()
        if any(
            _negotiate(one, server).outcome != whole
            for one in _variants(dataclasses.replace(client, uncertain={field: said}))
        )
    }
    return "; ".join(f"{field} ({said.why})" for field, said in (alone or fields).items())


def _negotiate(client: Client, server: Server) -> _Answer:
    facts = server.facts
    tried: list[_Answer] = []
    for version in sorted(client.versions, reverse=True):
        if version in facts.unsettled:
            words = f"whether {VERSION_NAMES[version]} is spoken is not settled"
            return _Answer(UNKNOWN, reason=INCOMPLETE, words=words)
        spoken = facts.version(version)
        if spoken is None:
            continue
        if not tried and (gap := _gap(client, server, version)):
            return gap
        answer = _in_version(client, server, spoken)
        if answer.outcome != CANNOT:
            if not tried:
                return answer if answer.outcome == UNKNOWN else _falling(client, server, answer, version)
            words = f"{tried[0].words}; whether the server goes down to {VERSION_NAMES[version]} then is not known"
            return _Answer(UNKNOWN, reason=LOWER, words=words)
        tried.append(answer)
    if tried:
        return tried[0]
    offered = ", ".join(VERSION_NAMES[version] for version in sorted(client.versions, reverse=True))
    return _Answer(CANNOT, reason=VERSION, words=f"no common version: it offers {offered}")


def _falling(client: Client, server: Server, answer: _Answer, version: int) -> _Answer:
    """The answer, if it is known that the server gets down to this version."""
    highest = max(client.versions)
    if highest == version or any(offered >= highest and got == version for offered, got in server.falls):
        return answer
    what = f"goes down to {VERSION_NAMES[version]} for who offers {VERSION_NAMES[highest]}"
    words = f"whether the server {what} is not settled"
    return _Answer(UNKNOWN, reason=LOWER, words=words)


def _gap(client: Client, server: Server, version: int) -> _Answer | None:
    """Below TLS 1.3 a hello names its highest version alone: a server with that one off and others on both sides may
    refuse it (GnuTLS does)."""
    highest = max(client.versions)
    above = [one.version for one in server.facts.versions if one.version > highest]
    if highest == TLS_1_3 or version == highest or not above:
        return None
    words = f"{VERSION_NAMES[highest]} stands in a gap of the server's versions, and some servers refuse it there"
    return _Answer(UNKNOWN, reason=GAP, words=words)


SURE, MAYBE = "sure", "maybe"
"""Whether the server can choose a suite."""
FINE, FAILS, OPEN = "fine", "fails", "open"
"""What the client does then."""


@dataclasses.dataclass(frozen=True)
class _Candidate:
    """A suite that the server may choose."""

    suite: int
    server: str
    client: str
    reason: str = ""
    words: str = ""
    groups: tuple[int, ...] = ()
    signatures: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()


def _in_version(client: Client, server: Server, spoken: SpokenVersion) -> _Answer:
    version = spoken.version
    offered = [one for one in client.suites if _exists(one, version)]
    refused = server.refused_suites.get(version, frozenset())
    found: list[_Candidate] = []
    for suite in offered:
        if suite in spoken.suites:
            found.append((_of_13 if version == TLS_1_3 else _below_13)(client, server, spoken, suite))
        elif spoken.all_suites or suite in refused:
            if _may_break_off(server, spoken, suite):
                words = f"the server may choose {cipher_suites.name_of(suite)}, lack what it takes, and break off"
                found.append(_Candidate(suite, MAYBE, FAILS, SUITE, words))
        else:
            words = f"whether {cipher_suites.name_of(suite)} is taken in {VERSION_NAMES[version]} is not settled"
            found.append(_Candidate(suite, MAYBE, OPEN, INCOMPLETE, words))
    possible = _possible(client, server, spoken, found)
    if all(one.client == FAILS for one in possible):
        fails = next((one for one in possible if one.suite in spoken.suites), None)
        if fails is None:
            return _Answer(CANNOT, reason=SUITE, words=f"no common suite in {VERSION_NAMES[version]}")
        return _Answer(CANNOT, reason=fails.reason, words=fails.words)
    doubt = next((one for one in possible if one.client != FINE), None)
    if doubt is not None:
        return _Answer(UNKNOWN, reason=doubt.reason, words=doubt.words)
    return _either([
        _Answer(CONNECTS, (version,), (one.suite,), one.groups, one.signatures, one.keys) for one in possible
    ])  # fmt: skip


def _may_break_off(server: Server, spoken: SpokenVersion, suite: int) -> bool:
    """Whether it is a suite of DHE with a key that the server has, and nothing shows that the server has parameters."""
    known = BY_NUMBER[suite]
    return (
        known.key_exchange == "DHE"
        and known.authentication in server.facts.keys
        and not any(BY_NUMBER[one].key_exchange == "DHE" for one in spoken.suites if one in BY_NUMBER)
    )


def _exists(suite: int, version: int) -> bool:
    known = BY_NUMBER[suite]
    return known.minimum_version <= version <= known.maximum_version


def _possible(
    client: Client, server: Server, spoken: SpokenVersion, found: Sequence[_Candidate]
) -> list[_Candidate]:
    """Those that the server may choose, by what is known of its order."""
    if spoken.suite_order == CLIENT and client.order_is_certain("suites"):
        place = next((place for place, one in enumerate(found) if one.server == SURE), len(found))
        return list(found[: place + 1])
    pairs = server.suite_choices.get(spoken.version, frozenset())
    sure = [one.suite for one in found if one.server == SURE]
    # Some servers put ChaCha20 first for who has it first (OpenSSL's SSL_OP_PRIORITIZE_CHACHA).
    first = [BY_NUMBER[one].encryption for one in client.suites[:1]]
    moved = any(CHACHA in one for one in first) or not client.order_is_certain("suites")

    def stands_back(one: int) -> bool:
        if moved and CHACHA in BY_NUMBER[one].encryption:
            return False
        before = [better for better in sure if (better, one) in pairs]
        if spoken.suite_order == SERVER:
            return bool(before)
        # Whose order decides is not known: then it has to stand behind the same one in both.
        offered = client.suites.index
        return client.order_is_certain("suites") and any(offered(better) < offered(one) for better in before)

    return [one for one in found if not stands_back(one.suite)]


def _of_13(client: Client, server: Server, spoken: SpokenVersion, suite: int) -> _Candidate:
    groups, sure = _groups(client, server, spoken, spoken.groups, spoken.all_groups and _covers_13(spoken))
    if not sure:
        return _without_group(_Candidate(suite, MAYBE, OPEN), spoken, bool(groups))
    groups = _with_shares(client, spoken, groups)
    keys = [key for key in SIGNS if key in server.facts.keys] or list(SIGNS)
    signatures, sure = _signatures(client, server, spoken, tuple(one for key in keys for one in SIGNS[key]))
    if not sure:
        # Of TLS 1.3 no more than the session's own signature was seen: there may be others.
        words = "whether the server has a signature of TLS 1.3 that it takes is not settled"
        return _Candidate(suite, SURE, OPEN, SIGNATURE, words)
    if doubt := _chain_doubt(client, server, *keys):
        return _Candidate(suite, SURE, OPEN, KEY, doubt)
    algorithms = {signature_schemes.BY_NUMBER[one].algorithm for one in signatures}
    shown = tuple(key for key in keys if algorithms & set(SIGNS[key]))
    return _Candidate(suite, SURE, FINE, groups=groups, signatures=signatures, keys=shown)


def _covers_13(spoken: SpokenVersion) -> bool:
    """Whether the offers that were refused for their groups held a suite that the server takes."""
    return bool(set(spoken.suites) & set(COMMON_13))


def _with_shares(client: Client, spoken: SpokenVersion, groups: tuple[int, ...]) -> tuple[int, ...]:
    """A server may take the first group that has a key share, to spare a round trip."""
    offered = (one for one in client.key_shares if one in client.groups)
    shares = (one for one in offered if one in spoken.groups or not spoken.all_groups)
    return tuple(dict.fromkeys((*groups, *shares)))


def _below_13(client: Client, server: Server, spoken: SpokenVersion, suite: int) -> _Candidate:
    known = BY_NUMBER[suite]
    key = known.authentication
    if known.key_exchange not in ("RSA", "DHE", "ECDHE") or key not in SIGNS:
        words = f"what becomes of {known.name} is not modelled"
        return _Candidate(suite, MAYBE, OPEN, INCOMPLETE, words)
    found = _Candidate(suite, SURE, FINE, keys=(key,))
    if known.key_exchange == "ECDHE":
        taken, all_taken = _groups_of_key(server, spoken, key)
        groups, sure = _groups(client, server, spoken, taken, all_taken)
        found = dataclasses.replace(found, groups=groups)
        if not sure:
            found = _without_group(found, spoken, bool(groups))
    if known.key_exchange == "DHE":
        found = _with_prime(client, server, found)
    if found.client == FINE:
        signed = known.key_exchange != "RSA"
        found = (_with_signature if signed else _with_certificate)(client, server, spoken, found, key)
    if client.secure_renegotiation and found.client == FINE:
        found = _with_renegotiation(server, found)
    return found


def _groups_of_key(server: Server, spoken: SpokenVersion, key: str) -> tuple[tuple[int, ...], bool]:
    """Groups that are taken with this type of key, and whether all others are refused."""
    taken = server.groups_by_key.get((spoken.version, key), frozenset())
    alone = set(server.facts.keys) <= {key}
    if alone:
        taken |= set(spoken.groups)
    return tuple(one for one in spoken.groups if one in taken), spoken.all_groups


def _groups(
    client: Client, server: Server, spoken: SpokenVersion, taken: Collection[int], all_taken: bool
) -> tuple[tuple[int, ...], bool]:
    """Groups that the server may choose, and whether it is sure that there is one; none: refusal is proven.

    Finite-field groups are no groups of ECDHE.
    """
    version = spoken.version
    usable = [
        one
        for one in client.groups
        if version == TLS_1_3 or (named_groups.BY_NUMBER[one].tls12 and named_groups.BY_NUMBER[one].kind != FFDHE)
    ]
    refused = set() if not all_taken else set(usable) - set(spoken.groups)
    candidates = [one for one in usable if one not in refused]
    known = [one for one in candidates if one in taken]
    if not known:
        return tuple(candidates), False
    if spoken.group_order == CLIENT and client.order_is_certain("groups"):
        return tuple(candidates[: candidates.index(known[0]) + 1]), True
    if spoken.group_order != SERVER:
        return tuple(candidates), True
    pairs = server.group_choices.get(version, frozenset())
    return tuple(one for one in candidates if not any((better, one) in pairs for better in known)), True


def _without_group(found: _Candidate, spoken: SpokenVersion, may_be: bool) -> _Candidate:
    """
    :param may_be: there may be a common group, it is not settled
    """
    version = VERSION_NAMES[spoken.version]
    if may_be:
        words = f"whether a group that it offers is taken in {version} is not settled"
        return dataclasses.replace(found, server=MAYBE, client=OPEN, reason=INCOMPLETE, words=words)
    words = f"no common group in {version}"
    return dataclasses.replace(found, server=MAYBE, client=FAILS, reason=GROUP, words=words)


def _with_prime(client: Client, server: Server, found: _Candidate) -> _Candidate:
    sizes = server.facts.dh_bits
    if any(named_groups.BY_NUMBER[one].kind == FFDHE for one in client.groups):
        # RFC 7919 section 4: a server may go by the finite-field groups that are offered, and refuse DHE without one.
        words = "whether DHE is taken from who offers finite-field groups is not settled"
        return dataclasses.replace(found, server=MAYBE, client=OPEN, reason=INCOMPLETE, words=words)
    if not sizes:
        return dataclasses.replace(found, client=OPEN, reason=DH_SIZE, words="the size of the prime is not known")
    if min(sizes) >= client.dh_bits:
        return found
    words = f"a prime of {client.dh_bits} bits at least is wanted, {min(sizes)} were shown"
    fails = max(sizes) < client.dh_bits
    return dataclasses.replace(found, client=FAILS if fails else OPEN, reason=DH_SIZE, words=words)


def _with_signature(
    client: Client, server: Server, spoken: SpokenVersion, found: _Candidate, key: str
) -> _Candidate:
    """Whether client and server have a signature in common for this type of key, and the client the key's curve."""
    version = VERSION_NAMES[spoken.version]
    if key == "ECDSA" and (doubt := _curve_doubt(client, server)):
        return dataclasses.replace(found, server=MAYBE, client=OPEN, reason=KEY, words=doubt)
    if spoken.version < TLS_1_2:
        if client.signed_below_12:
            return _with_certificate(client, server, spoken, found, key)
        words = f"the server signs with SHA-1 in {version}, which it does not take"
        return dataclasses.replace(found, client=FAILS, reason=OLD_SIGNATURE, words=words)
    signatures, sure = _signatures(client, server, spoken, SIGNS[key])
    if sure and (doubt := _chain_doubt(client, server, key)):
        return dataclasses.replace(found, server=MAYBE, client=OPEN, reason=KEY, words=doubt)
    if sure:
        return dataclasses.replace(found, signatures=signatures)
    if not signatures:
        words = f"no common signature in {version} with a key of type {key}"
        # A server may also leave such a suite out, and choose another.
        return dataclasses.replace(found, server=MAYBE, client=FAILS, reason=SIGNATURE, words=words)
    words = f"whether a signature that it offers is made in {version} with a key of type {key} is not settled"
    return dataclasses.replace(found, server=MAYBE, client=OPEN, reason=SIGNATURE, words=words)


def _with_certificate(
    client: Client, server: Server, spoken: SpokenVersion, found: _Candidate, key: str
) -> _Candidate:
    """Where the client lists no signature for that key, some servers have no certificate for it (OpenSSL; below TLS 1.2
    tlslite-ng), also where nothing is signed."""
    if max(client.versions) < TLS_1_2:
        return found
    listed = any(signature_schemes.BY_NUMBER[one].algorithm in SIGNS[key] for one in client.signatures)
    doubt = _chain_doubt(client, server, key)
    if listed and not doubt:
        return found
    words = doubt or f"it offers no signature for a key of type {key}, and some servers choose no such certificate then"
    return dataclasses.replace(found, server=MAYBE, client=OPEN, reason=SIGNATURE, words=words)


CERTIFICATE_SIGNATURES = {
    "md5WithRSAEncryption": 0x0101, "sha1WithRSAEncryption": 0x0201, "sha224WithRSAEncryption": 0x0301,
    "sha256WithRSAEncryption": 0x0401, "sha384WithRSAEncryption": 0x0501, "sha512WithRSAEncryption": 0x0601,
    "ecdsa-with-SHA1": 0x0203, "ecdsa-with-SHA224": 0x0303, "ecdsa-with-SHA256": 0x0403, "ecdsa-with-SHA384": 0x0503,
    "ecdsa-with-SHA512": 0x0603,
    "RSASSA-PSS with sha256": 0x0809, "RSASSA-PSS with sha384": 0x080A, "RSASSA-PSS with sha512": 0x080B,
    "Ed25519": 0x0807, "Ed448": 0x0808,
}  # fmt: skip
"""Name of a signature in a certificate -> the scheme by which a client says that it can verify it."""


def _chain_doubt(client: Client, server: Server, *keys: str) -> str:
    """Why it is open whether the client can be given the certificates with these keys: what a client lists counts for
    their own signatures too (RFC 5246 section 7.4.2, RFC 8446 section 4.2.3), which not every server heeds."""
    for leaf in server.leaves:
        if ("ECDSA" if leaf.key == "EDDSA" else leaf.key) not in keys:
            continue
        if CERTIFICATE_SIGNATURES.get(leaf.facts.signature) not in client.signatures:
            name = leaf.facts.signature or "an algorithm that was not read"
            return f"the certificate is signed with {name}, which it does not offer: some servers send it all the same"
    return ""


def _signatures(
    client: Client, server: Server, spoken: SpokenVersion, algorithms: Collection[str]
) -> tuple[tuple[int, ...], bool]:
    """Signatures that the server may choose, and whether it is sure that it has one; none: refusal is proven."""
    known = signature_schemes.BY_NUMBER
    # With two types of key in one offer a server may choose a suite of the one, find no signature for it and give up,
    # though it has one for the other (OpenSSL): such a refusal is none of all signatures.
    settled = spoken.all_signatures and len(server.facts.keys) == 1
    usable = [
        one
        for one in client.signatures
        if known[one].algorithm in algorithms and (known[one].tls13 if spoken.version == TLS_1_3 else known[one].tls12)
    ]
    candidates = [one for one in usable if one in spoken.signatures or not settled]
    return tuple(candidates), any(one in spoken.signatures for one in candidates)


def _curve_doubt(client: Client, server: Server) -> str:
    """Why it is open whether the client takes the curve of the certificate's key (RFC 8422 section 5.3)."""
    leaves = [leaf for leaf in server.leaves if leaf.key in ("ECDSA", "EDDSA")]
    if not leaves:
        return "the certificate with a key of type ECDSA was not seen"
    for leaf in leaves:
        if leaf.key == "ECDSA" and leaf.curve not in client.groups:
            name = named_groups.name_of(leaf.curve) if leaf.curve is not None else "a curve that was not read"
            return f"the certificate's key is on {name}, which it does not offer: some servers send it all the same"
    return ""


def _with_renegotiation(server: Server, found: _Candidate) -> _Candidate:
    if server.renegotiation:
        return found
    if server.renegotiation is False:
        words = "the server lacks secure renegotiation (RFC 5746), without which it does not go on"
        return dataclasses.replace(found, client=FAILS, reason=RENEGOTIATION, words=words)
    words = "whether secure renegotiation (RFC 5746) is there is not settled"
    return dataclasses.replace(found, client=OPEN, reason=RENEGOTIATION, words=words)
