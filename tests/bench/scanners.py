# SPDX-License-Identifier: GPL-3.0-or-later
"""The scanners that the gate is measured against: how each is called, and what can be read from what it prints.

A fact is what a check of the profile `baseline` needs to know about an endpoint, said in so many words: a version that
is off counts only where it is called off. What a tool does not mention is no fact, since it looks the same as what the
tool could not see. Suite classes count as said where the tool lists the suites that were taken.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SSLYZE_INSTALL_TIMEOUT = 300.0

CLASSES = ("NULL", "anonymous", "export", "RC4", "64-bit blocks", "no forward secrecy", "CBC", "DHE")
LISTED = {
    "nmap": r"ciphers: *\n", "sslscan": r"Supported Server Cipher", "sslyze": r"TLS 1\.2 Cipher Suites:\n.*\n\n.*accepted",
    "testssl": r"Triple DES",
}  # fmt: skip

FACTS: dict[str, dict[str, str]] = {
    "SSL 2.0": {"nmap": r"SSLv2:", "sslscan": r"SSLv2 +(en|dis)abled", "sslyze": r"SSL 2\.0 Cipher", "testssl": r"SSLv2 +(not )?offered"},
    "SSL 3.0": {"nmap": r"SSLv3:", "sslscan": r"SSLv3 +(en|dis)abled", "sslyze": r"SSL 3\.0 Cipher", "testssl": r"SSLv3 +(not )?offered"},
    "TLS 1.0": {"nmap": r"TLSv1\.0:", "sslscan": r"TLSv1\.0 +(en|dis)abled", "sslyze": r"TLS 1\.0 Cipher", "testssl": r"TLS 1 +(not )?offered"},
    "TLS 1.1": {"nmap": r"TLSv1\.1:", "sslscan": r"TLSv1\.1 +(en|dis)abled", "sslyze": r"TLS 1\.1 Cipher", "testssl": r"TLS 1\.1 +(not )?offered"},
    "TLS 1.2 or 1.3": {"nmap": r"TLSv1\.[23]:", "sslscan": r"TLSv1\.[23] +enabled", "sslyze": r"TLS 1\.3 Cipher", "testssl": r"TLS 1\.[23] +offered"},
    **{f"suites: {name}": LISTED for name in CLASSES},
    "groups": {"sslscan": r"Key Exchange Group", "sslyze": r"Supported curves", "testssl": r"Elliptic curves offered"},
    "post-quantum group": {"sslscan": r"(?i)mlkem", "sslyze": r"(?i)mlkem", "testssl": r"(?i)mlkem|KEMs offered"},
    "signatures of the key exchange": {"sslscan": r"Server Signature Alg", "testssl": r"sig_algs offered"},
    "certificate": {"nmap": r"Subject: ", "sslscan": r"SSL Certificate", "sslyze": r"Common Name", "testssl": r"Common Name"},
    "chain": {"sslyze": r"Received Chain:", "testssl": r"Chain of trust"},
    "second key type": {"sslyze": r"Number of cert chains", "testssl": r"Server key size"},
    "POP3 capabilities": {"nmap": r"pop3-capabilities:"},
}  # fmt: skip
"""Name of a fact -> tool -> how its output says it. What is missing is not said by that tool."""

WRONG = {"TLS 1.2 called off": r"TLSv1\.2 +disabled|TLS 1\.2 +not offered"}
"""What would be false on the benchmark's server."""

OUR_CHECKS = {
    "SSL 2.0": "POP3S-VER-001", "SSL 3.0": "POP3S-VER-002", "TLS 1.0": "POP3S-VER-003", "TLS 1.1": "POP3S-VER-004",
    "TLS 1.2 or 1.3": "POP3S-VER-005", "suites: NULL": "POP3S-CIPH-001", "suites: anonymous": "POP3S-CIPH-002",
    "suites: export": "POP3S-CIPH-003", "suites: RC4": "POP3S-CIPH-004", "suites: 64-bit blocks": "POP3S-CIPH-005",
    "suites: no forward secrecy": "POP3S-CIPH-006", "suites: CBC": "POP3S-CIPH-007", "suites: DHE": "POP3S-CIPH-008",
    "groups": "POP3S-GRP-001", "post-quantum group": "POP3S-GRP-002", "signatures of the key exchange": "POP3S-SIG-001",
    "certificate": "POP3S-CERT-003", "chain": "POP3S-CERT-006", "second key type": "POP3S-GRP-001",
    "POP3 capabilities": "POP3S-POP-002",
}  # fmt: skip
"""Our word for the same: a check that came to pass or fail. Weak groups are only proven refused for both key types."""


@dataclasses.dataclass(frozen=True)
class Scanner:
    """A tool, and how it is asked about many endpoints at once."""

    name: str
    command: Callable[[Path, list[str], int, str], list[str]]
    """From a folder, addresses, a port and a server name to what to run."""
    most: int
    """Endpoints at the most, so that the benchmark ends."""
    most_far: int
    """The same where each round trip takes long."""
    missing: str = ""
    """Why it can't be run here; empty: it can."""


def facts_in(tool: str, output: str) -> list[str]:
    """The facts that a tool's output says."""
    return [fact for fact, ways in FACTS.items() if tool in ways and re.search(ways[tool], output)]


def false_facts_in(output: str) -> list[str]:
    """What it says that is not so."""
    return [said for said, pattern in WRONG.items() if re.search(pattern, output)]


def facts_of_ours(statuses: dict[str, str]) -> list[str]:
    """The facts that an audit has proven.

    :param statuses: check id -> status
    """
    return [fact for fact, check in OUR_CHECKS.items() if statuses.get(check) in ("pass", "fail", "waived")]


def scanners() -> list[Scanner]:
    """All of them, those that can't be run here with their reason."""
    sslyze, problem = _sslyze()
    testssl = shutil.which("testssl") or shutil.which("testssl.sh") or ""
    return [
        Scanner("nmap", _nmap, 200, 200, "" if shutil.which("nmap") else "nmap is not installed"),
        Scanner("sslscan", _sslscan, 50, 10, "" if shutil.which("sslscan") else "sslscan is not installed"),
        Scanner("sslyze", lambda *how: _targets([sslyze, "--sni", how[3]], *how), 20, 20, problem),
        Scanner(
            "testssl",
            lambda *how: [testssl, "--color", "0", "--quiet", "--warnings", "batch", "--nodns", "min", f"{how[1][0]}:{how[2]}"],
            1, 1, "" if testssl else "testssl.sh is not installed (Debian: testssl.sh)",
        ),
    ]  # fmt: skip


def _nmap(folder: Path, addresses: list[str], port: int, name: str) -> list[str]:
    (folder / "nmap.list").write_text("\n".join(addresses))
    # A plus makes a script run on a port that is none of its own.
    scripts = "+ssl-enum-ciphers,+ssl-cert,+pop3-capabilities"
    return ["nmap", "-n", "-Pn", "-sT", "--min-hostgroup", str(len(addresses)), "-p", str(port), "--script", scripts,
            "--script-args", f"tls.servername={name}", "-iL", str(folder / "nmap.list")]  # fmt: skip


def _sslscan(folder: Path, addresses: list[str], port: int, name: str) -> list[str]:
    (folder / "sslscan.list").write_text("".join(f"{address}:{port}\n" for address in addresses))
    return ["sslscan", "--no-colour", "--show-sigs", f"--sni-name={name}", f"--targets={folder / 'sslscan.list'}"]


def _targets(command: list[str], folder: Path, addresses: list[str], port: int, name: str) -> list[str]:
    return [*command, *(f"{address}:{port}" for address in addresses)]


def _sslyze() -> tuple[str, str]:
    """Path of the program, in an environment of its own, and why there is none: its licence (AGPL) keeps it out of ours."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "port995" / "bench" / "sslyze"
    program = cache / "bin" / "sslyze"
    try:
        if not program.exists():
            subprocess.run([sys.executable, "-m", "venv", str(cache)], check=True, capture_output=True, timeout=120)
            subprocess.run([str(cache / "bin" / "pip"), "install", "-q", "sslyze"], check=True, capture_output=True,
                           timeout=SSLYZE_INSTALL_TIMEOUT)  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return "", f"sslyze could not be installed: {error}"
    return str(program), ""
