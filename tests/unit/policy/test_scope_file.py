# SPDX-License-Identifier: GPL-3.0-or-later
"""The scope file: read whole or refused with its line, since what was misread may be what forbids something."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from port995.evidence.given_files import load_scope
from port995.policy.model import HostPlan
from port995.policy.scope_file import ScopeError, read_scope, require_now, within
from port995.probe.model import Target
from port995.probe.scope import Scope, Window, moment
from port995.report import schema

WHOLE = b"""\
schema: port995/scope/1
ticket: CHG-2026-1234
networks: [192.0.2.0/24, "2001:db8::/64"]
never: [192.0.2.66]
sources:
  - 198.51.100.7
times:
  - {from: 2026-11-27T22:00:00+01:00, to: "2026-11-28T04:00:00Z"}
  - {from: 2026-07-01T22:00:00, to: 2026-07-02 04:00, zone: Europe/Berlin}
"""
SCHEMA = Draft202012Validator(schema.load("scope-1"))
HEAD = "schema: port995/scope/1\nnetworks: [192.0.2.0/24]\n"


def test_all_of_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scope.yml"
    path.write_bytes(WHOLE)
    assert read_scope(WHOLE, str(path)) == Scope(
        ("192.0.2.0/24", "2001:db8::/64"), ("192.0.2.66/32",), ("198.51.100.7/32",),
        (Window("2026-11-27T21:00:00Z", "2026-11-28T04:00:00Z"), Window("2026-07-01T20:00:00Z", "2026-07-02T02:00:00Z")),
        "CHG-2026-1234", hashlib.sha256(WHOLE).hexdigest(), str(path),
    )  # fmt: skip


def test_networks_alone_are_enough() -> None:
    scope = read_scope(HEAD.encode(), "f")
    assert scope.networks == ("192.0.2.0/24",) and not (scope.never or scope.sources or scope.times or scope.ticket)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "f: the file is empty"),
        ("- a\n", "f:1: the file is a list, a mapping is expected"),
        ("networks: [192.0.2.0/24]\n", "f:1: the scope lacks schema"),
        ("schema: port995/scope/2\nnetworks: [192.0.2.0/24]\n", "f:1: schema is 'port995/scope/2'"),
        ("schema: port995/scope/1\n", "f:1: the scope lacks networks"),
        (HEAD + "nevr: [192.0.2.1]\n", "f:3: the scope: 'nevr' is not understood"),
        (HEAD + "networks: [10.0.0.0/8]\n", "f:3: the key 'networks' stands twice"),
        (HEAD + "never: []\n", "f:3: never is a list, a list with at least one entry"),
        (HEAD + "never: 192.0.2.1\n", "f:3: never is '192.0.2.1', a list"),
        (HEAD + "never:\n  - 192.0.2.1\n  - 192.0.2.9/24\n", "f:5: never: 192.0.2.9/24 has bits behind its prefix"),
        (HEAD + "never: [legacy.example.org]\n", "f:3: never: 'legacy.example.org' is neither an address"),
        (HEAD + "never: [192.0.2.256]\n", "f:3: never"),
        (HEAD + 'never: ["::ffff:192.0.2.1"]\n', "f: .* write it as IPv4"),
        (HEAD + "never: [192.0.2.1-9]\n", "f:3: never"),
        (HEAD + "never: [null]\n", "f:3: never"),
        (HEAD + "never: [[192.0.2.1]]\n", "f:3: never is a list"),
        (HEAD + "sources: [eth0]\n", "f:3: sources"),
        (HEAD + "ticket: [a]\n", "f:3: ticket is a list"),
        (HEAD + 'ticket: "a\\u001b[2J"\n', "f:3: ticket holds control characters"),
        (HEAD + 'ticket: "a\\nb"\n', "f:3: ticket is more than one line"),
        (HEAD + f"ticket: {'x' * 201}\n", "f:3: ticket is .*a text of 1 to 200"),
        (HEAD + "times: []\n", "f:3: times is a list, a list with at least"),
        (HEAD + "times: [{from: 2026-11-27T22:00:00Z}]\n", r"f:3: times\[0\] lacks to"),
        (HEAD + "times:\n  - {from: 2026-11-27T22:00:00, to: 2026-11-28T04:00:00Z}\n", "f:4: .*a time without a zone"),
        (HEAD + "times:\n  - {from: 2026-11-27, to: 2026-11-28}\n", "f:4: .*a time without a zone"),
        (HEAD + "times:\n  - {from: tonight, to: 2026-11-28T04:00:00Z}\n", "f:4: .*'tonight', no time"),
        (HEAD + "times:\n  - {from: 2026-11-28T04:00:00Z, to: 2026-11-27T22:00:00Z}\n", r"f:4: times\[0\] ends no later"),
        (HEAD + "times:\n  - {from: 2026-11-27T22:00:00Z, to: 2026-11-28T04:00:00Z, zone: UTC}\n", "f:4: .*a zone stands"),
        (HEAD + "times:\n  - {from: 2026-11-27T22:00:00, to: 2026-11-28T04:00:00, zone: Mars/X}\n", "f:4: .*no time zone"),
        (HEAD + "times:\n  - {from: 2026-11-27T22:00:00, to: 2026-11-28T04:00:00, zone: ../passwd}\n", "no time zone"),
        (HEAD + "times:\n  - {from: 2026-10-25T02:30:00, to: 2026-11-28T04:00:00, zone: Europe/Berlin}\n", "clocks of the zone"),
        (HEAD + "times:\n  - {from: 2026-03-29T02:30:00, to: 2026-11-28T04:00:00, zone: Europe/Berlin}\n", "clocks of the zone"),
        (HEAD + "times:\n  - {from: 2026-11-27T22:00:00Z, to: 2026-11-28T04:00:00Z, days: all}\n", "'days' is not understood"),
        (HEAD + "never: &n [192.0.2.1]\nsources: *n\n", "f:4: aliases"),
        (HEAD + "never: !!python/object:os.system [192.0.2.1]\n", "f:3: tags"),
        (HEAD + "never: [192.0.2.1\n", "f:.*: is no YAML"),
        (HEAD + "---\n" + HEAD, "is no YAML"),
        ("a: " + "[" * 5000, "is no YAML|nested"),
        ("\x00", "is no YAML"),
        (HEAD + "# " + "x" * 1024 * 1024, "is larger than"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(ScopeError, match=words):
        read_scope(text.encode(), "f")


@pytest.mark.parametrize("text", [WHOLE.decode(), HEAD])
def test_the_published_schema_takes_what_is_read(text: str) -> None:
    read_scope(text.encode(), "f")
    SCHEMA.validate(yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506 - texts alone


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "nevr: [192.0.2.1]\n",
        HEAD + "never: []\n",
        HEAD + "never: [legacy.example.org]\n",
        HEAD + "times: [{from: 2026-11-27T22:00:00, to: 2026-11-28T04:00:00Z}]\n",
        HEAD + "times: [{from: 2026-11-27T22:00:00Z, to: 2026-11-28T04:00:00Z, zone: UTC}]\n",
        "schema: port995/scope/1\n",
    ],
)
def test_the_published_schema_refuses_what_is_refused(text: str) -> None:
    with pytest.raises(ScopeError):
        read_scope(text.encode(), "f")
    assert not SCHEMA.is_valid(yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506 - texts alone


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    for path, word in ((tmp_path / "none", "can't be read"), (tmp_path, "is no plain file")):
        with pytest.raises(ScopeError, match=word):
            load_scope(path)


def test_outside_of_its_times_nothing_may_be_touched() -> None:
    scope = read_scope(WHOLE, "f")
    require_now(scope, moment("2026-11-27T21:00:00Z"))
    for text in ("2026-11-27T20:59:59Z", "2026-11-28T04:00:00Z"):
        with pytest.raises(ScopeError, match=f"f: out of scope: it is {text}, and the time of the scope is from"):
            require_now(scope, moment(text))


def test_hosts_of_which_every_address_is_out_of_scope_are_excluded_and_stay_in_the_population() -> None:
    scope = Scope(("192.0.2.0/24",), ("192.0.2.66",))
    plan = [HostPlan(name) for name in ("in", "never", "out", "half", "named")] + [HostPlan("odd", problems=("x",))]
    targets = [
        Target(("in", "never"), "192.0.2.1"), Target(("never",), "192.0.2.66"), Target(("out",), "203.0.113.9"),
        Target(("half",), "203.0.113.9", 1995), Target(("half",), "192.0.2.2"), Target(("named",), "mail.example.org"),
        Target(("odd",), "203.0.113.9", 2995),
    ]  # fmt: skip
    hosts, left = within(scope, plan, targets)
    assert [(one.name, one.excluded) for one in hosts] == [
        ("in", None), ("never", None), ("out", "out of scope: is in no network of the scope"), ("half", None),
        ("named", None), ("odd", None),
    ]  # fmt: skip
    # What is out of scope of a host that is not, is told address by address: the probe does not touch it.
    assert [one.address for one in left] == ["192.0.2.1", "192.0.2.66", "203.0.113.9", "192.0.2.2", "mail.example.org"]
    assert within(None, plan, targets) == (tuple(plan), tuple(targets))
