# SPDX-License-Identifier: GPL-3.0-or-later
"""Run Nmap: a request of ours becomes arguments that can't be read as anything else, and its XML becomes hosts.

Targets reach Nmap in a file (``-iL``) after `target_syntax` has let them in; everything else is a word made here from
a number or a name of a short list. No shell is involved. A run that is stopped keeps what Nmap had written, marked.
Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from typing import IO, Callable, Dict, List, Optional, Sequence, Set, Tuple

from ..probe.scope import WORDS, Scope, ScopeError
from .end_xml import copy_ended
from .model import NmapHost, NmapRun
from .read_xml import NmapXmlError, read_file
from .scope import sources_used
from .target_syntax import OCTETS, TargetSyntaxError, expand_one

OLDEST = (7, 70)
"""Oldest version that is run: its ssl-enum-ciphers and timing options are those that are asked for."""

ALLOWED_SCRIPTS = (
    "banner", "pop3-capabilities", "pop3-ntlm-info", "ssl-cert", "ssl-date", "ssl-dh-params", "ssl-enum-ciphers",
    "ssl-heartbleed", "ssl-known-key", "ssl-poodle", "ssl-ccs-injection", "sslv2", "tls-alpn", "tls-nextprotoneg",
    "rsa-vuln-roca",
)  # fmt: skip
"""Scripts that look, and neither log in nor guess passwords nor do harm. Patterns choose among these."""

SCAN_TYPES = ("auto", "connect", "syn")
MAX_ERRORS = 64 * 1024
"""Octets of standard error that are kept; what is beyond is read and dropped."""

MAX_OUTPUT = 1024 * 1024 * 1024
"""Octets of XML at which a run is stopped."""

TIME_LIMIT = "time-limit"
TERM_SECONDS = 5.0
POLL_SECONDS = 0.05
CAP_NET_RAW = 13
GET_IT = (
    "install it (apt install nmap, dnf install nmap, brew install nmap, or https://nmap.org/download), or leave it to"
    " port995's own engine (--engine native), which needs none"
)


class NmapError(Exception):
    """Nmap can't be run as asked: why, and what would do."""


class NmapRequestError(NmapError, ValueError):
    """The request makes no sense, or holds what must not reach Nmap; nothing was run."""


@dataclasses.dataclass(frozen=True)
class NmapRequest:
    """What to run."""

    targets: Tuple[str, ...] = ()
    """As people type them for Nmap, without ports."""

    exclude: Tuple[str, ...] = ()
    ports: str = "995"
    """``995``, ``110,995``, ``1-1024``, or ``-`` for all."""

    service_version: bool = False
    """``-sV``."""

    skip_discovery: bool = False
    """``-Pn``: scan hosts that answer no ping too."""

    timing: Optional[int] = None
    """``-T0`` to ``-T5``."""

    ipv6: bool = False
    """``-6``."""

    scripts: Tuple[str, ...] = ()
    """Names or patterns (``ssl-*``) among `ALLOWED_SCRIPTS`."""

    scan_type: str = "auto"
    """``syn`` needs raw sockets; ``auto``: that where it may, else ``connect``."""

    time_limit: Optional[float] = None
    """Seconds for the whole run; ``None``: none."""

    scope: Optional[Scope] = None
    """What may be touched: Nmap is told to leave out all that is beyond it, and holds each address against that, those
    of names too. ``None``: all may be."""


@dataclasses.dataclass(frozen=True)
class NmapBinary:
    """The Nmap that is run."""

    path: str
    version: str


@dataclasses.dataclass
class NmapResult:
    """What came of a run, beside its hosts."""

    run: NmapRun
    """`NmapRun.problem` says why it is not whole."""

    scan_type: str
    """``connect`` or ``syn``: what was asked of Nmap."""

    privileged: bool
    """Whether this process may open raw sockets."""

    arguments: Tuple[str, ...]
    binary: NmapBinary
    exit_code: Optional[int]
    unresolved: Tuple[str, ...]
    """Targets whose name did not resolve: errors, by name."""

    unreported: Tuple[str, ...]
    """Targets of which Nmap told nothing: unreachable, not absent."""

    errors: str
    """Standard error, at most `MAX_ERRORS`."""

    stopped: str = ""
    """``time-limit``, ``out of scope`` (its time ended), ``cancelled``, ``too-much-output``; empty: it ended by
    itself."""

    seconds: float = 0.0


def find_nmap(path: Optional[str] = None) -> NmapBinary:
    """Find Nmap and ask its version.

    :param path: where it is; ``None``: on PATH
    :raises NmapError: there is none, it can't be run, or it is too old
    """
    found = shutil.which(path or "nmap")
    if found is None:
        raise NmapError("%s is not there: %s" % (ascii(path)[1:-1] if path else "nmap", GET_IT))
    try:
        done = subprocess.run(
            [found, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False,
            env=_environment(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NmapError("%s can't be run (%s): mend it, or %s" % (found, error, GET_IT)) from error
    match = re.search(rb"Nmap version (\d{1,4})\.(\d{1,4})", done.stdout[:4096])
    if match is None:
        raise NmapError("%s does not say that it is Nmap: give the path of one, or %s" % (found, GET_IT))
    version = (int(match.group(1)), int(match.group(2)))
    if version < OLDEST:
        raise NmapError("%s is Nmap %d.%d, older than %d.%d: %s" % ((found, *version, *OLDEST, GET_IT)))
    return NmapBinary(found, "%d.%02d" % version)


def may_open_raw_sockets() -> bool:
    """Whether this process has CAP_NET_RAW; where the system does not tell, whether it is root."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith("CapEff:"):
                    return bool(int(line.split()[1], 16) >> CAP_NET_RAW & 1)
    except (OSError, ValueError, IndexError):
        pass
    return os.geteuid() == 0


def check_request(request: NmapRequest) -> None:
    """See that nothing in a request can be read as an option, a shell's word or a path.

    :raises NmapRequestError: something can, or makes no sense
    """
    if not request.targets:
        raise NmapRequestError("no targets: give some")
    for word in (*request.targets, *request.exclude):
        _check_target(word, request.ipv6)
    check_ports(request.ports)
    chosen_scripts(request.scripts)
    if request.timing is not None and request.timing not in range(6):
        raise NmapRequestError("timing is %s, expected 0 to 5" % ascii(request.timing)[:20])
    if request.scan_type not in SCAN_TYPES:
        raise NmapRequestError("scan type is %s, expected %s" % (ascii(request.scan_type)[:40], ", ".join(SCAN_TYPES)))
    if request.time_limit is not None and not 0 < request.time_limit < 1e9:
        raise NmapRequestError("the time limit is %s, expected seconds above 0" % request.time_limit)
    if request.scope is not None:
        try:
            request.scope.check()
        except ScopeError as error:
            raise NmapRequestError("the scope can't be used: %s" % error) from error


def check_ports(ports: str) -> None:
    """See that a port list is one.

    :raises NmapRequestError: it is not
    """
    if ports == "-":
        return
    for part in ports.split(","):
        match = re.match(r"([0-9]{1,5})(?:-([0-9]{1,5}))?\Z", part)
        if match is None or not 1 <= int(match.group(1)) <= int(match.group(2) or match.group(1)) <= 65535:
            raise NmapRequestError(
                "ports are %s: write 995, 110,995, 1-1024, or - for all; from 1 to 65535" % ascii(ports[:80])
            )


def chosen_scripts(patterns: Sequence[str]) -> List[str]:
    """The scripts that patterns choose, in the order of `ALLOWED_SCRIPTS`.

    :raises NmapRequestError: a pattern chooses none: its script does not exist, or does more than look
    """
    for pattern in patterns:
        if not re.match(r"[a-z0-9*?-]{1,40}\Z", pattern) or not fnmatch.filter(ALLOWED_SCRIPTS, pattern):
            raise NmapRequestError(
                "script %s is none that may be run: %s" % (ascii(pattern[:60]), ", ".join(ALLOWED_SCRIPTS))
            )
    return [name for name in ALLOWED_SCRIPTS if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]


def arguments_of(request: NmapRequest, *, privileged: bool, folder: str) -> List[str]:
    """Nmap's arguments, without its own name.

    :param folder: where the files ``targets``, ``exclude`` and ``result.xml`` are
    :raises NmapRequestError: as `check_request`; or a SYN scan without raw sockets
    """
    check_request(request)
    if request.scan_type == "syn" and not privileged:
        raise NmapRequestError(
            "a SYN scan needs raw sockets: run as root or with CAP_NET_RAW, or ask for a connect scan"
        )
    words = ["--privileged" if privileged else "--unprivileged", scan_flag(request, privileged)]
    words += ["-6"] if request.ipv6 else []
    words += ["-Pn"] if request.skip_discovery else []
    words += ["-sV"] if request.service_version else []
    words += ["-T%d" % request.timing] if request.timing is not None else []
    words += ["-p" + request.ports]
    scripts = chosen_scripts(request.scripts)
    words += ["--script=" + ",".join(scripts)] if scripts else []
    # -v has hosts that are down told one by one: what is not told would look as if it had not been asked for.
    words += ["-v", "--stats-every", "1s", "-oX", os.path.join(folder, "result.xml")]
    words += ["-iL", os.path.join(folder, "targets")]
    leaves_out = request.exclude or request.scope is not None
    return words + (["--excludefile", os.path.join(folder, "exclude")] if leaves_out else [])


def scan_flag(request: NmapRequest, privileged: bool) -> str:
    """``-sS`` where raw sockets may be opened and nobody asked for else, ``-sT`` otherwise."""
    return "-sS" if privileged and request.scan_type in ("auto", "syn") else "-sT"


def run_nmap(
    request: NmapRequest,
    keep: Callable[[NmapRun, NmapHost], None],
    *,
    binary: Optional[NmapBinary] = None,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda percent: None,
    xml_to: Optional[str] = None,
) -> NmapResult:
    """Run Nmap and read what it wrote.

    :param keep: takes each host, after Nmap has ended
    :param cancelled: asked a few times a second; true: Nmap gets SIGTERM, and SIGKILL 5 s later
    :param progress: told Nmap's percentage of the task it is at
    :param xml_to: file that keeps Nmap's own XML, with an end that says so where Nmap was stopped
    :raises NmapError: it can't be run, or wrote nothing that can be read
    :raises OSError: the file for the XML, or a temporary one, can't be written
    """
    privileged = may_open_raw_sockets()
    check_request(request)
    limit, word = _time(request)
    _require_sources(request)
    binary = binary or find_nmap()
    with tempfile.TemporaryDirectory(prefix="port995-nmap-") as folder:
        words = arguments_of(request, privileged=privileged, folder=folder)
        _write_words(os.path.join(folder, "targets"), request.targets)
        beyond = [] if request.scope is None else request.scope.beyond(6 if request.ipv6 else 4)
        _write_words(os.path.join(folder, "exclude"), [*request.exclude, *beyond])
        result = os.path.join(folder, "result.xml")
        began = time.monotonic()
        code, errors, stopped = _supervise([binary.path, *words], result, limit, cancelled, progress)
        stopped = word if stopped == TIME_LIMIT else stopped
        seconds = time.monotonic() - began
        told = Accounts()

        def account(run: NmapRun, host: NmapHost) -> None:
            told.add(host)
            keep(run, host)

        try:
            run = read_file(result, account)
        except NmapXmlError as error:
            if not stopped:
                raise NmapError("nmap told nothing (exit code %s): %s" % (code, _first_line(errors))) from error
            run = NmapRun("nmap", binary.version)
        run.source = "nmap"
        if stopped:
            run.problem = "nmap was stopped (%s) after %.1f s: what it had written is kept" % (stopped, seconds)
        elif code != 0:
            run.problem = run.problem or "nmap ended with exit code %s: %s" % (code, _first_line(errors))
        if xml_to is not None:
            copy_ended(result, xml_to, run.problem)
    unresolved = _unresolved(errors, request.targets) + [one for one in run.unresolved if one in request.targets]
    unresolved = list(dict.fromkeys(unresolved))
    return NmapResult(
        run,
        "syn" if scan_flag(request, privileged) == "-sS" else "connect",
        privileged,
        tuple(words),
        binary,
        code,
        tuple(unresolved),
        tuple(one for one in told.missing(request.targets) if one not in unresolved),
        errors,
        stopped,
        seconds,
    )


def _time(request: NmapRequest) -> Tuple[Optional[float], str]:
    """Seconds that Nmap has, and the word for their end.

    :raises NmapRequestError: the scope lets nothing be touched now
    """
    left = None if request.scope is None else request.scope.seconds_left(time.time())
    if request.scope is not None and left == 0:
        raise NmapRequestError("%s now: its time is %s" % (WORDS, request.scope.times_in_words()))
    if left is not None and (request.time_limit is None or left < request.time_limit):
        return left, WORDS
    return request.time_limit, TIME_LIMIT


def _require_sources(request: NmapRequest) -> None:
    """See that all would leave from addresses of the scope: Nmap itself can't be told.

    :raises NmapRequestError: something would not, or it can't be told
    """
    if request.scope is None or not request.scope.sources:
        return
    try:
        for address in sources_used(request.targets, request.scope):
            why = request.scope.outside_source(address)
            if why:
                raise NmapRequestError("%s: scan from another machine, or correct the scope" % why)
    except (TargetSyntaxError, OSError) as error:
        raise NmapRequestError(
            "from which own address nmap would scan can't be told (%s): give smaller ranges, or leave it to"
            " --engine native" % error
        ) from error


class Accounts:
    """Which of the targets were told of, by name or address."""

    def __init__(self) -> None:
        self._told: Set[str] = set()

    def add(self, host: NmapHost) -> None:
        """Note a host that was reported."""
        self._told.add(host.address.lower())
        self._told.update(name.lower().rstrip(".") for name in host.names)

    def missing(self, targets: Sequence[str]) -> List[str]:
        """Single names and addresses that were not told of; ranges and networks are counted by Nmap itself."""
        return [one for one in targets if is_single(one) and _plain(one) not in self._told]


def is_single(target: str) -> bool:
    """Whether a target is one name or address, and no range or network."""
    return "/" not in target and not (OCTETS.match(target) and not re.match(r"[0-9.]+\Z", target))


def _plain(target: str) -> str:
    word = target.strip("[]").lower().rstrip(".")
    return str(expand_one(word)[0].address) if ":" in word else word


def _check_target(word: str, ipv6: bool) -> None:
    try:
        sample = word if is_single(word) else word.partition("/")[0].replace("*", "0")
        for one in expand_one(sample):
            if one.port is not None:
                raise NmapRequestError("target %s has a port: for nmap give ports with -p" % ascii(word)[:80])
            literal6, literal4 = ":" in one.address, bool(re.match(r"[0-9.]+\Z", one.address))
            if (literal6 and not ipv6) or (literal4 and ipv6):
                raise NmapRequestError(
                    "target %s is IPv%d: nmap takes one family in a run, %s"
                    % (ascii(word)[:80], 6 if literal6 else 4, "give -6" if literal6 else "leave -6 out")
                )
            break
    except TargetSyntaxError as error:
        raise NmapRequestError(str(error)) from error
    prefix = word.partition("/")[2]
    if "/" in word and not (re.match(r"[0-9]{1,3}\Z", prefix) and int(prefix) <= (128 if ":" in word else 32)):
        raise NmapRequestError("target %s: a network ends with its prefix length" % ascii(word)[:80])


def _write_words(path: str, words: Sequence[str]) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.writelines(word.strip("[]") + "\n" for word in words)


def _environment() -> Dict[str, str]:
    """Nothing of ours that could change what Nmap does (``NMAP_PRIVILEGED``, ``NMAPDIR``, ``NMAP_ARGS``)."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _supervise(
    command: List[str],
    result: str,
    limit: Optional[float],
    cancelled: Callable[[], bool],
    progress: Callable[[float], None],
) -> Tuple[Optional[int], str, str]:
    """Run to the end, or stop.

    :returns: exit code, standard error, why it was stopped
    """
    began = time.monotonic()
    try:
        # A session of its own: Ctrl-C on the terminal is for us, and we end Nmap in order.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment(),
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        told = error.strerror or str(error)
        raise NmapError("%s can't be run (%s): mend it, or %s" % (command[0], told, GET_IT)) from error
    errors = _Drain(process.stderr, MAX_ERRORS)
    words = _Drain(process.stdout, 4096, progress)
    stopped = ""
    try:
        while process.poll() is None:
            if limit is not None and time.monotonic() - began > limit:
                stopped = TIME_LIMIT
            elif cancelled():
                stopped = "cancelled"
            elif os.path.exists(result) and os.path.getsize(result) > MAX_OUTPUT:
                stopped = "too-much-output"
            if stopped:
                break
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        stopped = "cancelled"
    finally:
        _end(process)
        errors.join()
        words.join()
    return process.returncode, errors.text(), stopped


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL where that does not help; of this process only."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(TERM_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Drain:
    """Reads a pipe to its end in a thread, and keeps its beginning."""

    def __init__(self, pipe: Optional[IO[bytes]], limit: int, progress: Optional[Callable[[float], None]] = None):
        self._pipe = pipe
        self._limit = limit
        self._kept = b""
        self._progress = progress
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while self._pipe is not None:
            data = os.read(self._pipe.fileno(), 65536)
            if not data:
                break
            if len(self._kept) < self._limit:
                self._kept += data[: self._limit - len(self._kept)]
            found = re.findall(rb"About ([0-9]{1,3}\.[0-9]{1,3})% done", data)
            if found and self._progress is not None:
                self._progress(float(found[-1]))

    def join(self) -> None:
        self._thread.join(TERM_SECONDS)
        if self._pipe is not None and not self._thread.is_alive():
            self._pipe.close()

    def text(self) -> str:
        return self._kept.decode("ascii", "backslashreplace")


def _first_line(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    told = ascii(lines[0])[1:-1][:200] if lines else "it gives no reason"
    return told + ("; it needs privileges that this user lacks" if "ermission" in told or "ermitted" in told else "")


def _unresolved(errors: str, targets: Sequence[str]) -> List[str]:
    """The targets that standard error says were not resolved."""
    named = set(re.findall(r'Failed to resolve "([^"]{1,300})"', errors))
    return [one for one in targets if one in named or one.strip("[]") in named]
