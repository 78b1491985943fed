# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``port995``. Exit codes are those of `port995.policy.model.Exit`."""

from __future__ import annotations

from typing import Annotated

import typer

from .command.audit import audit
from .command.baseline import baseline
from .command.bundle import bundle, verify
from .command.checks import checks
from .command.clients import clients
from .command.compare import diff, history
from .command.ending import show_tracebacks
from .command.judge import judge
from .command.lab import lab
from .command.listing import gate
from .command.merge import merge
from .command.profiles import profiles
from .command.remediate import pair, remediate
from .command.scan import scan
from .copies import tell_version

app = typer.Typer(
    name="port995",
    help="Tell, with proof, whether TCP 995 (POP3S) is as it should be on every host of a fleet.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    audit, scan, judge, gate, baseline, diff, pair, history, merge, remediate, bundle, verify, checks, profiles,
    clients,
):  # fmt: skip
    app.command()(command)
app.command(context_settings={"allow_interspersed_args": False})(lab)


def _version(wanted: bool) -> None:
    if not wanted:
        return
    tell_version()
    raise typer.Exit(0)


@app.callback()
def _main(
    debug: Annotated[
        bool, typer.Option("--debug", callback=show_tracebacks, help="Show where an internal error comes from.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
