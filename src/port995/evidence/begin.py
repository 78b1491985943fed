# SPDX-License-Identifier: GPL-3.0-or-later
"""The beginning of a run: everything that was asked for is read and checked, and the run folder made, before the first
probe. The command and the Ansible actions both begin here."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import importlib.metadata
import platform
import ssl
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from ..dns.model import DnsPlan
from ..dns.resolvers import ResolverError
from ..policy.baseline import BaselineError
from ..policy.crl import CrlError, load_crls
from ..policy.model import HostPlan
from ..policy.offers import compile_offers
from ..policy.own_checks import OwnFile
from ..policy.profile import Profile, ProfileError, load_profile
from ..policy.registry import ALWAYS, WITH_INPUT, SelectionError, added_checks, adding, all_checks, select
from ..policy.scope_file import ScopeError, require_now, require_sources
from ..policy.strict_yaml import YamlError
from ..policy.trust import TrustError, load_anchors
from ..probe.model import Question, Target
from ..probe.options import ASKING
from ..probe.version import __version__
from ..report.run_header import InputFile, RunHeader, VantagePlan
from .given_files import GivenFile, GivenScope, controls_in, read_given, read_list
from .origin import origin
from .population_file import PopulationError
from .protected_policy import PolicySource
from .run_folder import RunError, RunFolder, create_run, renew_run

__all__ = ["RequestError", "RunRequest", "VantagePlan", "begin", "begin_search", "check_files", "questions_of"]

LIBRARIES = ("cryptography", "junit-xml", "PyYAML", "ansible-core", "dnspython")
DEFAULT_PARENT = Path("port995-runs")

RequestError = (
    ProfileError, SelectionError, TrustError, CrlError, RunError, ResolverError, YamlError, BaselineError, ScopeError,
    PopulationError,
)  # fmt: skip
"""What `begin` raises for a request that can't be met; each says what to do next."""


@dataclasses.dataclass(frozen=True)
class RunRequest:
    """What a user asks of a run, beside the hosts."""

    out: Path | None = None
    """Folder of the run; ``None``: a new one under ``port995-runs``."""

    profile: str = "baseline"
    """Name of a profile, or a file."""

    checks: str = ""
    """Expression that chooses among its checks; empty: all of them."""

    ca_file: Path | None = None
    """Trust anchors; ``None``: the machine's own."""

    vantages: tuple[VantagePlan, ...] = (VantagePlan("controller"),)
    command: tuple[str, ...] = ()
    """As typed; no secrets."""

    partial: bool = False
    deadline: float | None = None
    dns: DnsPlan | None = None
    """Whom to ask about DNS records; ``None``: nobody."""
    crl_files: tuple[Path, ...] = ()
    """Revocation lists, PEM or DER."""
    inputs: tuple[GivenFile, ...] = ()
    """What else the judgement rests on; read and checked by whoever asks."""

    waivers: Path | None = None
    """File of accepted fails; ``None``: there are none."""

    waiver_signers: Path | None = None
    """Who may sign them; ``None``: they need no signature."""

    baseline: Path | None = None
    """File of fails that are known; ``None``: every fail counts."""

    attestations: Path | None = None
    """File of what people attest; ``None``: they attest nothing."""

    own: tuple[OwnFile, ...] = ()
    """Files of checks of the user's own; `own_files.using` made them known before."""

    inventory: str = ""
    """The inventory file, for reports; empty: targets were typed."""

    inventory_sha256: str = ""
    """Its files and their hashes, in words. Their bytes are not kept: an inventory may hold passwords."""

    vantage_hosts: tuple[str, ...] = ()
    """Inventory hosts that look and are not looked at: no part of the population."""

    population: Path | None = None
    """A list of hosts that the inventory is held against; ``None``: there is none."""

    population_seconds: float | None = None
    """For looking up a name of that list; ``None``: nothing is looked up."""

    scope: GivenScope | None = None
    """What may be touched, and when; ``None``: all, at any time."""

    inside: bool = False
    """Every host is looked at from inside."""

    loaded: Profile | None = None
    """The profile, where it was read before, from a place of its own (`protected_policy`)."""

    policy: PolicySource | None = None
    """Where files of policy are read from; ``None``: the file system."""


def begin(
    request: RunRequest,
    plan: Sequence[HostPlan],
    targets: Iterable[Target],
    notes: Iterable[str] = (),
    instead: RunFolder | None = None,
) -> RunFolder:
    """Check a request and make the folder of its run.

    :param plan: the population
    :param targets: the services to look at, merged
    :param notes: what was told about them
    :param instead: the run as it was begun before the population was known (`begin_search`): this is the same one
    :raises ProfileError: no such profile, or one that can't be read
    :raises SelectionError: an expression that chooses nothing
    :raises TrustError: trust anchors that can't be read
    :raises CrlError: a CRL file that can't be read
    :raises YamlError: waivers that can't be used
    :raises BaselineError: a baseline that can't be used
    :raises PopulationError: a list of hosts that can't be used
    :raises ScopeError: nothing may be touched now, or not from there
    :raises RunError: a folder that can't be written, or holds another run
    """
    targets, plan = tuple(targets), tuple(plan)
    given = [
        *request.inputs,
        *read_given(
            request.waivers, request.baseline, plan, targets, request.policy, request.attestations, request.own,
            request.waiver_signers,
        ),  # fmt: skip
    ]
    if request.scope is not None:
        if instead is None:
            # It may have ended while the search went on: what was seen is kept, and every connection asks again.
            require_now(request.scope.scope, time.time())
        for vantage in request.vantages:
            require_sources(request.scope.scope, vantage.name, vantage.sources)
        given.append(request.scope.file)
    if request.population is not None:
        given += read_list(request.population, plan, targets, request.population_seconds)
    with adding((*added_checks(), *controls_in(given))):
        profile = chosen(
            request.loaded or load_profile(request.profile), request.checks, dns=request.dns is not None,
            crls=bool(request.crl_files), inputs=[one.name for one in given], inside=request.inside,
        )  # fmt: skip
        profile.on(datetime.datetime.now(datetime.UTC).date())
        _require_something(profile, targets)
    anchors = load_anchors(request.ca_file)
    crls = load_crls(request.crl_files)
    now = datetime.datetime.now(datetime.UTC)
    run_id = uuid.uuid4().hex if instead is None else instead.header.run_id
    header = RunHeader(
        run_id,
        now.strftime("%Y-%m-%dT%H:%M:%SZ") if instead is None else instead.header.started,
        plan,
        targets,
        profile.id,
        profile.sha256,
        anchors.source,
        anchors.sha256,
        __version__,
        library_versions(),
        request.command,
        request.vantages,
        (*(request.policy.notes if request.policy is not None else ()), *notes),
        request.partial,
        request.deadline,
        request.checks,
        request.dns,
        crls.sources,
        crls.sha256,
        {one.name: InputFile(one.source, hashlib.sha256(one.data).hexdigest()) for one in given},
        request.inventory,
        {**origin(), **({"inventory": request.inventory_sha256} if request.inventory_sha256 else {})},
        request.vantage_hosts,
        None if request.scope is None else request.scope.scope,
        request.inside,
    )
    inputs = {one.name: one.data for one in given}
    if instead is not None:
        return renew_run(instead, header, profile.raw, anchors.pem, crls.pem, inputs)
    out = request.out or DEFAULT_PARENT / f"{now.strftime('%Y%m%dT%H%M%SZ')}-{run_id[:8]}"
    return create_run(out, header, profile.raw, anchors.pem, crls.pem, inputs)


def begin_search(request: RunRequest, plan: Sequence[HostPlan], targets: Iterable[Target]) -> RunFolder:
    """Begin a run whose population a search will tell: one that is killed before leaves a run in which nobody was
    assessed, and a folder that can't be written costs no packet. `begin` makes the run of it that is looked at.

    :param plan: the population as long as nothing was searched
    :raises: as `begin`
    """
    # What is held against the population, and the choice of checks, are for the one that is found.
    bare = dataclasses.replace(
        request, checks="", waivers=None, waiver_signers=None, baseline=None, attestations=None, own=(), population=None
    )
    return begin(bare, plan, targets, ("the run was cut off while it searched: no address was assessed",))


def check_files(request: RunRequest) -> None:
    """Read and check the files of a request before there is a population: a search for it sends packets, and what can't
    be used has to be told before. Whether waivers are for the whole fleet is told by `begin`.

    :raises: as `begin`
    """
    list(read_given(request.waivers, request.baseline, (), (), request.policy, request.attestations, request.own))
    if request.population is not None:
        read_list(request.population, (), (), None)
    load_anchors(request.ca_file)
    load_crls(request.crl_files)


def _require_something(profile: Profile, targets: Sequence[Target]) -> None:
    """Refuse a run of which every check would be left out: it would pass, and have looked at nothing that was chosen.

    :raises SelectionError: all the checks need logins that no target owes
    """
    checks = all_checks()
    chosen = [checks[id_] for id_ in profile.checks if id_ not in ALWAYS]
    if targets and not any(check.owed_by(targets) for check in chosen):
        raise SelectionError(
            f"{', '.join(check.id for check in chosen)}: made only with credentials"
            f"{' that may use DELE' if any(target.login for target in targets) else ''}: give them, or choose others"
        )


def chosen(
    profile: Profile, checks: str, *, dns: bool, crls: bool, inputs: Collection[str] = (), inside: bool = False
) -> Profile:
    """What a run makes of a profile. Checks that the user brought are in it, whatever the profile.

    :param checks: expression that chooses among its checks; empty: all of them
    :param dns: the run asks the DNS
    :param crls: the run is given CRLs, so it has the checks of them whatever the profile
    :param inputs: names of its further files; it has the checks of them whatever profile and choice
    :param inside: the run looks at the hosts from inside
    :raises SelectionError: it chooses nothing, or what this run can't do
    """
    profile = profile.with_crls() if crls else profile
    added = [id_ for name in inputs for id_ in WITH_INPUT.get(name, ())]
    own = [check.id for check in added_checks()]
    profile = profile.with_checks([*added, *own]) if added or own else profile
    mine = profile.of_run(dns=dns, inside=inside)
    if not checks:
        return mine
    try:
        return mine.narrowed((*select(checks, mine.checks), *added))
    except SelectionError as error:
        try:
            select(checks, profile.checks)
        except SelectionError:
            raise error from None
        try:
            select(checks, profile.of_run(dns=True, inside=inside).checks)
        except SelectionError:
            needed = "look at hosts from inside: the role audit does, with audit_inside"
        else:
            needed = "ask the DNS: give --dns (audit_dns) too"
        raise SelectionError(f"{checks!a} chooses checks that {needed}") from error


def questions_of(
    profile: str | Profile, checks: str, depth: str, *, dns: bool = False, crls: bool = False, inside: bool = False
) -> tuple[Question, ...]:
    """What a probe has to ask for the chosen checks.

    :param profile: a name, a file, or one that was read before
    :param depth: those from ``gate`` on ask
    :param crls: the run is given CRLs
    :raises ProfileError: as `begin`
    :raises SelectionError: as `begin`
    """
    if depth not in ASKING:
        return ()
    whole = profile if isinstance(profile, Profile) else load_profile(profile)
    return compile_offers(chosen(whole, checks, dns=dns, crls=crls, inside=inside), depth)


def library_versions() -> dict[str, str]:
    """Versions of what judges and writes, for the evidence."""
    versions = {"python": platform.python_version(), "openssl": ssl.OPENSSL_VERSION}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
