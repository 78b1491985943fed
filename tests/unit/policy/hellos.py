# SPDX-License-Identifier: GPL-3.0-or-later
"""Hellos as a probe would record them: the questions of a profile, put to a server that refuses all it should."""

from __future__ import annotations

import base64
import dataclasses
import functools
from typing import Any

from port995.policy.offers import compile_offers
from port995.policy.profile import load_profile
from port995.probe.model import Hello, Question
from port995.probe.tls.certificate_key import key_of

ALERT: dict[str, Any] = {"outcome": "alert", "alert": 40, "octets_received": 7, "head": "15030300020228"}
EOF: dict[str, Any] = {"outcome": "eof"}


def taken(suite: int = 0xC02F, version: int = 0x0303, **more: Any) -> dict[str, Any]:
    """An answer that chooses."""
    return {
        "outcome": "server-hello", "complete": True, "answered_version": version, "suite": suite, "octets_received": 900,
        "answer_extensions": (0xFF01, 23), "random_tail": b"DOWNGRD\x01".hex(), "compression": 0, **more,
    }  # fmt: skip


def hello_of(question: Question, answer: dict[str, Any], **offered: Any) -> Hello:
    """What is recorded of one question and the answer to it."""
    given = {
        "question": question.id, "purpose": question.purpose, "version": question.version, "suites": question.suites,
        "groups": question.groups, "signatures": question.signatures, "key_share": question.key_share,
        "server_name": "mail.example.org", "extensions": (0, 10, 13, 23), "octets": 517, "connect_seconds": 0.001,
        "quiet_seconds": 0.021, "answer_seconds": 0.001, **offered, **answer,
    }  # fmt: skip
    return Hello(**given)


@functools.cache
def questions(profile: str = "baseline") -> dict[str, Question]:
    """The questions of a profile that are hellos, by their ids."""
    asked = compile_offers(load_profile(profile))
    return {question.id: question for question in asked if question.kind == "hello"}


def good_hellos(leaf: str, profile: str = "baseline", **answers: dict[str, Any]) -> tuple[Hello, ...]:
    """All that is asked of a server of TLS 1.2 and 1.3 that refuses by alerts; ``answers`` replace some (the hyphens and
    dots of a question's id are underscores there).

    :param leaf: its certificate, base64 of the DER
    """
    key = key_of(base64.b64decode(leaf)).type
    own = {"RSA": 0x0804, "ECDSA": 0x0403}[key]
    suite = 0xC02F if key == "RSA" else 0xC02B
    found = []
    for question in questions(profile).values():
        if question.control and question.id != "control-1.2":
            continue
        if question.unless_key == key or question.only_key not in ("", key) or question.only_shown:
            continue
        answer = ALERT
        if question.control or question.extras or question.id == f"signatures-{key.lower()}":
            answer = taken(suite, group=0x001D, signature=own, certificate=0)
        name = question.id.replace("-", "_").replace(".", "_")
        offered: dict[str, Any] = {} if question.server_name else {"server_name": None}
        if question.extras:
            offered |= {"offers_compression": True, "experiment": True}
        if question.only_key == "ECDSA" and question.own_group:
            offered["groups"] = question.groups + "0017"
        found.append(hello_of(question, answers.get(name, answer), **offered))
        if question.lower:
            found += [hello_of(question, answer, version=version, **offered) for version in (0x0301, 0x0300)]
    return tuple(found)


def replaced(hellos: tuple[Hello, ...], position: int, answer: dict[str, Any]) -> tuple[Hello, ...]:
    """The same hellos, with another answer at one position."""
    nothing = {
        "answered_version": None, "suite": None, "group": None, "signature": None, "dh_bits": None, "complete": False,
        "alert": None, "certificate": None, "answer_extensions": (), "random_tail": "", "compression": None, "head": "",
        "octets_received": 0, "detail": "",
    }  # fmt: skip
    changed = dataclasses.replace(hellos[position], **{**nothing, **answer})
    return (*hellos[:position], changed, *hellos[position + 1 :])
