# SPDX-License-Identifier: GPL-3.0-or-later
"""The models of mail clients: what each offers in its ClientHello, and what it wants of a certificate.

They stand in ``catalogue.yml``, dated, each with its sources. What is not certain of one is marked there: a statement
that hinges on it is not made.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...probe.tls import cipher_suites, named_groups, signature_schemes
from ...probe.tls.client_hello import VERSION_NAMES
from ..libraries import yaml

SCHEMA = "port995/clients/1"
FILE = Path(__file__).parent / "catalogue.yml"
CLIENT_IDS = (
    "outlook-windows-7", "outlook-windows-7-tls12", "outlook-windows-10", "outlook-windows-11",
    "apple-mail-macos-10.13", "apple-mail-macos-14", "apple-mail-ios-11", "apple-mail-ios-17", "thunderbird-68",
    "thunderbird-128", "thunderbird-140", "android-5", "android-7", "android-14", "openssl-1.0.2", "openssl-1.1.1",
    "openssl-3.0", "openssl-3.5",
)  # fmt: skip
"""Ids of the models that come with the program, in the order of the file: known without a YAML library."""

LISTS = ("versions", "suites", "groups", "key_shares", "signatures")
"""Fields that can be uncertain."""

_NUMBERS: Mapping[str, Mapping[str, int]] = {
    "versions": {name: number for number, name in VERSION_NAMES.items()},
    "suites": {suite.name: suite.number for suite in cipher_suites.SUITES},
    "groups": {group.name: group.number for group in named_groups.GROUPS},
    "key_shares": {group.name: group.number for group in named_groups.GROUPS},
    "signatures": {scheme.name: scheme.number for scheme in signature_schemes.SCHEMES},
}


class CatalogueError(ValueError):
    """A catalogue that can't be used; says which client, which field, and what is expected."""


@dataclasses.dataclass(frozen=True)
class Uncertain:
    """What is not certain of one field."""

    values: tuple[int, ...]
    """Those of the field that may be offered or not; the others are certain."""

    order: bool
    """Whether the order is not certain either."""

    why: str


@dataclasses.dataclass(frozen=True)
class CertificateRules:
    """What a client refuses in a certificate, beside what every one does (names, dates, an unknown CA)."""

    rsa_bits: int = 0
    """Bits of an RSA key at least."""

    refused_hashes: tuple[str, ...] = ()
    """Hashes in the signatures of the leaf and of the CAs below the root."""

    days: tuple[tuple[datetime.date, int], ...] = ()
    """(from, days): a leaf that begins on that date or later may live so many days at the most."""


@dataclasses.dataclass(frozen=True)
class Client:
    """One client. Numbers are IANA's, in the order of the offer."""

    id: str
    title: str
    stack: str
    """The TLS library."""

    date: str
    """YYYY-MM-DD: the state that is modelled."""

    versions: tuple[int, ...]
    """Newest first."""

    suites: tuple[int, ...]
    groups: tuple[int, ...]
    key_shares: tuple[int, ...]
    """Groups with a key share in the first hello of TLS 1.3."""

    signatures: tuple[int, ...]
    server_name: bool
    """Whether SNI is sent."""

    dh_bits: int = 0
    """Size of the prime of DHE at least."""

    signed_below_12: bool = True
    """Whether a signed key exchange is taken below TLS 1.2, where it is signed with SHA-1 (and MD5)."""

    secure_renegotiation: bool = False
    """Whether a server without RFC 5746 is refused, below TLS 1.3."""

    certificates: CertificateRules = CertificateRules()
    sources: tuple[str, ...] = ()
    uncertain: Mapping[str, Uncertain] = dataclasses.field(default_factory=dict)
    """By field; of `LISTS`."""

    note: str = ""

    def values(self, field: str) -> tuple[int, ...]:
        """A field of `LISTS`."""
        found: tuple[int, ...] = getattr(self, field)
        return found

    def order_is_certain(self, field: str) -> bool:
        """Whether the order of the field is known."""
        return field not in self.uncertain or not self.uncertain[field].order


@functools.cache
def clients() -> tuple[Client, ...]:
    """The models that come with the program, in the order of the file.

    :raises CatalogueError: the file is spoiled
    """
    return read_catalogue(FILE.read_bytes())


def client_of(id_: str) -> Client:
    """One of them.

    :raises KeyError: there is none of this id
    """
    return {client.id: client for client in clients()}[id_]


def read_catalogue(raw: bytes) -> tuple[Client, ...]:
    """Read models from the bytes of a file.

    :raises CatalogueError: no YAML, an unknown or missing field or name, an id twice
    """
    try:
        data = yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise CatalogueError(f"no YAML: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or not isinstance(data.get("clients"), list):
        raise CatalogueError(f"the schema {SCHEMA} and a list of clients are expected")
    found: dict[str, Client] = {}
    entries: dict[str, dict[str, Any]] = {}
    for entry in data["clients"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
            raise CatalogueError("a client without an id")
        if entry["id"] in found:
            raise CatalogueError(f"two clients are called {entry['id']}")
        whole = _whole(entry, entries)
        entries[entry["id"]] = whole
        found[entry["id"]] = _client(whole)
    return tuple(found.values())


_OWN = ("sources", "uncertain", "note", "like")
"""Keys that are not taken from another client."""


def _whole(entry: dict[str, Any], known: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    base = entry.get("like")
    if base is not None and base not in known:
        raise CatalogueError(f"{entry['id']}.like: {base!a} is no client above it")
    inherited = {} if base is None else {key: value for key, value in known[base].items() if key not in _OWN}
    return {**inherited, **entry}


def _client(entry: dict[str, Any]) -> Client:
    id_ = entry["id"]
    fields = {field.name for field in dataclasses.fields(Client)}
    unknown = sorted(set(entry) - fields - {"like"})
    if unknown:
        raise CatalogueError(f"{id_}.{unknown[0]} is not understood")
    missing = sorted({"title", "stack", "date", "versions", "suites", "groups", "signatures", "sources"} - set(entry))
    if missing:
        raise CatalogueError(f"{id_}.{missing[0]} is missing")
    if not isinstance(entry["date"], datetime.date) or not entry["sources"]:
        raise CatalogueError(f"{id_}: a date and sources are expected")
    lists = {field: _numbers(id_, field, entry.get(field, [])) for field in LISTS}
    return Client(
        id=id_,
        title=str(entry["title"]),
        stack=str(entry["stack"]),
        date=entry["date"].isoformat(),
        **lists,
        server_name=bool(entry.get("server_name", False)),
        dh_bits=int(entry.get("dh_bits", 0)),
        signed_below_12=bool(entry.get("signed_below_12", True)),
        secure_renegotiation=bool(entry.get("secure_renegotiation", False)),
        certificates=_rules(id_, entry.get("certificates", {})),
        sources=tuple(str(source).strip() for source in entry["sources"]),
        uncertain={field: _uncertain(id_, field, said, lists) for field, said in entry.get("uncertain", {}).items()},
        note=str(entry.get("note", "")).strip(),
    )


def _numbers(id_: str, field: str, names: object) -> tuple[int, ...]:
    known = _NUMBERS[field]
    if not isinstance(names, list):
        raise CatalogueError(f"{id_}.{field} is no list")
    wrong = [name for name in names if name not in known]
    if wrong or len(set(names)) != len(names):
        raise CatalogueError(f"{id_}.{field}: {wrong[0]!a} is unknown" if wrong else f"{id_}.{field}: a name twice")
    return tuple(known[name] for name in names)


def _rules(id_: str, said: object) -> CertificateRules:
    if not isinstance(said, dict) or set(said) - {"rsa_bits", "refused_hashes", "days"}:
        raise CatalogueError(f"{id_}.certificates is not understood")
    days = sorted(said.get("days", {}).items())
    return CertificateRules(int(said.get("rsa_bits", 0)), tuple(said.get("refused_hashes", ())), tuple(days))


def _uncertain(id_: str, field: str, said: object, lists: Mapping[str, tuple[int, ...]]) -> Uncertain:
    if field not in LISTS or not isinstance(said, dict) or said.get("uncertain") is not True or not said.get("why"):
        raise CatalogueError(f"{id_}.uncertain.{field}: uncertain: true and why are expected")
    if set(said) - {"uncertain", "values", "order", "why"}:
        raise CatalogueError(f"{id_}.uncertain.{field} is not understood")
    values = _numbers(id_, field, said.get("values", []))
    if set(values) - set(lists[field]):
        raise CatalogueError(f"{id_}.uncertain.{field}: values that {field} does not hold")
    return Uncertain(values, bool(said.get("order", False)), str(said["why"]).strip())
