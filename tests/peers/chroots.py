# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian releases in folders, for servers that this machine's own release does not have: ``make chroots``.

They are made once, outside the checkout, from the mirror that this machine's own apt reads. Making takes a minute or two
for each, so tests only use what is there (`missing` says why one can't be used) and never make one by themselves.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TIME_LIMIT = 900.0
"""Seconds that one step (debootstrap, apt-get) may take."""

AT_A_TIME = 3
"""Releases that are made at the same time: a part of the time goes into waiting for the mirror."""

READY = ".port995-ready"
"""Written last, inside the release's folder: it names the packages, so that another list makes it anew."""


@dataclasses.dataclass(frozen=True)
class Release:
    """A Debian release with the packages the tests want of it."""

    name: str
    """Its code name, and what makes one of several folders of it another, behind a hyphen."""

    packages: tuple[str, ...]

    @property
    def suite(self) -> str:
        return self.name.partition("-")[0]

    @property
    def folder(self) -> Path:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "port995" / "hosts" / self.name

    @property
    def is_made(self) -> bool:
        with contextlib.suppress(OSError):
            return (self.folder / READY).read_text() == self.contents
        return False

    @property
    def contents(self) -> str:
        return " ".join(self.packages) + "\n"


BULLSEYE = Release("bullseye", ("dovecot-pop3d", "openssl"))
"""Dovecot 2.3.13 on OpenSSL 1.1.1. Only its main suite is used: the security suite's index names packages that are gone."""

TRIXIE = Release("trixie", ("dovecot-pop3d", "openssl"))
"""Dovecot 2.4 on OpenSSL 3.5."""

COURIER = Release("bookworm-courier", ("courier-pop", "msmtp-mta", "ssl-cert", "openssl"))
"""Courier 1.0.16 on GnuTLS 3.7. Debian's POP3 servers conflict with each other, so each has a folder of its own; the
smallest of mail transport agents stands in for the one that they want."""

CYRUS = Release("bookworm-cyrus", ("cyrus-pop3d", "msmtp-mta", "ssl-cert", "openssl"))
"""Cyrus 3.6 on OpenSSL 3.0."""

DOVECOT = Release("bookworm-dovecot", ("dovecot-pop3d", "msmtp-mta", "ssl-cert", "openssl"))
"""Dovecot 2.3.19 on OpenSSL 3.0, with Debian's own configuration, whatever this machine's own became."""

RELEASES = (BULLSEYE, TRIXIE, COURIER, CYRUS, DOVECOT)


def missing(release: Release) -> str | None:
    """Why servers of this release can't run here; ``None``: they can."""
    if os.geteuid() != 0:
        return f"needs root to enter Debian {release.name}"
    if not release.is_made:
        return f'Debian {release.name} is not there: run "make chroots" first'
    return None


def mirror() -> str:
    """The address this machine's own apt reads Debian from.

    :raises RuntimeError: its sources name none
    """
    sources = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for source in sources:
        text = source.read_text() if source.is_file() else ""
        for stanza in re.split(r"\n\s*\n", text):
            if "debian-archive-keyring" in stanza or source.name.startswith("debian"):
                found = re.search(r"^URIs:\s*(\S+/debian/?)(?:\s|$)", stanza, re.MULTILINE)
                if found:
                    return found[1]
        found = re.search(r"^deb\s+(?:\[[^]]*\]\s+)?(\S+/debian/?)\s", text, re.MULTILINE)
        if found:
            return found[1]
    raise RuntimeError("apt's sources on this machine name no Debian mirror; chroots are made on Debian only")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(*command: str) -> None:
    """Run a step of the making in mount and process namespaces of its own: whatever ends it leaves neither behind."""
    end_with_us = ["setpriv", "--pdeathsig", "KILL", "--"]
    inside = [*end_with_us, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--", *command]
    process = subprocess.Popen(
        inside, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
    )
    try:
        output, _ = process.communicate(timeout=TIME_LIMIT)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}\n{output.decode(errors='replace')[-4000:]}")


def make(release: Release) -> None:
    """Make the release's folder where it is not there yet; what an interrupted making left is thrown away.

    :raises RuntimeError: no root, no debootstrap, no mirror, or a step failed (with the end of what it said)
    :raises subprocess.TimeoutExpired: a step took longer than `TIME_LIMIT`
    """
    if os.geteuid() != 0:
        raise RuntimeError("making a chroot needs root")
    debootstrap = shutil.which("debootstrap", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if debootstrap is None:
        raise RuntimeError("debootstrap is not installed (Debian: debootstrap)")
    release.folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(release.folder.parent / f"{release.name}.lock"):
        if release.is_made:
            return
        half_made = release.folder.with_name(f"{release.name}.half-made")
        for leftover in (half_made, release.folder):
            if leftover.exists():
                shutil.rmtree(leftover)
        try:
            _run(debootstrap, "--variant=minbase", release.suite, str(half_made), mirror())
            # Nothing that gets installed may start: it would listen on this machine's own ports.
            policy = half_made / "usr/sbin/policy-rc.d"
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
            shutil.copy("/etc/resolv.conf", half_made / "etc/resolv.conf")
            _run("chroot", str(half_made), "apt-get", "install", "-y", "-q", "--no-install-recommends", *release.packages)
            _run("chroot", str(half_made), "apt-get", "clean")
            (half_made / READY).write_text(release.contents)
            half_made.rename(release.folder)
        except BaseException:
            shutil.rmtree(half_made, ignore_errors=True)
            raise


def make_all(releases: Sequence[Release]) -> int:
    """Make those that are not there yet, some at the same time.

    :returns: 0, or 1 when one could not be made, which is told
    """
    failed = False
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        making = {release.name: pool.submit(make, release) for release in releases}
        for release in releases:
            try:
                making[release.name].result()
                print(f"{release.name}: {release.folder}")
            except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                print(f"{release.name}: {error}", file=sys.stderr)
                failed = True
    return 1 if failed else 0


def main() -> int:
    """Make them all: the work of ``make chroots``."""
    return make_all(RELEASES)


if __name__ == "__main__":
    sys.exit(main())
