# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles drawn at random, as users write them, are enforced on real mail daemons, each as Debian installs it on a host of
its own; then the gate, from another host and by that very profile, passes, and what is seen is what was asked, no more
and no less.

Some are beyond what the daemon can do: those are refused with the reason, and nothing is changed. Some servers are
changed afterwards by somebody else: those fail the gate.

DAEMON_PROFILES says how many are served by each kind of daemon (2), GATE_SEED from where they are drawn. `make enforced`
serves 200, and CI does; `make wide` leaves it to that. Hosts run side by side, since most of the time is waiting:
DAEMON_HOSTS of each kind (1).
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import multiprocessing
import os
import random
import re
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from port995.policy.daemon_settings import settings_for
from port995.policy.facts import SERVER, SpokenVersion, facts_of
from port995.policy.model import Exit, Status
from port995.policy.profile import Profile
from port995.probe.tls.cipher_suites import SUITES
from port995.probe.tls.named_groups import BY_NUMBER as GROUP_BY_NUMBER
from tests.integration.dovecot.certificates import make_chain
from tests.peers.peer import Truth
from tests.peers.stock_host import NAME
from tests.peers.suites import BY_NUMBER, TLS12, TLS13

from . import drawn
from .drawn import CURVES, GROUPS, Left, held, left_by
from .served import BY_NAME, KINDS, Kind, Served

PROFILES = int(os.environ.get("DAEMON_PROFILES", "2"))
HOSTS = int(os.environ.get("DAEMON_HOSTS", "1"))
SEED = int(os.environ.get("GATE_SEED", "20261128"))
pytestmark = [pytest.mark.wide, pytest.mark.timeout(max(180, 20 * PROFILES))]

BEYOND_EVERY, SPOILED_EVERY = 4, 4
"""Of so many profiles one is followed by one that the daemon can't satisfy, and another by a change of somebody else."""
SETTLES = 3
"""Looks at a server that was told to read its settings anew, at the most."""
SHA_1 = (0x0201, 0x0203, 0x0202)
NUMBER_OF = {suite.name: suite.number for suite in SUITES}
A_HANDFUL = 3


@dataclasses.dataclass
class Tally:
    """What came of all comparisons on one host."""

    served: int = 0
    compared: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)
    open: list[str] = dataclasses.field(default_factory=list)
    beyond_the_gate: int = 0
    """Left open as the check says it does: it asks about groups from TLS 1.2 on, and older ones are allowed."""
    refused: int = 0
    spoiled: int = 0
    looked_again: int = 0

    def add(self, other: Tally) -> None:
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def compare(self, what: str, is_: object, should: object) -> None:
        self.compared += 1
        if is_ != should:
            self.wrong.append(f"{what}: seen {is_}, asked {should}")


# What is seen against what was asked


def compare_facts(served: Served, profile: Profile, left: Left, tls: dict[str, Any], tally: Tally) -> None:
    """Look at everything there is, and hold it against the profile."""
    truth = left.served_with(served.kind.taken(left.groups))
    for attempt in range(SETTLES):
        _target, seen = served.look(profile, "full")
        facts = facts_of(next(one for one in seen if one.service == "pop3s"))
        pairs = {(one.version, suite) for one in facts.versions for suite in one.suites}
        if pairs >= truth.pairs or attempt == SETTLES - 1:
            break
        # It may not have read its settings yet.
        tally.looked_again += 1
        time.sleep(1)
    tally.compare("versions", sorted(one.version for one in facts.versions), sorted(truth.versions))
    tally.compare("versions that are not settled", facts.unsettled, ())
    wanted = [NUMBER_OF[name] for name in tls["suites"]]
    for one in facts.versions:
        compare_version(one, truth, wanted, left, served.kind, tally)
    dhe = any(BY_NUMBER[suite].is_finite_field for _version, suite in truth.pairs)
    named = left.groups & drawn.FINITE if served.kind.named_primes else frozenset[int]()
    sizes = {drawn.PRIME, *(GROUP_BY_NUMBER[group].bits for group in named)} if dhe else set()
    tally.compare("whether a prime is seen", bool(facts.dh_bits), dhe)
    tally.compare("sizes of primes beyond those asked", sorted(set(facts.dh_bits) - sizes), [])


def compare_version(
    one: SpokenVersion, truth: Truth, wanted: Sequence[int], left: Left, kind: Kind, tally: Tally
) -> None:
    """Hold one version that is spoken against what is true."""
    name = f"{one.version:#06x}"
    suites = {suite for version, suite in truth.pairs if version == one.version}
    tally.compare(f"suites of {name}", set(one.suites), suites)
    _known(one.all_suites, f"all suites of {name}", tally)
    if len(suites) > 1:
        if _known(bool(one.suite_order), f"whose order decides in {name}", tally):
            tally.compare(f"whose order decides in {name}", one.suite_order, SERVER)
        if kind.own_order:
            # Suites of DHE are asked for by themselves, so it does not show which of both come first.
            for finite in (False, True):
                tally.compare(
                    f"order of suites of {name}", _with_field(one.suites, finite),
                    _with_field([suite for suite in wanted if suite in suites], finite),
                )  # fmt: skip
    groups = truth.groups.get(one.version, frozenset())
    if one.version >= TLS12:
        tally.compare(f"groups of {name}", _names(one.groups), _names(groups))
        _known(one.all_groups, f"all groups of {name}", tally)
    else:
        tally.compare(f"groups of {name} beyond those asked", _names(set(one.groups) - groups), [])
    signed = any(BY_NUMBER[suite].is_elliptic or BY_NUMBER[suite].is_finite_field for suite in suites)
    if one.version == TLS12 and signed:
        weak = bool(set(one.signatures) & set(SHA_1))
        tally.compare(f"weak signatures in {name}", weak, left.weak_signatures)
        _known(one.all_signatures, f"all signatures of {name}", tally)


def _with_field(suites: Sequence[int], finite: bool) -> list[int]:
    return [suite for suite in suites if BY_NUMBER[suite].is_finite_field is finite]


def _known(is_known: bool, what: str, tally: Tally) -> bool:
    if not is_known:
        tally.open.append(f"{what}: not known")
    return is_known


def _names(groups: Sequence[int] | set[int] | frozenset[int]) -> list[str]:
    return sorted(GROUP_BY_NUMBER[group].name for group in groups)


def compare_verdict(served: Served, profile: Profile, left: Left, day: datetime.date, tally: Tally) -> None:
    """Look as a gate does, judge by the profile, and see that it passes."""
    for attempt in range(SETTLES):
        target, seen = served.look(profile, "gate")
        judgement, verdict = served.judge(profile, target, seen)
        if verdict.exit is not Exit.FAILED or attempt == SETTLES - 1:
            break
        tally.looked_again += 1
        time.sleep(1)
    stops = held(profile, day)
    # Of these two the checks say that they ask from TLS 1.2 on.
    unasked = {"POP3S-GRP-001", "POP3S-SIG-001"} if left.lowest < TLS12 else set()
    told = {result.check_id for result in judgement.results}
    tally.compare("checks without a result", stops - told, set())
    left_open = False
    for result in judgement.results:
        told_open = result.status not in (Status.PASS, Status.NOT_APPLICABLE, Status.FAIL)
        left_open = left_open or told_open
        if told_open and result.check_id in unasked:
            tally.beyond_the_gate += 1
        elif told_open:
            tally.open.append(f"{result.check_id}: {result.message}")
        elif result.check_id in stops:
            tally.compare(f"{result.check_id} ({result.message})", result.status is Status.FAIL, False)
    tally.compare(f"the gate {verdict.reasons}", verdict.exit, Exit.INCOMPLETE if left_open else Exit.PASSED)


# Beyond what the daemon can do


def beyond(rng: random.Random, kind: Kind, day: datetime.date) -> tuple[str, str]:
    """A profile that this daemon can't satisfy, and how the refusal begins."""
    unknown = [name for name in (*GROUPS, *drawn.ODD_GROUPS) if GROUPS.get(name) not in CURVES | drawn.FINITE | kind.groups]
    says = "leaves no group|none of the groups that are allowed"
    if kind.one_curve:
        unknown = [name for name in GROUPS if GROUPS[name] not in kind.groups]
        says = "leaves no group|none of the groups that are allowed|allow one of secp256r1"
    rules: list[tuple[dict[str, Any], str]] = [
        ({"POP3S-GRP-001": {"severity": "high", "parameters": {"allowed": rng.sample(unknown, rng.randint(1, len(unknown)))}}}, says),
    ]
    if not kind.only_13:
        rules += [
            ({"POP3S-VER-006": {"severity": "medium"}}, "does not know TLSv1.3"),
            ({"POP3S-TLS-002": {"severity": "low", "parameters": {"minimum": ["TLSv1.3"]}}}, "does not know TLSv1.3"),
        ]
    checks, says = rng.choice(rules)
    data = {"schema": "port995/profile/1", "id": "beyond", "date": day, "title": "Beyond", "extends": "baseline", "checks": checks}
    return drawn.written(data), says


def compare_refusal(served: Served, rng: random.Random, day: datetime.date, path: Path, tally: Tally) -> None:
    """Want what can't be, and see that it is refused and nothing is changed."""
    text, says = beyond(rng, served.kind, day)
    profile = drawn.write(text, path)
    before = served.state()
    try:
        why = served.enforce(settings_for(profile, day))["refused"]
    except ValueError as error:
        why = str(error)
    tally.compare(f"why {text} is refused", bool(re.search(says, why)) or why, True)
    tally.compare("files after a refusal", served.state(), before)
    tally.refused += 1


# Somebody else's changes


def spoils(profile: Profile, left: Left, kind: Kind, day: datetime.date) -> dict[str, Callable[[str], str]]:
    """Changes of the settings by the check that each makes fail, of those that the profile holds."""
    stops = held(profile, day)
    speaks_12 = left.lowest <= TLS12
    openssl = kind.daemon != "courier"
    found: dict[str, Callable[[str], str]] = {}
    if openssl:
        more = {
            "POP3S-CIPH-006": "AES128-GCM-SHA256", "POP3S-CIPH-007": "AES256-SHA256",
            # Debian gives parameters to Dovecot 2.3.
            **({"POP3S-CIPH-008": "DHE-RSA-AES128-GCM-SHA256"} if "2.3" in kind.name else {}),
        }  # fmt: skip
        for id_, suite in more.items():
            if speaks_12:
                found[id_] = lambda text, suite=suite: _in_list(text, lambda value: f"{suite}:{value}")
        if speaks_12 and any(BY_NUMBER[suite].is_elliptic for suite in left.suites) and kind.taken(left.groups) & CURVES:
            found["POP3S-SIG-001"] = lambda text: _in_list(text, lambda value: value.replace("SECLEVEL=2", "SECLEVEL=0"))
        if speaks_12:
            for id_ in ("POP3S-VER-003", "POP3S-VER-004"):
                found[id_] = lambda text: _lower(_in_list(text, lambda value: "AES128-SHA:ALL:@SECLEVEL=0"))
    elif speaks_12:
        found = {
            "POP3S-CIPH-006": _added("+RSA:+AES-128-GCM:+AEAD"), "POP3S-CIPH-007": _added("+RSA:+AES-256-CBC:+SHA1"),
            "POP3S-SIG-001": _added("+ECDHE-RSA:+AES-128-GCM:+AEAD:+GROUP-SECP256R1:+SIGN-ALL"),
            "POP3S-VER-003": _added("+VERS-TLS1.0:+RSA:+AES-128-CBC:+SHA1:+SIGN-ALL"),
            "POP3S-VER-004": _added("+VERS-TLS1.1:+RSA:+AES-128-CBC:+SHA1:+SIGN-ALL"),
        }  # fmt: skip
    forbidden = sorted(kind.groups - left.groups - drawn.HYBRID)
    if "POP3S-GRP-001" in stops and forbidden and left.lowest >= TLS12:
        name = next(name for name, number in GROUPS.items() if number == forbidden[0])
        found["POP3S-GRP-001"] = _with_group(kind, name)
    return {id_: change for id_, change in found.items() if id_ in stops and _was_off(id_, left)}


def _was_off(id_: str, left: Left) -> bool:
    return "-VER-" not in id_ or left.lowest >= TLS12


def _in_list(text: str, change: Callable[[str], str]) -> str:
    return re.sub(r"(?m)^(\s*ssl_cipher_list = |pop3s_tls_ciphers: )(.*)$", lambda match: match[1] + change(match[2]), text)


def _lower(text: str) -> str:
    text = re.sub(r"(?m)^(\s*ssl_min_protocol = ).*$", r"\1TLSv1", text)
    return re.sub(r"(?m)^(pop3s_tls_versions: ).*$", r"\1tls1_0 tls1_1 tls1_2", text)


def _added(parts: str) -> Callable[[str], str]:
    return lambda text: re.sub(r'(?m)^TLS_PRIORITY="NONE:(.*)"$', rf'TLS_PRIORITY="NONE:\1:{parts}"', text)


_OF_CYRUS = {"secp256r1": "prime256v1", "secp384r1": "secp384r1", "secp521r1": "secp521r1"}


def _with_group(kind: Kind, name: str) -> Callable[[str], str]:
    if kind.daemon == "courier":
        return _added(f"+GROUP-{name.upper()}")
    if kind.daemon == "cyrus":
        return lambda text: re.sub(r"(?m)^pop3s_tls_eccurve: .*$", f"pop3s_tls_eccurve: {_OF_CYRUS[name]}", text)
    words = {"x25519": "X25519", "x448": "X448", "secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
    return lambda text: re.sub(r"(?m)^(\s*ssl_curve_list = .*)$", rf"\1:{words.get(name, name)}", text)


def compare_spoiled(
    served: Served, rng: random.Random, profile: Profile, left: Left, day: datetime.date, tally: Tally
) -> None:
    """Change the settings as somebody else does, and see the gate fail for it."""
    possible = spoils(profile, left, served.kind, day)
    if not possible:
        return
    id_ = rng.choice(sorted(possible))
    served.spoil(possible[id_])
    for attempt in range(SETTLES):
        judgement, verdict = served.judge(profile, *served.look(profile, "gate"))
        failed = {result.check_id for result in judgement.results if result.status is Status.FAIL}
        if id_ in failed or attempt == SETTLES - 1:
            break
        tally.looked_again += 1
        time.sleep(1)
    settings = "\n".join(line for line in served.host.run(f"cat {served.kind.settings}").splitlines() if "tls" in line.lower() or "ssl_" in line)
    tally.compare(f"whether {id_} fails when its setting was changed, to {settings}", id_ in failed, True)
    tally.compare(f"the gate when {id_} was made to fail", verdict.exit, Exit.FAILED)
    tally.spoiled += 1


# All of it


def on_one_host(name: str, numbers: Sequence[int], pki: Path, folder: Path) -> Tally:
    """Draw the profiles of these numbers, one after the other on one host; in a process of its own."""
    tally = Tally()
    with Served(BY_NAME[name], pki) as served:
        for number in numbers:
            one, path = Tally(), folder / f"{name}-{number}.yml"
            try:
                _one_profile(served, number, path, one)
            except Exception:
                one.wrong.append(traceback.format_exc())
            if one.wrong:
                one.wrong.append(f"of {name}, profile {number}:\n{path.read_text()}")
            one.open = [f"{name}, profile {number}: {what}" for what in one.open]
            tally.add(one)
    return tally


def _one_profile(served: Served, number: int, path: Path, tally: Tally) -> None:
    kind, day = served.kind, datetime.datetime.now(datetime.UTC).date()
    rng = random.Random(f"profiles {SEED} {kind.name} {number}")
    while True:
        profile = drawn.write(drawn.draw(rng, day, kind.groups), path)
        left, tls = left_by(profile, day), settings_for(profile, day)
        told = served.enforce(tls)
        if left.lowest < TLS13 or kind.only_13:
            break
        tally.compare("why it is refused", "does not know TLSv1.3" in told["refused"] or told["refused"], True)
        tally.refused += 1
    tally.compare("why it is refused", told["refused"], "")
    tally.compare("what its own look on the wire finds", told["left"], [])
    compare_verdict(served, profile, left, day, tally)
    compare_facts(served, profile, left, tls, tally)
    tally.served += 1
    if number % BEYOND_EVERY == 0:
        compare_refusal(served, rng, day, path.with_suffix(".beyond.yml"), tally)
    if number % SPOILED_EVERY == 1:
        compare_spoiled(served, rng, profile, left, day, tally)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Future[Tally]]]]:
    """The work of all hosts, begun at once."""
    kinds = [kind for kind in KINDS if kind.missing() is None]
    pki, folder = tmp_path_factory.mktemp("pki"), tmp_path_factory.mktemp("profiles")
    make_chain(pki, NAME, days=60)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(max(1, HOSTS * len(kinds)), mp_context=context) as pool:
        yield {
            kind.name: [
                pool.submit(on_one_host, kind.name, range(first, PROFILES, HOSTS), pki, folder) for first in range(HOSTS)
            ]
            for kind in kinds
        }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_is_seen_is_what_was_asked(
    kind: Kind, running: dict[str, list[Future[Tally]]], record_property: Callable[[str, object], None]
) -> None:
    if reason := kind.missing():
        pytest.skip(reason)
    tally = Tally()
    for work in running[kind.name]:
        tally.add(work.result())
    counted = {
        "profiles served": tally.served, "facts compared": tally.compared, "wrong": len(tally.wrong),
        "open": len(tally.open), "beyond what the gate asks": tally.beyond_the_gate, "refused": tally.refused,
        "spoiled": tally.spoiled, "looked again": tally.looked_again,
    }  # fmt: skip
    record_property("tally", json.dumps(counted))
    print(f"\n{kind.name}: seed {SEED}, {', '.join(f'{value} {name}' for name, value in counted.items())}")
    for what in tally.open:
        print(f"  open: {what}")
    assert not tally.wrong, f"{len(tally.wrong)} wrong, seed {SEED}:\n" + "\n".join(tally.wrong[:10])
    assert tally.compared >= 15 * tally.served > 0
    assert tally.refused and (tally.spoiled or PROFILES < 2 * SPOILED_EVERY)
    assert len(tally.open) <= max(A_HANDFUL, 0.01 * tally.compared), tally.open
