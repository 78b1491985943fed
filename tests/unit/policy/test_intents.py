# SPDX-License-Identifier: GPL-3.0-or-later
"""Intents from a file: the first rule that names a target, and nothing for one that none names."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from port995.policy.intents import read_intents
from port995.policy.model import Intent
from port995.policy.strict_yaml import YamlError
from port995.report import schema

FILE = b"""\
schema: port995/intents/1
intents:
  - hosts: [mail.example.org, "pop-*.example.org", 192.0.2.0/28, "2001:db8::/64"]
    intent: serve
  - hosts: [192.0.2.0/24]
    intent: internal
  - hosts: ["*.old.example.org"]
    intent: closed
"""


@pytest.mark.parametrize(
    ("name", "intent"),
    [
        ("mail.example.org", Intent.SERVE), ("MAIL.example.org.", Intent.SERVE), ("pop-7.example.org", Intent.SERVE),
        ("192.0.2.15", Intent.SERVE), ("192.0.2.16", Intent.INTERNAL), ("[2001:db8::7]", Intent.SERVE),
        ("a.old.example.org", Intent.CLOSED), ("old.example.org", None), ("198.51.100.1", None), ("", None),
    ],
)  # fmt: skip
def test_the_first_rule_that_names_it_counts(name: str, intent: Intent | None) -> None:
    assert read_intents(FILE, "i.yml").of(name) is intent


def test_an_address_that_a_name_was_typed_with_counts_too() -> None:
    assert read_intents(FILE, "i.yml").of("other.example.org", "192.0.2.1") is Intent.SERVE


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("intent: serve", "intent: served", "i.yml:4: intents[0].intent is 'served', none of serve, internal, closed"),
        ("intent: serve", "intents: serve", "'intents' is not understood"),
        ("192.0.2.0/28", "192.0.2.1/28", "is no network"),
        ("intents/1", "intents/2", "i.yml:1: schema is 'port995/intents/2'"),
        ('["*.old.example.org"]', "[]", "at least one entry"),
        ("    intent: closed", "    intent: closed\n    intent: serve", "stands twice"),
    ],
)
def test_bad_input_is_refused_with_file_and_line(old: str, new: str, words: str) -> None:
    with pytest.raises(YamlError) as told:
        read_intents(FILE.decode().replace(old, new, 1).encode(), "i.yml")
    assert words in str(told.value)


def test_the_published_schema_takes_the_file() -> None:
    validator = jsonschema.Draft202012Validator(schema.load("intents-1"))
    validator.validate(yaml.safe_load(FILE))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(yaml.safe_load(FILE.replace(b"intent: serve", b"intent: served")))
