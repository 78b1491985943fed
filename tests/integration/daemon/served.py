# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail daemon as Debian installs it, on a host of its own, that is set by the program's own path from a profile, and
looked at from another host.

systemd does not run there: Dovecot is told by the program itself, the others are started anew by the test, between the
program's own writing and its own look on the wire.
"""

from __future__ import annotations

import ctypes
import dataclasses
import datetime
import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from port995.evidence.begin import questions_of
from port995.policy.gate import gate
from port995.policy.judge import judge
from port995.policy.model import GateVerdict, HostPlan, Intent, Judgement
from port995.policy.profile import Profile
from port995.policy.trust import load_anchors
from port995.probe.engine import ScanOptions, local_vantage, run_scan
from port995.probe.model import Observation, Target
from tests.fleet import image
from tests.fleet.lab import REPOSITORY
from tests.peers import chroots, stock
from tests.peers.stock_host import NAME, SERVER, StockHost

from .drawn import CURVES, FINITE, HYBRID

CERTIFICATE, KEY = "/etc/ssl/mail/chain.pem", "/etc/ssl/mail/leaf.key"
RUN = "0" * 32
CLONE_NEWNET = 0x40000000

ENFORCE = """\
import json, os, sys
sys.path.insert(0, "/opt")
from port995.change.files import FileError
from port995.daemon import edit, model, steps
given = json.loads(sys.argv[1])
told = {"refused": "", "left": [], "files": []}
try:
    wanted = model.wanted(**given["wanted"])
    made = steps.plan(wanted, given["daemon"])
    told["files"] = sorted(made.edit.after)
    if given["daemon"] == "dovecot":
        steps.change_without_taking_back(made, wanted, "a test")
    else:
        edit.write(made.edit)
        os.system(given["restart"] + " >/dev/null 2>&1")
        told["left"] = list(steps.look(made, wanted))
except (model.WantedError, model.DaemonError, FileError) as error:
    told["refused"] = str(error)
print(json.dumps(told))
"""


@dataclasses.dataclass(frozen=True)
class Kind:
    """A mail daemon, and what it can do."""

    name: str
    daemon: str
    release: chroots.Release
    start: str
    restart: str
    key_owner: str
    settings: str
    """The file that its settings of TLS are in then."""
    groups: frozenset[int]
    """Those that it can be told."""
    one_curve: bool = False
    """The best of them that is allowed, and no other."""
    only_13: bool = True
    """It can be told to speak TLS 1.3 alone."""
    named_primes: bool = False
    """For DHE it takes the prime of a group that is allowed, where a client names some (RFC 7919), beside its own."""
    own_order: bool = True
    """Its order of suites is that of what is wanted; GnuTLS makes one of its own of the parts."""

    def missing(self) -> str | None:
        """Why it can't run on this machine; ``None``: it can."""
        if os.geteuid() != 0:
            return "a host of its own needs root"
        return None if self.release.is_made else f'Debian {self.release.name} is not there: run "make fleet-images" first'

    def taken(self, allowed: frozenset[int]) -> frozenset[int]:
        """The groups that it takes, of those that a profile allows."""
        there = allowed & self.groups
        return frozenset(sorted(there)[:1]) if self.one_curve else there


_ZZ = "/etc/dovecot/conf.d/zz-port995.conf"
_START, _RELOAD = stock.DOVECOT.start, stock.DOVECOT.restart
KINDS = (
    Kind("dovecot-2.3.13", "dovecot", image.BULLSEYE, _START, _RELOAD, "root", _ZZ, CURVES, only_13=False),
    Kind("dovecot-2.3.19", "dovecot", image.BOOKWORM, _START, _RELOAD, "root", _ZZ, CURVES | FINITE),
    Kind("dovecot-2.4.1", "dovecot", image.TRIXIE, _START, _RELOAD, "root", _ZZ, CURVES | FINITE | HYBRID),
    # Below the level of its parameters GnuTLS takes no finite field, and Courier asks for more than ffdhe2048.
    Kind("courier", "courier", image.COURIER, "mkdir -p /run/courier; pop3d-ssl start",
         "pop3d-ssl stop; sleep 0.3; pop3d-ssl start", "courier", "/etc/courier/pop3d-ssl", CURVES | FINITE - {0x0100},
         named_primes=True, own_order=False),
    Kind("cyrus", "cyrus", image.CYRUS, stock.CYRUS.start, stock.CYRUS.restart, "cyrus", "/etc/imapd.conf",
         frozenset((0x0017, 0x0018, 0x0019)), one_curve=True),
)  # fmt: skip
BY_NAME = {kind.name: kind for kind in KINDS}


class Served:
    """Context manager: a host with a mail daemon that runs; this process is on the scanner's side of the cable then.

    :param pki: folder of a certificate for the host (`make_chain`)
    """

    def __init__(self, kind: Kind, pki: Path) -> None:
        self.kind, self.pki = kind, pki
        self.host = StockHost(kind.release, (REPOSITORY / "src/port995",))
        self.anchors = load_anchors(pki / "ca.pem")
        self._own = os.open("/proc/self/ns/net", os.O_RDONLY)

    def __enter__(self) -> Served:
        self.host.__enter__()
        try:
            self.host.run(f"mkdir -p {os.path.dirname(CERTIFICATE)}; rm -rf /opt/port995/policy /opt/port995/report")
            self.host.write(CERTIFICATE, (self.pki / "chain.pem").read_text())
            self.host.write(KEY, (self.pki / "leaf.key").read_text())
            self.host.run(f"chown {self.kind.key_owner} {KEY}; chmod 600 {KEY}")
            self.host.write("/opt/enforce.py", ENFORCE)
            self.host.run(self.kind.start)
            self.host.wait_until_open()
            netns = os.open(f"/run/netns/{self.host.scanner}", os.O_RDONLY)
            _enter(netns)
            os.close(netns)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _enter(self._own)
        self.host.__exit__()

    def enforce(self, tls: dict[str, Any]) -> dict[str, Any]:
        """Set the daemon so.

        :param tls: the option of that name of the module
        :returns: ``refused`` (why; empty: it was not), ``left`` (what on the wire is not as wanted), ``files``
        """
        given: dict[str, Any] = {
            "daemon": self.kind.daemon, "restart": self.kind.restart,
            "wanted": {"tls": tls, "cleartext": "off", "certificate": CERTIFICATE, "key": KEY, "names": [NAME]},
        }  # fmt: skip
        said = self.host.run(f"python3 /opt/enforce.py {shlex.quote(json.dumps(given))}")
        told: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
        return told

    def spoil(self, change: Callable[[str], str]) -> None:
        """Change the settings in force, as somebody does who knows nothing of this program."""
        now = self.host.run(f"cat {self.kind.settings}")
        then = change(now)
        assert then != now, now
        self.host.write(self.kind.settings, then)
        self.host.run(self.kind.restart)
        self.host.wait_until_open()

    def state(self) -> str:
        """All that enforcing could change on disk."""
        return self.host.run("find /etc -type f -print0 | sort -z | xargs -0 md5sum")

    def look(self, profile: Profile, depth: str) -> tuple[Target, list[Observation]]:
        """Observe it with the questions of a profile and a depth."""
        target = Target(("mx",), SERVER, 995, NAME, 110)
        seen: list[Observation] = []
        options = ScanOptions(depth=depth, questions=questions_of(profile, "", depth), per_address=4)
        run_scan([target], options, local_vantage(), RUN, seen.append)
        return target, seen

    def judge(self, profile: Profile, target: Target, seen: list[Observation]) -> tuple[Judgement, GateVerdict]:
        """Judge what was seen, as an audit does."""
        judgement = judge(
            run_id=RUN, plan=[HostPlan("mx", Intent.SERVE)], targets=[target], observations=seen,
            profile=profile, anchors=self.anchors, at=datetime.datetime.now(datetime.UTC),
        )  # fmt: skip
        return judgement, gate(judgement)


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
