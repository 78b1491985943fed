# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a list of hosts: CSV, or what ``nmap -oX`` wrote (gzip too).

CSV has a header with one or more of the columns ``address``, ``host`` and ``name``; ``host`` takes either, all others
are passed over. Commas, semicolons or tabs part the columns; UTF-8, or UTF-16 with its mark. What is neither an address
nor a name is refused with its line: a list that was half understood would make hosts known, or none.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import re
from collections.abc import Iterator, Sequence

from ..nmap.model import NmapHost, NmapPort, NmapRun
from ..nmap.observe import unaccounted
from ..nmap.read_xml import GZIP, NmapXmlError, read_stream
from ..nmap.run import is_single
from ..policy.population import (
    CLOSED,
    FILTERED,
    NOT_LOOKED_UP,
    OPEN,
    UNTOLD,
    Listed,
    ListedName,
    Population,
    plain_address,
)
from ..probe.resolve import Resolver

CSV, XML, GZIPPED = "csv", "xml", "gz"
COLUMNS = ("address", "host", "name")
POP3S_PORT = 995
MAX_POPULATION = 256 * 1024 * 1024
"""Octets of a list."""

MAX_HOSTS = 1_000_000
MAX_CELL = 64 * 1024
MAX_LOOKUPS = 10_000
"""Names that are looked up; those beyond are not, and told so."""

NAME = re.compile(r"(?=.{1,253}\.?\Z)(?!-)[\w-]{1,63}(\.(?!-)[\w-]{1,63})*\.?\Z")
BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
ALIVE = ("open", "closed", "unfiltered")
"""States that are an answer of the host."""


class PopulationError(ValueError):
    """A list that can't be used: which file and line, and what would do."""


def kind_of(data: bytes) -> str:
    """What a file is, by its beginning."""
    if data.startswith(GZIP):
        return GZIPPED
    head = data[:64]
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            head = head.decode(encoding, "replace").encode("utf-8")
            break
    return XML if head.lstrip().startswith(b"<") else CSV


def read_population(data: bytes, source: str) -> Population:
    """Read a list.

    :param source: what to call it
    :raises PopulationError: it can't be understood, or is a CSV file without a host
    """
    kind = kind_of(data)
    if kind == CSV:
        hosts = tuple(_rows(data, source))
        if not hosts:
            raise PopulationError(f"{source}: names no host below its header: give a list with hosts")
        return Population(source, hosts)
    return _from_nmap(data, source, packed=kind == GZIPPED)


def look_up_names(names: Sequence[str], seconds: float) -> tuple[ListedName, ...]:
    """Resolve names.

    :param seconds: for each of them
    """

    async def ask() -> list[ListedName]:
        resolver = Resolver(seconds)
        places = asyncio.Semaphore(64)

        async def one(name: str) -> ListedName:
            async with places:
                found = await resolver.resolve(name)
            return ListedName(name, found.outcome, found.addresses)

        return await asyncio.gather(*(one(name) for name in names[:MAX_LOOKUPS]))

    found = asyncio.run(ask()) if names else []
    return (*found, *(ListedName(name, NOT_LOOKED_UP) for name in names[MAX_LOOKUPS:]))


def _rows(data: bytes, source: str) -> Iterator[Listed]:
    text = _text(data, source)
    lines = io.StringIO(text, newline="")
    header = next((line for line in text.split("\n", 1000) if line.strip()), "")
    delimiter = max(",;\t", key=header.count)
    csv.field_size_limit(MAX_CELL)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    columns: dict[str, int] = {}
    width = count = 0
    try:
        for row in rows:
            where = f"{source} line {rows.line_num}"
            if not any(cell.strip() for cell in row):
                continue
            if not columns:
                columns, width = _columns(row, where), len(row)
                continue
            if len(row) != width:
                raise PopulationError(f"{where}: has {len(row)} columns, its header {width}: correct the row")
            count += 1
            if count > MAX_HOSTS:
                raise PopulationError(f"{where}: more than {MAX_HOSTS} hosts: give several lists, in several runs")
            yield _listed(row, columns, where, rows.line_num)
    except csv.Error as error:
        raise PopulationError(f"{source} line {rows.line_num}: is no CSV ({error}): correct the row") from error
    if not columns:
        raise PopulationError(f"{source}: is empty: the first line names its columns, of {', '.join(COLUMNS)}")


def _text(raw: bytes, source: str) -> str:
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise PopulationError(
            f"{source} line {line}: is no {'UTF-16' if encoding == 'utf-16' else 'UTF-8'} text: save it as UTF-8"
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise PopulationError(f"{source} line {line}: holds a NUL, so it is no text: save it as CSV in UTF-8")
    return text


def _columns(row: Sequence[str], where: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, cell in enumerate(row):
        word = cell.strip().lower()
        if word in COLUMNS:
            if word in found:
                raise PopulationError(f"{where}: the column {word!a} stands twice")
            found[word] = place
    if not found:
        shown = ", ".join(ascii(cell.strip()[:40]) for cell in row[:8])
        raise PopulationError(
            f"{where}: the header has none of the columns {', '.join(COLUMNS)}, but {shown}: name the hosts' column so"
        )
    return found


def _listed(row: Sequence[str], columns: dict[str, int], where: str, line: int) -> Listed:
    names: list[str] = []
    addresses: list[str] = []
    for column, place in columns.items():
        text = row[place].strip()
        if not text:
            continue
        address = plain_address(text)
        if address and column != "name":
            addresses.append(address)
        elif column != "address" and not address and NAME.match(text) and not _nearly_address(text):
            names.append(text)
        else:
            wanted = {"address": "an IP address", "name": "a name"}.get(column, "an IP address or a name")
            raise PopulationError(f"{where}: {column} is {text[:60]!a}, {wanted} is expected: correct the cell")
    if not names and not addresses:
        raise PopulationError(f"{where}: names no host: fill in {' or '.join(columns)}, or take the row out")
    return Listed(tuple(dict.fromkeys(names)), tuple(dict.fromkeys(addresses)), UNTOLD, f"line {line}")


def _nearly_address(text: str) -> bool:
    """Whether a text is digits and dots: a mistyped address, or a number that lost its dots."""
    return text.replace(".", "").isdigit()


def _from_nmap(data: bytes, source: str, *, packed: bool) -> Population:
    hosts: list[Listed] = []
    every: list[str] = []
    dark = 0

    def keep(run: NmapRun, host: NmapHost) -> None:
        nonlocal dark
        every.extend((host.address, *host.names))
        state = _state(run, host)
        if not plain_address(host.address) and not host.names:
            return
        if state != OPEN and not _alive(host):
            dark += 1
            return
        if len(hosts) >= MAX_HOSTS:
            raise PopulationError(f"{source}: more than {MAX_HOSTS} hosts: give several lists, in several runs")
        address = plain_address(host.address)
        hosts.append(Listed(host.names, (address,) if address else (), state))

    try:
        with io.BytesIO(data) as file, gzip.GzipFile(fileobj=file) if packed else file as stream:
            run = read_stream(stream, source, keep)
    except NmapXmlError as error:
        raise PopulationError(str(error)) from error
    for word in dict.fromkeys([*unaccounted(run, every), *run.unresolved]):
        if is_single(word) and not plain_address(word):
            hosts.append(Listed((word,), ()))
    problems = (f"{source}: {run.problem}; scan again",) if run.problem else ()
    return Population(source, tuple(hosts), dark + run.untold_down, problems)


def _state(run: NmapRun, host: NmapHost) -> str:
    """Of port 995, or of another one on which Nmap found POP3 inside TLS."""
    told = host.port(POP3S_PORT, run.tcp_ports)
    if (told is not None and told.state == OPEN) or any(_is_pop3s(one) for one in host.ports):
        return OPEN
    if told is None or told.state not in (CLOSED, FILTERED, "open|filtered"):
        return UNTOLD
    return CLOSED if told.state == CLOSED else FILTERED


def _is_pop3s(port: NmapPort) -> bool:
    found = port.service.startswith("pop3s") or (port.service.startswith("pop3") and port.tunnel == "ssl")
    return port.protocol == "tcp" and port.state == OPEN and found


def _alive(host: NmapHost) -> bool:
    """Whether anything came from the host. ``user-set``: its scanner was told to take it for up (``-Pn``)."""
    if host.state != "up":
        return False
    states = {*(one.state for one in host.ports), *(one.state for one in host.extra)}
    answered = not states.isdisjoint(ALIVE)
    return answered or host.reason not in ("user-set", "")
