# SPDX-License-Identifier: GPL-3.0-or-later
"""What typed targets are meant to be, from a file: for those who keep no inventory. Schema: ``port995/intents/1``.

    schema: port995/intents/1
    intents:
      - hosts: [mail.example.org, "pop-*.example.org", 192.0.2.0/28]
        intent: serve
      - hosts: ["*"]
        intent: closed

The first entry that names a target is its intent. One that no entry names has none, which is a finding: whoever keeps
such a file wants to hear of the hosts it forgot.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import ipaddress

from .model import Intent
from .strict_yaml import Document

SCHEMA = "port995/intents/1"


@dataclasses.dataclass(frozen=True)
class IntentRule:
    """What some targets are meant to be."""

    hosts: tuple[str, ...]
    """Names with ``*``, ``?`` and ``[]``, addresses, networks."""

    intent: Intent
    line: int


@dataclasses.dataclass(frozen=True)
class Intents:
    """The rules of a file, in their order."""

    rules: tuple[IntentRule, ...]
    source: str

    def of(self, *names: str) -> Intent | None:
        """The intent of a target.

        :param names: what it is called: name, address
        :returns: ``None``: no rule names it
        """
        for rule in self.rules:
            if any(_names(pattern, name) for pattern in rule.hosts for name in names):
                return rule.intent
        return None


def read_intents(raw: bytes, source: str) -> Intents:
    """Read a file of intents.

    :param source: what to call it in messages
    :raises YamlError: it can't be read or understood; names file and line
    """
    document = Document(raw, source, "intents")
    document.keys(document.top, "the file", ("schema", "intents"))
    if str(document.top["schema"]) != SCHEMA:
        found = str(document.top["schema"])[:60]
        raise document.fault(document.top["schema"], f"schema is {found!a}, this version reads {SCHEMA}")
    rules = []
    words = [one.value for one in Intent]
    for number, item in enumerate(document.listed(document.top["intents"], "intents")):
        where = f"intents[{number}]"
        entry = document.mapping(item, where)
        document.keys(entry, where, ("hosts", "intent"))
        word = document.text(entry["intent"], f"{where}.intent")
        if word not in words:
            raise document.fault(entry["intent"], f"{where}.intent is {word[:40]!a}, none of {', '.join(words)}")
        hosts = document.texts(entry["hosts"], f"{where}.hosts")
        for place, pattern in zip(entry["hosts"], hosts, strict=True):
            if "/" in pattern:
                try:
                    ipaddress.ip_network(pattern)
                except ValueError as error:
                    raise document.fault(place, f"{where}.hosts: {pattern!a} is no network: {error}") from error
        rules.append(IntentRule(hosts, Intent(word), entry.line))
    return Intents(tuple(rules), source)


def _names(pattern: str, name: str) -> bool:
    try:
        return ipaddress.ip_address(name.strip("[]")) in ipaddress.ip_network(pattern)
    except ValueError:
        return fnmatch.fnmatchcase(name.lower().rstrip("."), pattern.lower().rstrip("."))
