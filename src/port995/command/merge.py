# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 merge``: the runs over the shards of a fleet as one run, under the population that there has to be."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..evidence.conclude import conclude
from ..evidence.merge import Expected
from ..evidence.merge import merge as merged
from ..evidence.population_file import MAX_POPULATION, PopulationError, read_population
from ..evidence.run_folder import RunError
from ..policy.inventory import plan_host
from ..policy.libraries import LibraryMissing
from ..policy.model import Exit, Intent, Severity
from ..report.escape import visible
from ..report.junit_flavours import Flavour
from ..report.terminal import render
from . import options as given
from .ansible_inventory import InventoryError, problems_of, read_inventory
from .ending import guarded, say, stop

LISTS = (".csv", ".tsv", ".xml", ".gz")
"""Names that end so are lists; any other is an inventory."""


@guarded
def merge(
    context: typer.Context,
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of the runs over the shards.")],
    population: Annotated[
        Path,
        typer.Option(
            "--population",
            help="Every host there has to be: an Ansible inventory, or a list (.csv with the columns address, host or"
            " name; .xml of Nmap).",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the new run.")],
    intent: Annotated[
        Intent,
        typer.Option("--intent", help="What hosts of a list are meant to be, where no shard looked at them."),
    ] = Intent.SERVE,
    partial: Annotated[
        bool, typer.Option("--partial", help="Hosts that every shard left out do not make it incomplete.")
    ] = False,
    checks_path: given.ChecksPath = None,
    fail_on: given.FailOn = Severity.LOW,
    gate_checks: given.GateChecks = "",
    min_coverage: given.MinCoverage = 100.0,
    max_waived: given.MaxWaived = None,
    max_age: given.MaxAge = None,
    formats: given.Formats = None,
    junit_flavour: given.JunitFlavour = Flavour.JENKINS,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing but errors.")] = False,
) -> int:
    """Make one run of several, judge it, and end with the gate's exit code; nothing is sent.

    A host of the population that no shard looked at is unreachable; of one that several looked at, everything that was
    seen counts, and it is an error where they say different things of what it is to be. Shards that were judged by
    different rules are refused.
    """
    given.own_checks(context, checks_path)
    wanted = given.chosen_formats(formats)
    rules = given.rules_of(fail_on, gate_checks, min_coverage, max_waived, max_age)
    expected = _expected(population, intent)
    try:
        run = merged(runs, expected, visible(str(population)), out, command=tuple(sys.argv[1:]), partial=partial)
    except RunError as error:
        stop(Exit.USAGE, str(error))
    for note in (*run.header.notes, *(f"shard {one.source}: {words}" for one in run.header.shards
                                      for words in one.problems)):  # fmt: skip
        print(f"port995: {visible(note, 400)}", file=sys.stderr)
    try:
        conclusion = conclude(run, rules=rules, formats=wanted, flavour=junit_flavour)
    except (RunError, LibraryMissing) as error:
        stop(Exit.CANNOT_VOUCH, str(error))
    if not quiet:
        try:
            render(
                conclusion.judgement, conclusion.gate, sys.stdout, sys.stdout.isatty(), run.header,
                conclusion.activity,
            )  # fmt: skip
        except BrokenPipeError:
            pass
        say(f"reports: {visible(str(run.path))} ({', '.join(conclusion.files)})")
    return int(conclusion.gate.exit)


def _expected(path: Path, intent: Intent) -> list[Expected]:
    """The hosts that there have to be; ends with exit code 2 where that can't be read."""
    return _from_list(path, intent) if path.suffix.lower() in LISTS else _from_inventory(path)


def _from_inventory(path: Path) -> list[Expected]:
    try:
        inventory = read_inventory(path)
    except InventoryError as error:
        stop(Exit.USAGE, str(error))
    found = []
    for name, variables in inventory.hosts.items():
        usable, _left = problems_of(variables)
        # What can only be filled in by a playbook is not known here; the shard whose playbook filled it in knows.
        host, targets = plan_host(name, usable)
        found.append(Expected(host, targets))
    return found


def _from_list(path: Path, intent: Intent) -> list[Expected]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_POPULATION + 1)
        if len(data) > MAX_POPULATION:
            stop(Exit.USAGE, f"{path}: is larger than {MAX_POPULATION} octets")
        listed = read_population(data, str(path))
    except OSError as error:
        stop(Exit.USAGE, f"{path}: can't be read ({error.strerror or error}): check its path and mode")
    except PopulationError as error:
        stop(Exit.USAGE, str(error))
    if listed.problems:
        stop(Exit.USAGE, f"{listed.problems[0]}: it is not the whole population")
    found = []
    for one in listed.hosts:
        words = (*one.names, *one.addresses)
        address = (*one.addresses, *one.names)[0]
        host, targets = plan_host(words[0], {"pop3s_address": address, "pop3s_intent": intent.value})
        found.append(Expected(host, targets, words[1:], declares=False))
    return found
