# SPDX-License-Identifier: GPL-3.0-or-later
"""A name server on loopback that says what a test wants it to, octet by octet, over UDP and TCP."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Say = Callable[[dns.message.Message, str], "Iterable[bytes]"]
"""What is sent in answer to a query that came by ``udp`` or ``tcp``: datagrams, or messages in one stream."""


@dataclasses.dataclass
class Fake:
    """A running server."""

    port: int
    heard: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)
    """(udp or tcp, name, type) of each query."""

    flags: list[int] = dataclasses.field(default_factory=list)

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def fake(say: Say, *, tcp: bool = True) -> Iterator[Fake]:
    """Run one until the block ends.

    :param tcp: listen for TCP too
    """
    udp, stream = _pair(tcp)
    made = Fake(udp.getsockname()[1])
    ended = threading.Event()

    def hear(data: bytes, kind: str) -> Iterable[bytes]:
        query = dns.message.from_wire(data)
        question = query.question[0]
        made.heard.append((kind, question.name.to_text(), dns.rdatatype.to_text(question.rdtype)))
        made.flags.append(query.flags)
        return say(query, kind)

    def by_udp() -> None:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                data, where = udp.recvfrom(65535)
                for answer in hear(data, "udp"):
                    udp.sendto(answer, where)

    def by_tcp() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                connected, _where = stream.accept()
                with connected:
                    connected.settimeout(5)
                    (size,) = struct.unpack("!H", connected.recv(2))
                    for answer in hear(connected.recv(size), "tcp"):
                        connected.sendall(answer)

    threads = [threading.Thread(target=one, daemon=True) for one in ((by_udp, by_tcp) if tcp else (by_udp,))]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        ended.set()
        for thread in threads:
            thread.join(timeout=10)
        udp.close()
        stream.close()


def _pair(tcp: bool) -> tuple[socket.socket, socket.socket]:
    """Sockets of both kinds at one port."""
    for _attempt in range(20):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(0.1)
        stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        stream.settimeout(0.1)
        try:
            stream.bind(udp.getsockname())
        except OSError:
            udp.close()
            stream.close()
            continue
        if tcp:
            stream.listen(16)
        return udp, stream
    raise RuntimeError("no port is free for both")


def in_stream(message: bytes) -> bytes:
    """A message as it goes over TCP."""
    return struct.pack("!H", len(message)) + message


def reply(
    query: dns.message.Message,
    *answers: str,
    authority: tuple[str, ...] = (),
    rcode: int = dns.rcode.NOERROR,
    ad: bool = False,
) -> dns.message.Message:
    """An answer with these records, one text each: ``name ttl IN TYPE data``."""
    response = dns.message.make_response(query, recursion_available=True)
    response.set_rcode(rcode)
    if ad:
        response.flags |= dns.flags.AD
    for section, lines in ((response.answer, answers), (response.authority, authority)):
        for line in lines:
            name, ttl, _class, type_, data = line.split(maxsplit=4)
            made = dns.rrset.from_text(name, int(ttl), "IN", type_, data)
            rrset = response.find_rrset(section, made.name, made.rdclass, made.rdtype, create=True)
            rrset.update(made)
    return response


SOA = "example.org. 300 IN SOA ns.example.org. admin.example.org. 1 2 3 4 300"


def zone(records: dict[tuple[str, str], list[str]], *, ad: bool = False, apex: str = "example.org.") -> Say:
    """A well-behaved server of one zone: its records, NODATA and NXDOMAIN.

    :param records: (name with its last dot, type) -> data
    """
    soa = SOA if apex == "example.org." else f"{apex} 300 IN SOA ns.{apex} admin.{apex} 1 2 3 4 300"

    def say(query: dns.message.Message, kind: str) -> list[bytes]:
        question = query.question[0]
        name, type_ = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        found = records.get((name, type_))
        if found is not None:
            response = reply(query, *(f"{name} 300 IN {type_} {data}" for data in found), ad=ad)
        else:
            there = any(owner == name or owner.endswith(f".{name}") for owner, _type in records)
            response = reply(
                query, authority=(soa,), rcode=dns.rcode.NOERROR if there else dns.rcode.NXDOMAIN, ad=ad
            )
        wire = response.to_wire()
        return [in_stream(wire) if kind == "tcp" else wire]

    return say
