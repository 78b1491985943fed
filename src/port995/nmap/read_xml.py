# SPDX-License-Identifier: GPL-3.0-or-later
"""Read Nmap's XML (``-oX``) of any version, as a stream: a file of any size costs the memory of its largest host.

One parser everywhere: expat with every declaration refused. defusedxml does the same over the same expat, on the
controller only; a managed host has the standard library alone, and two parsers would be two answers to one file.
Nmap's own DOCTYPE line is let in, one with a body or an address is not, so no entity can be declared and nothing is
ever fetched. Depth, the length of one token, the text of one host and the octets of a file are bounded.

A file that was cut off, or that turns bad on the way, keeps what was read and says what is wrong: `NmapRun.problem`.
Python 3.9, standard library only.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from typing import IO, Callable, Dict, Iterator, List, Optional, Tuple, Union
from xml.parsers import expat

from .model import ExtraPorts, NmapHost, NmapPort, NmapRun, ScriptOutput

CHUNK = 64 * 1024
MAX_DEPTH = 64
MAX_TOKEN = 4 * 1024 * 1024
"""Octets of one tag or text: a script's output is far below."""

MAX_HOST_TEXT = 32 * 1024 * 1024
"""Characters that are kept of one host."""

MAX_OCTETS = 4 * 1024 * 1024 * 1024
"""Octets of one file, unpacked."""

MAX_UNRESOLVED = 65536
MAX_FILES = 10000
GZIP = b"\x1f\x8b"
SUFFIXES = (".xml", ".xml.gz")


class NmapXmlError(ValueError):
    """A file that is no Nmap XML, or can't be opened: which, why, and what would do."""


class _Refused(Exception):
    """Something in a file that no Nmap writes."""


def read_files(paths: List[str], keep: Callable[[NmapRun, NmapHost], None]) -> List[NmapRun]:
    """Read files, and the ``.xml`` and ``.xml.gz`` files in folders, one after the other.

    :param keep: takes each host as it is read
    :raises NmapXmlError: one can't be opened or is no Nmap XML, or a folder holds none
    """
    return [read_file(path, keep) for path in _files(paths)]


def read_file(path: str, keep: Callable[[NmapRun, NmapHost], None]) -> NmapRun:
    """Read one file, plain or gzip.

    :raises NmapXmlError: it can't be opened, or is no Nmap XML
    """
    if not os.path.isfile(path):
        told = "is no plain file" if os.path.lexists(path) else "is not there"
        raise NmapXmlError("%s %s: give a file that nmap -oX wrote" % (ascii(path)[1:-1], told))
    try:
        with open(path, "rb") as file:
            head = file.read(2)
            file.seek(0)
            if head == GZIP:
                with gzip.open(file) as unpacked:
                    return read_stream(unpacked, path, keep)
            return read_stream(file, path, keep)
    except OSError as error:
        raise NmapXmlError(
            "%s can't be read (%s): check its path and mode" % (ascii(path)[1:-1], error.strerror or error)
        ) from error


def read_text(data: bytes, source: str, keep: Callable[[NmapRun, NmapHost], None]) -> NmapRun:
    """Read what is in memory already; as `read_file`."""
    return read_stream(io.BytesIO(data), source, keep)


def read_stream(
    stream: Union[IO[bytes], gzip.GzipFile], source: str, keep: Callable[[NmapRun, NmapHost], None]
) -> NmapRun:
    """Read a stream to its end, or to the first thing that is wrong with it.

    :param source: its name, for errors
    :raises NmapXmlError: its root is not Nmap's
    """
    run = NmapRun(ascii(source)[1:-1])
    reader = _Reader(run, keep)
    problem = reader.read(stream)
    if not reader.rooted:
        raise NmapXmlError(
            "%s is no Nmap XML (%s): give a file that nmap -oX wrote" % (run.source, problem or "it is empty")
        )
    run.problem = problem or run.problem
    return run


def _files(paths: List[str]) -> Iterator[str]:
    count = 0
    for path in paths:
        found = [path]
        if os.path.isdir(path):
            try:
                names = sorted(os.listdir(path))
            except OSError as error:
                raise NmapXmlError("%s can't be read (%s)" % (ascii(path)[1:-1], error.strerror)) from error
            found = [os.path.join(path, name) for name in names if name.endswith(SUFFIXES)]
            if not found:
                raise NmapXmlError("%s holds no .xml or .xml.gz file" % ascii(path)[1:-1])
        for one in found:
            count += 1
            if count > MAX_FILES:
                raise NmapXmlError("more than %d files: read them in several runs" % MAX_FILES)
            yield one


class _Reader:
    """The events of one file."""

    def __init__(self, run: NmapRun, keep: Callable[[NmapRun, NmapHost], None]) -> None:
        self.run = run
        self.rooted = False
        self._keep = keep
        self._path: List[str] = []
        self._finished = False
        self._host: Optional[_HostInMaking] = None
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        for name in (
            "EntityDeclHandler", "UnparsedEntityDeclHandler", "NotationDeclHandler", "AttlistDeclHandler",
            "ElementDeclHandler", "ExternalEntityRefHandler",
        ):  # fmt: skip
            setattr(parser, name, self._declared)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        self._parser = parser

    def read(self, stream: Union[IO[bytes], gzip.GzipFile]) -> str:
        """Read all.

        :returns: what is wrong; empty: nothing
        """
        total = 0
        # read1 gives what can be unpacked before a cut; read would give nothing of the last piece.
        take = getattr(stream, "read1", stream.read)
        try:
            while True:
                chunk = take(CHUNK)
                total += len(chunk)
                if total > MAX_OCTETS:
                    return "it is longer than %d octets" % MAX_OCTETS
                self._parser.Parse(chunk, not chunk)
                if not chunk:
                    break
                if total - max(0, self._parser.CurrentByteIndex) > MAX_TOKEN:
                    return "one tag or text is longer than %d octets" % MAX_TOKEN
        except _Refused as error:
            return str(error)
        except expat.ExpatError as error:
            cut = error.code in (expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS], 3, 5)
            told = "it ends before its end, as a run that was stopped leaves it" if cut else "it is no well-formed XML"
            return "%s (line %d: %s)" % (told, error.lineno, expat.ErrorString(error.code))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            return "its compression is broken or cut off (%s)" % ascii(str(error))[1:-1][:80]
        except (ValueError, LookupError) as error:
            if isinstance(error, (IndexError, KeyError)):
                raise
            return "its encoding can't be read (%s)" % ascii(str(error))[1:-1][:80]
        return "" if self._finished else "Nmap did not write its end"

    def _doctype(self, _name: str, system: Optional[str], public: Optional[str], has_body: int) -> None:
        if system or public or has_body:
            raise _Refused("its DOCTYPE has a body or an address: no Nmap writes that, and it is not followed")

    def _declared(self, *_arguments: object) -> None:
        raise _Refused("it declares entities or elements: no Nmap writes that, and they are not expanded")

    def _start(self, name: str, given: Dict[str, str]) -> None:
        path = self._path
        if not path:
            if name != "nmaprun":
                raise _Refused("its root is <%s>, not <nmaprun>" % ascii(name)[1:-1][:40])
            self.rooted = True
            self.run.version = given.get("version", "")[:40]
            self.run.arguments = given.get("args", "")[:4000]
            self.run.started = _number(given.get("start"))
        path.append(name)
        if len(path) > MAX_DEPTH:
            raise _Refused("elements stand more than %d deep" % MAX_DEPTH)
        if self._host is not None:
            self._host.start(path, given)
        elif len(path) == 2:
            self._start_of_run(name, given)
        elif len(path) > 2 and path[1] == "runstats":
            self._statistics(name, given)

    def _start_of_run(self, name: str, given: Dict[str, str]) -> None:
        run = self.run
        if name == "host":
            self._host = _HostInMaking(given)
        elif name == "scaninfo":
            run.scan_types += (given.get("type", "")[:20],) if len(run.scan_types) < 16 else ()
            if given.get("protocol") == "tcp":
                run.tcp_ports = given.get("services", "")[:400000]
        elif name == "target" and given.get("status") == "skipped" and len(run.unresolved) < MAX_UNRESOLVED:
            run.unresolved.append(given.get("specification", "")[:300])
        elif name == "taskprogress":
            run.progress = _percent(given.get("percent"))

    def _statistics(self, name: str, given: Dict[str, str]) -> None:
        if name == "finished":
            self._finished = True
            if given.get("exit") == "error":
                self.run.problem = "Nmap ended with an error: %s" % ascii(given.get("errormsg", ""))[1:-1][:200]
        elif name == "hosts":
            self.run.up, self.run.down = _number(given.get("up")), _number(given.get("down"))

    def _end(self, name: str) -> None:
        if self._host is not None:
            if len(self._path) == 2:
                host, self._host = self._host.made(), None
                self.run.hosts_read += 1
                self.run.down_read += host.state == "down"
                self._keep(self.run, host)
            else:
                self._host.end(self._path)
        self._path.pop()

    def _text(self, text: str) -> None:
        if self._host is not None:
            self._host.text(text)


class _HostInMaking:
    """The parts of one host as they come."""

    def __init__(self, given: Dict[str, str]) -> None:
        self._given = given
        self._size = 0
        self._status = ("unknown", "")
        self._address, self._family = "", 4
        self._names: List[str] = []
        self._pointers: List[str] = []
        self._ports: List[NmapPort] = []
        self._extra: List[ExtraPorts] = []
        self._port: Dict[str, str] = {}
        self._scripts: List[ScriptOutput] = []
        self._script: Optional[Tuple[str, str]] = None
        self._keys: List[str] = []
        self._items: List[Tuple[str, str]] = []
        self._elem: Optional[List[str]] = None

    def start(self, path: List[str], given: Dict[str, str]) -> None:
        self._grow(64 + sum(len(name) + len(text) for name, text in given.items()))
        name, depth = path[-1], len(path)
        if depth == 3 and name == "status":
            self._status = (given.get("state", "unknown"), given.get("reason", ""))
        elif depth == 3 and name == "address" and given.get("addrtype") != "mac" and not self._address:
            self._address = given.get("addr", "")
            self._family = 6 if given.get("addrtype") == "ipv6" else 4
        elif name == "hostname" and path[2] == "hostnames":
            (self._names if given.get("type") == "user" else self._pointers).append(given.get("name", ""))
        elif path[2] == "ports":
            self._start_in_ports(name, depth, given)

    def _start_in_ports(self, name: str, depth: int, given: Dict[str, str]) -> None:
        if depth == 4 and name == "extraports":
            self._extra.append(ExtraPorts(given.get("state", "unknown"), _number(given.get("count")) or 0))
        elif name == "extrareasons" and self._extra:
            last = self._extra[-1]
            reason = (given.get("reason", ""), _number(given.get("count")) or 0, given.get("ports", ""))
            self._extra[-1] = ExtraPorts(last.state, last.count, (*last.reasons, reason))
        elif depth == 4 and name == "port":
            self._port, self._scripts = {"state": "unknown", **_prefixed(given, "")}, []
        elif depth == 5 and name == "state":
            self._port["state"], self._port["reason"] = given.get("state", "unknown"), given.get("reason", "")
        elif depth == 5 and name == "service":
            self._port.update(_prefixed(given, "service."))
        elif depth == 5 and name == "script":
            self._script, self._items, self._keys = (given.get("id", ""), given.get("output", "")), [], []
        elif self._script is not None and name in ("table", "elem"):
            self._keys.append(given.get("key", "").replace("/", "_"))
            if name == "elem":
                self._elem = []

    def end(self, path: List[str]) -> None:
        name, depth = path[-1], len(path)
        if path[2] != "ports":
            return
        if depth == 4 and name == "port":
            self._ports.append(self._made_port())
        elif depth == 5 and name == "script" and self._script is not None:
            self._scripts.append(ScriptOutput(self._script[0], self._script[1], tuple(self._items)))
            self._script = None
        elif self._script is not None and name in ("table", "elem"):
            if name == "elem" and self._elem is not None:
                self._items.append(("/".join(self._keys), "".join(self._elem)))
                self._elem = None
            if self._keys:
                self._keys.pop()

    def text(self, text: str) -> None:
        if self._elem is not None:
            self._grow(len(text))
            self._elem.append(text)

    def made(self) -> NmapHost:
        return NmapHost(
            self._status[0],
            self._status[1],
            self._address,
            self._family,
            tuple(self._names),
            tuple(self._pointers),
            tuple(self._ports),
            tuple(self._extra),
            _number(self._given.get("starttime")),
            _number(self._given.get("endtime")),
            self._given.get("timedout") == "true",
        )

    def _made_port(self) -> NmapPort:
        told = self._port
        number = _number(told.get("portid"))
        if number is None or not 0 <= number <= 65535:
            raise _Refused("a port is %s" % ascii(told.get("portid", ""))[:20])
        words = [told.get("service." + word, "") for word in ("name", "product", "version", "extrainfo")]
        return NmapPort(
            told.get("protocol", ""),
            number,
            told.get("state", "unknown"),
            told.get("reason", ""),
            " ".join(word for word in words if word),
            told.get("service.tunnel", ""),
            tuple(self._scripts),
            told.get("service.method") == "table",
        )

    def _grow(self, by: int) -> None:
        self._size += by
        if self._size > MAX_HOST_TEXT:
            raise _Refused("one host has more than %d characters" % MAX_HOST_TEXT)


def _prefixed(given: Dict[str, str], prefix: str) -> Dict[str, str]:
    return {prefix + name: text for name, text in given.items()}


def _number(text: Optional[str]) -> Optional[int]:
    return int(text) if text is not None and re.match(r"[0-9]{1,12}\Z", text) else None


def _percent(text: Optional[str]) -> float:
    return float(text) if text is not None and re.match(r"[0-9]{1,3}(\.[0-9]{1,6})?\Z", text) else 0.0
