# SPDX-License-Identifier: GPL-3.0-or-later
"""Give the XML of an Nmap that was stopped an end that says so: programs that read it refuse a document without one,
or take half of the hosts for all of them. Python 3.9, standard library only."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from typing import IO, Dict
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

CHUNK = 64 * 1024


def copy_ended(source: str, target: str, problem: str) -> bool:
    """Copy Nmap's XML, whole, and under its name only when it is whole.

    :param problem: why it is not all that was asked for; empty: it is
    :returns: whether there was something to copy; a file in which not even Nmap's root stands is left
    :raises OSError: it can't be written; there is no file of this name then
    """
    scan = _Scan()
    try:
        scan.read(source)
    except expat.ExpatError:
        pass  # It ends in the middle of something; what stands before is whole.
    if not scan.rooted:
        return False
    beside = "%s.%d.tmp" % (target, os.getpid())
    try:
        with open(source, "rb") as written, open(beside, "wb") as file:
            scan.take_last(written)
            if scan.ended and not problem:
                shutil.copyfileobj(written, file)
            else:
                left = scan.whole
                while left > 0:
                    data = written.read(min(CHUNK, left))
                    file.write(data)
                    left -= len(data)
                file.write(scan.end(problem or "nmap did not write its end").encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    return True


class _Scan:
    """How far a document is whole, and what stands in it."""

    def __init__(self) -> None:
        self.rooted = self.ended = False
        self.whole = 0
        """Octets up to the end of the last whole part below the root."""

        self._depth = self._up = self._down = 0
        self._started = int(time.time())
        self._pending = False
        self._last = (0, b"")
        """Where the last end tag stands, and what it is, unless it is that of an empty element."""

        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.DefaultHandlerExpand = self._other
        self._parser = parser

    def read(self, source: str) -> None:
        with open(source, "rb") as file:
            while True:
                data = file.read(CHUNK)
                self._parser.Parse(data, not data)
                if not data:
                    return

    def take_last(self, file: IO[bytes]) -> None:
        """Count the last part as whole where its end tag is, though nothing whole came behind it."""
        position, tag = self._last
        if self._pending and tag:
            file.seek(position)
            if file.read(len(tag)) == tag:
                self.whole = position + len(tag)
            file.seek(0)

    def _note(self) -> None:
        """What began here shows where the part before it ended."""
        if self._pending:
            self.whole, self._pending = self._parser.CurrentByteIndex, False

    def _start(self, name: str, given: Dict[str, str]) -> None:
        self._note()
        if self._depth == 0 and name == "nmaprun":
            self.rooted, self._pending = True, True
            start = given.get("start", "")
            self._started = int(start) if start.isdigit() and len(start) < 12 else self._started
        elif self._depth == 2 and name == "status":
            self._up += given.get("state") == "up"
            self._down += given.get("state") == "down"
        self._depth += 1

    def _end(self, name: str) -> None:
        self._note()
        self._depth -= 1
        if self._depth == 1 and name != "runstats":
            self._pending, self._last = True, (self._parser.CurrentByteIndex, b"</%s>" % name.encode())
        self.ended = self.ended or (self._depth == 0 and name == "nmaprun")

    def _other(self, _data: str) -> None:
        self._note()

    def end(self, problem: str) -> str:
        """The end that is missing."""
        now = int(time.time())
        told = "".join(one if " " <= one <= "~" else "?" for one in problem)[:400]
        return (
            '\n<runstats><finished time="%d" timestr=%s summary=%s elapsed="%d" exit="error" errormsg=%s/>'
            '<hosts up="%d" down="%d" total="%d"/>\n</runstats>\n</nmaprun>\n'
        ) % (
            now,
            quoteattr(time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(now))),
            quoteattr("not whole; %d hosts told" % (self._up + self._down)),
            max(0, now - self._started),
            quoteattr(told),
            self._up,
            self._down,
            self._up + self._down,
        )
