# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the command's options into README.md and each role's variables into its README; a test compares them.

    python packaging/readme_help.py

Read from the command's own declarations, since typer's help looks different in each of its releases.
"""

from __future__ import annotations

import enum
import inspect
import json
import re
import textwrap
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import typer.models
import yaml

from port995.cli import app

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
ROLES = tuple(ROOT / "roles" / name for name in ("audit", "close"))
BEGIN = "<!-- written by packaging/readme_help.py: begin -->\n"
END = "<!-- written by packaging/readme_help.py: end -->\n"
WIDTH = 110
INDENT = 30


def help_text() -> str:
    """Every subcommand with its options, as plain text."""
    texts = []
    told: set[tuple[str, str]] = set()
    for command in app.registered_commands:
        if command.callback is not None:
            texts.append(_command(command.callback, told))
            told |= set(_parameters(command.callback))
    return "\n".join(texts)


def variables_table(role: Path) -> str:
    """A role's variables, with their defaults, as its argument specification describes them."""
    specified = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    lines = ["| variable | default | means |", "| --- | --- | --- |"]
    for name, option in specified["argument_specs"]["main"]["options"].items():
        default = defaults[name]
        shown = "the controller" if option.get("elements") == "dict" else f"`{json.dumps(default)}`"
        if isinstance(default, str) and "{{" in default:
            shown = "of the inventory"
        told = option["description"]
        words = [told] if isinstance(told, str) else list(told)
        if "choices" in option:
            words.append(f"One of {', '.join(option['choices'])}.")
        if "options" in option:
            words += [f"`{key}`: {value['description']}" for key, value in option["options"].items()]
        # Ansible's markup for options and values.
        told = re.sub(r"\b[OVCM]\(([^)]*)\)", r"`\1`", " ".join(words))
        lines.append(f"| `{name}` | {shown} | {told} |")
    return "\n".join(lines) + "\n"


def sections() -> dict[Path, str]:
    """What stands between the two marks of each document."""
    return {
        README: f"{BEGIN}```text\n{help_text()}```\n{END}",
        **{role / "README.md": f"{BEGIN}\n{variables_table(role)}\n{END}" for role in ROLES},
    }


def _command(function: Callable[..., object], told_before: set[tuple[str, str]]) -> str:
    rows = list(_parameters(function))
    words = "".join(f" {name}" for name, _ in rows if not name.startswith("-"))
    lines = [f"port995 {function.__name__} [OPTIONS]{words}"]
    for paragraph in inspect.getdoc(function).split("\n\n"):  # type: ignore[union-attr]  # Each command has one.
        lines += textwrap.wrap(" ".join(paragraph.split()), WIDTH - 2, initial_indent="  ", subsequent_indent="  ")
    again = [name.split()[0].rstrip(",") for name, told in rows if (name, told) in told_before and name.startswith("-")]
    for name, told in rows:
        if (name, told) in told_before:
            continue
        first, *more = textwrap.wrap(told, WIDTH - INDENT)
        lines += [f"  {name}", " " * INDENT + first] if len(name) > INDENT - 4 else [f"  {name:<{INDENT - 2}}{first}"]
        lines += [" " * INDENT + line for line in more]
    if again:
        lines += textwrap.wrap(f"as above: {' '.join(again)}", WIDTH, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(lines) + "\n"


def _parameters(function: Callable[..., object]) -> Iterator[tuple[str, str]]:
    hints = typing.get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        if typing.get_origin(hints[name]) is not typing.Annotated:
            continue  # typer's own context
        kind, declared = hints[name].__origin__, hints[name].__metadata__[0]
        if isinstance(declared, typer.models.ArgumentInfo):
            optional = parameter.default is not inspect.Parameter.empty
            yield declared.metavar or (f"[{name.upper()}]" if optional else name.upper()), declared.help or ""
            continue
        # typer takes the first name for a default until the command is built.
        names = [one for one in (declared.default, *(declared.param_decls or ())) if str(one).startswith("-")]
        called = ", ".join(map(str, names)) or f"--{name.replace('_', '-')}"
        value = "" if kind is bool else f" {declared.metavar or _value(kind, name)}"
        default = parameter.default
        shown = default.value if isinstance(default, enum.Enum) else default
        told = declared.help or ""
        needed = default is inspect.Parameter.empty
        yield called + value, told if needed or shown in (None, "", False) else f"{told} Default: {shown}."


def _value(kind: object, name: str) -> str:
    if isinstance(kind, enum.EnumMeta):
        return "|".join(one.value for one in kind)
    kinds = (kind, *typing.get_args(kind))
    words = ((int, "N"), (float, "SECONDS"), (Path, "PATH"))
    return next((word for type_, word in words if type_ in kinds), name.rpartition("_")[2].upper())


if __name__ == "__main__":
    for document, section in sections().items():
        before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
        document.write_text(before + section + rest.partition(END)[2], encoding="utf-8")
