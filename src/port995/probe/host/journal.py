# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host shows from inside, as one line of JSON: written, and read back with mistrust. It comes from the host that
it is about, so every field has its bounds. Python 3.9, standard library only."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any, Iterable, Optional

from ..codec import CodecError, decode, to_json
from .model import HOST_SCHEMA, OUTCOMES, SEEN, VERDICTS, HostObservation

MAX_LINE = 1024 * 1024
"""Characters of a line."""
MAX_TEXT = 4096
"""Characters of a text in it."""
MAX_ITEMS = 2000
"""Items of a list in it."""
SHA256 = re.compile(r"[0-9a-f]{64}")
MODE = re.compile(r"[0-7]{4}")


def as_line(seen: HostObservation) -> str:
    """An observation as one line of JSON."""
    return json.dumps(to_json(seen), separators=(",", ":"), sort_keys=True)


def host_from_json(data: object) -> HostObservation:
    """Read an observation.

    :raises CodecError: another schema, a missing or unknown field, a wrong type or word, something without bounds, or
        it contradicts itself
    """
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != HOST_SCHEMA:
        raise CodecError("schema is %s, this version reads %s" % (ascii(schema)[:60], HOST_SCHEMA))
    _bounded(data, 0)
    seen: HostObservation = decode(HostObservation, data)
    _word(seen.outcome, OUTCOMES, "outcome")
    for address in seen.addresses:
        _address(address, "addresses")
    if seen.outcome != SEEN:
        if seen.listening or seen.firewall or seen.daemons or seen.certificates or seen.addresses:
            raise CodecError("outcome %s does not go with what is told of the host" % seen.outcome)
        return seen
    if seen.listening is None or seen.firewall is None or seen.uid is None:
        raise CodecError("outcome seen lacks listening, firewall or uid")
    _consistent(seen)
    return seen


def _consistent(seen: HostObservation) -> None:
    listening, firewall = seen.listening, seen.firewall
    if listening is None or firewall is None:
        return
    for family in (*listening.families, *listening.absent_families):
        _word(family, (4, 6), "family")
    if set(listening.families) & set(listening.absent_families):
        raise CodecError("a family of listening is there and is not")
    for port in listening.ports:
        _port(port)
    for listener in listening.listeners:
        _word(listener.family, listening.families, "family of a listener")
        _word(listener.port, listening.ports, "port of a listener")
        _address(listener.address, "address of a listener", listener.family)
    verdicts = [(one.family, one.port) for one in firewall.verdicts]
    if len(set(verdicts)) != len(verdicts):
        raise CodecError("firewall says two things of a port")
    for verdict in firewall.verdicts:
        _word(verdict.family, (4, 6), "family of a verdict")
        _word(verdict.port, listening.ports, "port of a verdict")
        _word(verdict.state, VERDICTS, "state of a verdict")
        for source in verdict.sources:
            _network(source)
        if bool(verdict.sources) != (verdict.state == "restricted"):
            raise CodecError("sources of a verdict do not go with its state")
    for certificate in seen.certificates:
        if not all(SHA256.fullmatch(one) for one in certificate.sha256):
            raise CodecError("a fingerprint of a certificate is not SHA-256")
        if certificate.key is not None and not MODE.fullmatch(certificate.key.mode):
            raise CodecError("mode of a key is not four octal digits")


def _bounded(value: Any, depth: int) -> None:
    if depth > 12:
        raise CodecError("it is nested too deep")
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise CodecError("a text of it is longer than %d characters" % MAX_TEXT)
    elif isinstance(value, dict):
        _count(value)
        for name, item in value.items():
            _bounded(name, depth + 1)
            _bounded(item, depth + 1)
    elif isinstance(value, list):
        _count(value)
        for item in value:
            _bounded(item, depth + 1)
    elif isinstance(value, int) and abs(value) > 2**63:
        raise CodecError("a number of it is too large")


def _count(value: Any) -> None:
    if len(value) > MAX_ITEMS:
        raise CodecError("it holds more than %d items in one place" % MAX_ITEMS)


def _word(word: object, known: Iterable[object], where: str) -> None:
    if word not in known:
        raise CodecError("%s is %s, none of %s" % (where, ascii(word)[:60], ", ".join(map(str, known)) or "those told"))


def _port(port: int) -> None:
    if not 0 < port < 65536:
        raise CodecError("port %d is none" % port)


def _address(text: str, where: str, family: Optional[int] = None) -> None:
    try:
        right = ipaddress.ip_address(text).version in ((family,) if family else (4, 6))
    except ValueError:
        right = False
    if not right:
        raise CodecError("%s: %s is no IP address of its family" % (where, ascii(text)[:60]))


def _network(text: str) -> None:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise CodecError("%s is no network" % ascii(text)[:60]) from None


def read_line(line: str) -> HostObservation:
    """Read the one line of a file.

    :raises CodecError: it is none
    """
    if len(line) > MAX_LINE:
        raise CodecError("it is longer than %d characters" % MAX_LINE)
    if not line.endswith("\n"):
        raise CodecError("it was cut off while it was written")
    try:
        return host_from_json(json.loads(line))
    except CodecError:
        raise
    except (ValueError, RecursionError) as error:
        raise CodecError("it is no JSON: %s" % str(error)[:200]) from error
