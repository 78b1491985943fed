# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a lab running for other programs, such as Molecule, until this process ends.

    python -m tests.fleet.serve FOLDER [IMAGE...]

An image is named as in `image.IMAGES`; without any, one host with no firewall runs.

FOLDER gets what others need: ``key``, the executable ``ssh`` (it enters the lab's network first), ``at-inside`` and
``at-outside`` (they run a command at that vantage) and, once all hosts run, ``boots``, the number of times that they were
booted. SIGUSR1 reboots the hosts; SIGTERM ends the lab. Where no host can be booted, ``skipped`` says why, and it ends.
"""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
from pathlib import Path

from . import image
from .lab import Lab


def _executable(path: Path, *command: str) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o755)


def serve(folder: Path, images: list[str]) -> None:
    """Run it, and return at SIGTERM."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("skipped", "boots"):
        (folder / name).unlink(missing_ok=True)
    reason = image.missing()
    if reason is not None:
        (folder / "skipped").write_text(reason + "\n")
        print(f"skipped: {reason}", flush=True)
        return
    signals = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1}
    with Lab() as lab:
        hosts = [lab.host(image.IMAGES[name]) for name in images]
        (folder / "key").unlink(missing_ok=True)
        shutil.copy(lab.key, folder / "key")
        _executable(folder / "ssh", *lab.inside.prefix(), "ssh")
        for vantage in (lab.inside, lab.outside):
            _executable(folder / f"at-{vantage.name}", *vantage.prefix())
        # Blocked only now: what is started with signals blocked keeps them blocked.
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        boots = 1
        while True:
            (folder / "boots").write_text(f"{boots}\n")
            if signal.sigwait(signals) != signal.SIGUSR1:
                return
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            for host in hosts:
                host.reboot()
                host.wait_for_listener()
            signal.pthread_sigmask(signal.SIG_BLOCK, signals)
            boots += 1


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2:] or ["none"])
