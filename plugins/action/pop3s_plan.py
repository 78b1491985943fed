# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the inventory to a run folder and a list of targets, host by host."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.port995.pop3s.plugins.plugin_utils._controller import plain, require_python

try:
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.dns.model import DnsPlan
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.dns.resolvers import ResolverError, plan_of
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.begin import (
        RequestError,
        RunRequest,
        VantagePlan,
        begin,
        questions_of,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.given_files import load_scope
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.inventory_places import (
        hashes,
        places,
        shown_path,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.own_files import (
        OwnFileError,
        read_own,
        using,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.evidence.run_folder import RunFolder
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.inventory import (
        merge_targets,
        plan_host,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.libraries import LibraryMissing
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.model import HostPlan
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.scope_file import ScopeError, within
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.policy.vantages import (
        GROUP,
        SIDE,
        SOURCES,
        Place,
        VantageError,
        all_places,
        is_vantage_only,
        member,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.probe.codec import to_json
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.probe.credentials import (
        CredentialsError,
        logins_of,
    )
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.probe.model import Question, Target
    from ansible_collections.port995.pop3s.plugins.plugin_utils._port995.probe.options import DEPTHS
except (ImportError, SyntaxError) as error:  # An older Python; `require_python` says so.
    IMPORT_ERROR: Exception | None = error
else:
    IMPORT_ERROR = None

VARIABLES = (
    "pop3s_intent",
    "pop3s_address",
    "ansible_host",
    "group_names",
    "pop3s_port",
    "pop3s_server_name",
    "pop3_port",
    "pop3s_proxy_protocol",
    "pop3s_endpoints",
    "pop3s_domain",
    "pop3s_owner",
    "pop3s_need",
    "pop3s_approver",
    "pop3s_review_date",
    "pop3s_purpose",
)
SHOWN_ONLY = (
    "pop3s_owner", "pop3s_need", "pop3s_approver", "pop3s_review_date", "pop3s_purpose", "group_names",
)  # fmt: skip
"""Variables that are only shown: one that can't be filled in is told, and the host is still looked at."""

HIDDEN = ("audit_credentials",)
"""Variables of which no value is ever shown."""

CREDENTIALS = {
    "type": "dict",
    "no_log": True,
    "options": {
        "user": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "hosts": {"type": "dict", "no_log": True},
    },
}

STRATEGIES_WITHOUT_RUN_ONCE = ("free", "host_pinned")

VANTAGE = {
    "type": "list",
    "elements": "dict",
    "default": [{"name": "controller"}],
    "options": {
        "name": {"type": "str", "required": True},
        "side": {"type": "str", "choices": ["inside", "outside", "undeclared"], "default": "undeclared"},
        "source_addresses": {"type": "list", "elements": "str", "default": []},
        "host": {"type": "str"},
    },
}


class ActionModule(ActionBase):
    """See the documentation of the module."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read the population and begin the run."""
        result = super().run(tmp, task_vars)
        require_python()
        if IMPORT_ERROR is not None:
            raise AnsibleActionFail(f"The library of the collection can't be loaded: {IMPORT_ERROR}")
        validation, given = self.validate_argument_spec(
            {
                "out": {"type": "path"},
                "profile": {"type": "str", "default": "baseline"},
                "checks": {"type": "str", "default": ""},
                "ca_file": {"type": "path"},
                "crls": {"type": "list", "elements": "path", "default": []},
                "waivers": {"type": "path"},
                "waiver_signers": {"type": "path"},
                "baseline": {"type": "path"},
                "checks_path": {"type": "list", "elements": "path", "default": []},
                "attestations": {"type": "path"},
                "population": {"type": "path"},
                "resolve_timeout": {"type": "float", "default": 5.0},
                "scope": {"type": "path"},
                "vantages": VANTAGE,
                "depth": {"type": "str", "choices": list(DEPTHS), "default": "gate"},
                "credentials": CREDENTIALS,
                "allow_dele": {"type": "bool", "default": False},
                "partial": {"type": "bool", "default": False},
                "deadline": {"type": "float"},
                "dns": {"type": "bool", "default": False},
                "dns_resolver": {"type": "str", "default": ""},
                "dns_trust_ad": {"type": "bool", "default": False},
                "dns_side": {
                    "type": "str",
                    "choices": ["inside", "outside", "undeclared"],
                    "default": "undeclared",
                },
                "dns_timeout": {"type": "float", "default": 5.0},
                "inside": {"type": "bool", "default": False},
                "same_for_all": {"type": "list", "elements": "str", "default": []},
                "hosts": {"type": "list", "elements": "str", "default": []},
            }
        )
        if not given["hosts"]:
            self._require_one_run(task_vars or {})
        vantages = self._places(task_vars or {}, given["vantages"])
        plan: list[HostPlan] = []
        targets: list[Target] = []
        vantage_hosts: list[str] = []
        for host, wanted in self._population(task_vars or {}, given["same_for_all"], vantage_hosts, given["hosts"]):
            plan.append(host)
            targets += wanted
        if not plan:
            but = f" but vantages ({', '.join(vantage_hosts)})" if vantage_hosts else ""
            raise AnsibleActionFail(f"The inventory holds no hosts{but}, so there is nothing to audit. Check -i.")
        sources = _sources(task_vars or {})
        where = places(sources, [host.name for host in plan])
        plan = [dataclasses.replace(host, place=where.get(host.name, "")) for host in plan]
        try:
            permitted = load_scope(Path(given["scope"])) if given["scope"] else None
        except (ScopeError, LibraryMissing) as problem:
            raise AnsibleActionFail(f"Nothing was probed: {problem}") from problem
        merged, notes = merge_targets(targets)
        population, merged = within(None if permitted is None else permitted.scope, plan, merged)
        merged, notes = _with_logins(merged, notes, given["credentials"], given["allow_dele"])
        try:
            dns = _dns(given)
        except ResolverError as problem:
            raise AnsibleActionFail(f"Nothing was probed: dns_resolver: {problem}") from problem
        request = RunRequest(
            Path(given["out"]).absolute() if given["out"] else None,
            given["profile"],
            given["checks"],
            Path(given["ca_file"]) if given["ca_file"] else None,
            tuple(VantagePlan(one.name, one.side, one.sources) for one in vantages),
            _command(task_vars or {}),
            given["partial"],
            given["deadline"],
            dns,
            tuple(Path(one) for one in given["crls"]),
            waivers=Path(given["waivers"]) if given["waivers"] else None,
            waiver_signers=Path(given["waiver_signers"]) if given["waiver_signers"] else None,
            baseline=Path(given["baseline"]) if given["baseline"] else None,
            inventory=shown_path(sources[0]) if sources else "",
            inventory_sha256=hashes(sources),
            vantage_hosts=tuple(vantage_hosts),
            population=Path(given["population"]) if given["population"] else None,
            population_seconds=given["resolve_timeout"],
            scope=permitted,
            inside=given["inside"],
            attestations=Path(given["attestations"]) if given["attestations"] else None,
        )
        try:
            own = read_own(map(Path, given["checks_path"]))
        except OwnFileError as problem:
            raise AnsibleActionFail(f"Nothing was probed: {problem}") from problem
        with using(own) as loaded:
            for words in loaded.problems:
                self._display.warning(words)
            request = dataclasses.replace(request, own=own)
            questions, run = self._begun(request, given["depth"], population, merged, notes)
        for note in notes:
            self._display.warning(note)
        out = run.path.absolute()
        result.update(
            changed=False,
            out=str(out),
            run_id=run.header.run_id,
            targets=[_arguments(one) for one in merged],
            depth=given["depth"] if questions or given["depth"] != "gate" else "session",
            questions=[to_json(question) for question in questions],
            scope=to_json(permitted.scope) if permitted is not None else None,
            vantages=[_look_from(one) for one in vantages],
            vantage_hosts=vantage_hosts,
            journals={one.name: str(out / run.journal_path(one.name).name) for one in vantages},
            counts={
                "hosts": len(plan),
                "excluded": sum(host.excluded is not None for host in population),
                "problems": sum(bool(host.problems) for host in plan),
                "targets": len(merged),
            },
            notes=list(notes),
        )
        if request.inside:
            result["ports"] = _ports(plan, merged)
        unsafe: dict[str, Any] = wrap_var(result)
        return unsafe

    def _require_one_run(self, task_vars: Mapping[str, Any]) -> None:
        """Refuse a play that would audit the same fleet once per host or batch: servers would take it for an attack.

        :raises AnsibleActionFail: it would
        """
        strategy = str(self._task.get_play().strategy or "").rpartition(".")[2]
        if strategy in STRATEGIES_WITHOUT_RUN_ONCE:
            raise AnsibleActionFail(
                f"Nothing was probed: the strategy {strategy} does not honour run_once, so the fleet would be audited"
                " once for every host. Set `strategy: linear` in this play."
            )
        if set(task_vars.get("ansible_play_batch", ())) != set(task_vars.get("ansible_play_hosts", ())):
            raise AnsibleActionFail(
                "Nothing was probed: with `serial` the fleet would be audited once for every batch. Take it out of this"
                " play; audit_concurrency sets how many endpoints are looked at together."
            )

    def _begun(
        self, request: RunRequest, depth: str, plan: Sequence[HostPlan], targets: Sequence[Target], notes: Sequence[str]
    ) -> tuple[tuple[Question, ...], RunFolder]:
        """What to ask, and the run.

        :raises AnsibleActionFail: the request can't be met
        """
        try:
            questions = questions_of(
                request.profile, request.checks, depth, dns=request.dns is not None, crls=bool(request.crl_files),
                inside=request.inside,
            )  # fmt: skip
            return questions, begin(request, plan, targets, notes)
        except (*RequestError, LibraryMissing) as problem:
            raise AnsibleActionFail(f"Nothing was probed: {problem}") from problem

    def _places(self, task_vars: Mapping[str, Any], given: list[dict[str, Any]]) -> tuple[Place, ...]:
        """Who looks: the vantages that were given, and the members of the group, whatever --limit says.

        :raises AnsibleActionFail: one of them can't be used
        """
        named = [Place(one["name"], one["side"], tuple(one["source_addresses"]), one["host"]) for one in given]
        taken = {place.host for place in named}
        members = []
        try:
            for name in _members(task_vars):
                if name not in taken:
                    members.append(member(name, self._of_vantage(task_vars["hostvars"], name)))
            return all_places(named, members)
        except VantageError as problem:
            raise AnsibleActionFail(f"Nothing was probed: {problem}") from problem

    def _of_vantage(self, hostvars: Any, name: str) -> dict[str, object]:
        """What a member of the group says of itself as a vantage.

        :raises VantageError: it can't be read
        """
        found = {}
        for variable in (SIDE, SOURCES):
            try:
                own = hostvars[name]
                if variable in own:
                    found[variable] = plain(own[variable])
            except Exception as error:  # noqa: BLE001 - whatever a host's variables raise
                raise VantageError(f"{variable} of {name!a} can't be read: {_words(error)}") from error
        return found

    def _population(
        self, task_vars: Mapping[str, Any], same: list[str], vantage_hosts: list[str], only: list[str]
    ) -> Iterator[tuple[HostPlan, tuple[Target, ...]]]:
        """Every host of the inventory that is no vantage alone; those that the play leaves out are excluded and have no
        targets.

        :param same: variables that every host must have alike
        :param vantage_hosts: takes the names of those that are vantages and nothing else
        :param only: hosts of the run; none: those of the play
        :raises AnsibleActionFail: a host has one of them another way than the first
        """
        hostvars = task_vars["hostvars"]
        playing = set(only or task_vars.get("ansible_play_hosts_all", ()))
        strangers = sorted(set(only) - {str(host) for host in task_vars["groups"]["all"]})
        if strangers:
            raise AnsibleActionFail(f"Nothing was probed: hosts names {strangers[0]!a}, which the inventory lacks.")
        members = set(_members(task_vars))
        first: tuple[str, dict[str, str]] | None = None
        for name in dict.fromkeys(str(host) for host in task_vars["groups"]["all"]):
            only_looks = name in members and _is_vantage_only(hostvars, name)
            if only_looks:
                vantage_hosts.append(name)
            if name not in playing:
                if not only_looks:
                    yield HostPlan(name, None, (), "outside of the play or of --limit"), ()
                continue
            settings = _settings(hostvars, name, same)
            first = first or (name, settings)
            for variable in same:
                one, other = first[1].get(variable, "not set"), settings.get(variable, "not set")
                if one != other:
                    mine, theirs = ("one", "another") if variable in HIDDEN else (one[:80], other[:80])
                    raise AnsibleActionFail(
                        f"Nothing was probed: {variable} is {mine} for {first[0]} and {theirs} for {name}, and"
                        " a run has it once. Set it for all hosts (group_vars/all), or with -e."
                    )
            if only_looks:
                # Its settings count before that: Ansible takes those of the play's first host, whatever that one is.
                continue
            variables, problems, blind = self._variables(hostvars, name)
            host, wanted = plan_host(name, variables)
            # What could not be read may be the address: probing another one would tell about somebody else.
            yield dataclasses.replace(host, problems=(*host.problems, *problems)), () if blind else wanted

    def _variables(self, hostvars: Any, name: str) -> tuple[dict[str, Any], list[str], bool]:
        """Those of our variables that a host has, what is wrong with the others, and whether it can't be probed."""
        variables: dict[str, Any] = {}
        problems: list[str] = []
        blind = False
        try:
            own = hostvars[name]
            present = [variable for variable in VARIABLES if variable in own]
        except Exception as error:  # noqa: BLE001 - whatever a host's variables raise, it is that host's problem
            return {}, [f"its variables can't be read: {_words(error)}"], True
        for variable in present:
            try:
                variables[variable] = plain(own[variable])
            except Exception as error:  # noqa: BLE001 - as above
                problems.append(f"{variable}: {_words(error)}")
                blind = blind or variable not in SHOWN_ONLY
        return variables, problems, blind


def _members(task_vars: Mapping[str, Any]) -> list[str]:
    """The hosts of the group of vantages, each once."""
    return list(dict.fromkeys(str(host) for host in task_vars["groups"].get(GROUP, ())))


def _is_vantage_only(hostvars: Any, name: str) -> bool:
    """Whether a member of the group is no server; one whose variables can't be read may be one."""
    try:
        return is_vantage_only(set(hostvars[name]))
    except Exception:  # noqa: BLE001 - the host's own problem; `_variables` tells it
        return False


def _look_from(place: Place) -> dict[str, Any]:
    """A vantage as the role goes through them."""
    told = {"name": place.name, "side": place.side, "source_addresses": list(place.sources)}
    return told if place.host is None else {**told, "host": place.host}


def _dns(given: Mapping[str, Any]) -> DnsPlan | None:
    """Whom the run asks about DNS records.

    :raises ResolverError: that can't be used
    """
    if not given["dns"]:
        return None
    return plan_of(
        given["dns_resolver"], trust_ad=given["dns_trust_ad"], side=given["dns_side"], timeout=given["dns_timeout"]
    )


def _settings(hostvars: Any, name: str, wanted: list[str]) -> dict[str, str]:
    """Those of the wanted variables that the inventory gives to a host, as they are shown."""
    try:
        own = hostvars[name]
        present = [variable for variable in wanted if variable in own]
    except Exception:  # noqa: BLE001 - the host's own problem; `_variables` tells it
        return {}
    found = {}
    for variable in present:
        try:
            found[variable] = ascii(plain(own[variable]))
        except Exception as error:  # noqa: BLE001 - where all hosts have it so, the role's own check has failed
            found[variable] = _words(error)
    return found


def _with_logins(
    targets: tuple[Target, ...], notes: tuple[str, ...], credentials: Mapping[str, Any] | None, allow_dele: bool
) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """The targets, those marked that the credentials are for.

    :raises AnsibleActionFail: credentials that can't be used, or are for none of them; what is in them is not shown
    """
    given = {key: plain(value) for key, value in (credentials or {}).items() if value is not None}
    if not given:
        return targets, notes
    try:
        marked, strangers = logins_of(given, None, False, allow_dele).owed(targets)
    except CredentialsError as problem:
        raise AnsibleActionFail(f"Nothing was probed: {problem}") from None
    return marked, (*notes, *(f"the credentials name {name!a}, which is no target" for name in strangers))


def _arguments(target: Target) -> dict[str, Any]:
    """A target as the module takes it: what is not set is left out, and no clear-text port is 0."""
    given = {name: value for name, value in dataclasses.asdict(target).items() if value is not None}
    return {**given, "hosts": list(target.hosts), "pop3_port": target.pop3_port or 0}


def _sources(task_vars: Mapping[str, Any]) -> list[Path]:
    """The inventory files and folders that the play was given."""
    found = [Path(str(source)) for source in task_vars.get("ansible_inventory_sources") or ()]
    return [path for path in found if path.exists()]


def _ports(plan: list[HostPlan], targets: tuple[Target, ...]) -> dict[str, list[int]]:
    """The ports that each host has to be looked at from inside."""
    ports: dict[str, set[int]] = {host.name: set() for host in plan if host.excluded is None}
    for target in targets:
        for name in target.hosts:
            ports[name] |= {target.port, target.pop3_port or target.port}
    return {name: sorted(found) or [995, 110] for name, found in ports.items()}


def _command(task_vars: Mapping[str, Any]) -> tuple[str, ...]:
    """How the run was started, for the record: never the extra variables, which may be secrets."""
    command = ["ansible-playbook"]
    for source in task_vars.get("ansible_inventory_sources") or ():
        command += ["-i", str(source)]
    if task_vars.get("ansible_limit"):
        command += ["--limit", str(task_vars["ansible_limit"])]
    if task_vars.get("ansible_check_mode"):
        command.append("--check")
    return (*command, "port995.pop3s.pop3s_plan")


def _words(error: Exception) -> str:
    return " ".join(str(getattr(error, "message", "") or error).split())[:300]
