# SPDX-License-Identifier: GPL-3.0-or-later
"""``port995 clients``: the models of mail clients, and where each comes from."""

from __future__ import annotations

import json
from typing import Annotated, Optional

import typer

from ..policy.clients.catalogue import CLIENT_IDS, LISTS, Client, client_of
from ..policy.clients.catalogue import clients as all_clients
from ..policy.model import Exit
from ..probe.tls import cipher_suites, named_groups, signature_schemes
from ..probe.tls.client_hello import VERSION_NAMES
from .ending import guarded, say, stop

NAME_OF = {
    "versions": lambda number: VERSION_NAMES[number],
    "suites": cipher_suites.name_of,
    "groups": named_groups.name_of,
    "key_shares": named_groups.name_of,
    "signatures": signature_schemes.name_of,
}


@guarded
def clients(
    name: Annotated[Optional[str], typer.Argument(help="Id of one, to explain it; none: a list of all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> int:
    """List the mail clients that are modelled, with date and sources, or explain one.

    Models, from documents and published hellos: nothing here was measured with the clients themselves.
    """
    if name is not None and name not in CLIENT_IDS:
        stop(Exit.USAGE, f"no client is called {name!a}: choose among {', '.join(CLIENT_IDS)}")
    if as_json:
        one = None if name is None else client_of(name)
        found = [client_to_json(client) for client in all_clients()] if one is None else client_to_json(one)
        say(json.dumps(found, sort_keys=True))
        return int(Exit.PASSED)
    if name is not None:
        say(explain(client_of(name)))
        return int(Exit.PASSED)
    for client in all_clients():
        say(f"{client.id:<22} {client.date}  {client.title}  [modelled; {len(client.sources)} sources]")
        for source in client.sources:
            say(f"  {source}")
    return int(Exit.PASSED)


def client_to_json(client: Client) -> dict[str, object]:
    """A model as a mapping for JSON; numbers become names."""
    rules = client.certificates
    return {
        "id": client.id, "title": client.title, "stack": client.stack, "date": client.date, "modelled": True,
        **{field: _named(field, client.values(field)) for field in LISTS},
        "server_name": client.server_name, "dh_bits": client.dh_bits, "signed_below_12": client.signed_below_12,
        "secure_renegotiation": client.secure_renegotiation,
        "certificates": {
            "rsa_bits": rules.rsa_bits, "refused_hashes": list(rules.refused_hashes),
            "days": {since.isoformat(): days for since, days in rules.days},
        },
        "sources": list(client.sources),
        "uncertain": {
            field: {"uncertain": True, "values": _named(field, said.values), "order": said.order, "why": said.why}
            for field, said in client.uncertain.items()
        },
        "note": client.note,
    }  # fmt: skip


def explain(client: Client) -> str:
    """A model on a few lines."""
    rules = client.certificates
    lines = [f"{client.id}  {client.title}", f"  modelled, state of {client.date}, TLS library {client.stack}"]
    if client.note:
        lines.append(f"  note: {client.note}")
    for field in LISTS:
        if client.values(field):
            lines.append(f"  {field.replace('_', ' ')}: {', '.join(_named(field, client.values(field)))}")
        if field in client.uncertain:
            said = client.uncertain[field]
            what = ", ".join([*_named(field, said.values), *(["their order"] if said.order else [])])
            lines.append(f"    uncertain: {what}: {said.why}")
    lines.append(f"  server name (SNI): {'sent' if client.server_name else 'not sent'}")
    if client.dh_bits:
        lines.append(f"  DHE: a prime of {client.dh_bits} bits at least")
    if not client.signed_below_12:
        lines.append("  below TLS 1.2: no key exchange that the server signs (SHA-1)")
    if client.secure_renegotiation:
        lines.append("  below TLS 1.3: no server without secure renegotiation (RFC 5746)")
    wants = [f"RSA of {rules.rsa_bits} bits at least"] if rules.rsa_bits else []
    wants += [f"no signature with {', '.join(rules.refused_hashes)}"] if rules.refused_hashes else []
    wants += [f"a life of {days} days at the most from {since.isoformat()} on" for since, days in rules.days]
    lines.append(f"  certificates: {'; '.join(wants) or 'as usual'}")
    lines += [f"  source: {source}" for source in client.sources]
    return "\n".join(lines)


def _named(field: str, values: tuple[int, ...]) -> list[str]:
    return [NAME_OF[field](value) for value in values]
