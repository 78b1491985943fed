# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``openssl s_client`` says of a server: the peer that the probe's answers are compared with."""

from __future__ import annotations

import dataclasses
import re
import ssl
import subprocess

SUITE_AND_VERSION = re.compile(r"^New, (?P<version>\S+), Cipher is (?P<suite>\S+)", re.MULTILINE)
TEMPORARY_KEY = re.compile(r"^Server Temp Key: (?P<group>[^,\n]+)", re.MULTILINE)
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Answer:
    """The facts both programs can tell."""

    version: str
    cipher_suite: str
    group: str
    certificates: tuple[bytes, ...]
    """DER, in the order sent."""


def ask(address: str, port: int, server_name: str, *, starttls: bool = False) -> Answer:
    """Connect once with ``openssl s_client``.

    :param starttls: begin in clear text and send STLS
    :raises subprocess.SubprocessError: no connection, or none in time
    """
    host = f"[{address}]" if ":" in address else address
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", server_name, "-showcerts"]
    if starttls:
        command += ["-starttls", "pop3"]
    output = subprocess.run(command, input=b"QUIT\r\n", capture_output=True, check=True, timeout=20).stdout.decode(
        errors="replace"
    )
    negotiated = SUITE_AND_VERSION.search(output)
    key = TEMPORARY_KEY.search(output)
    if negotiated is None or key is None:
        raise subprocess.SubprocessError(output)
    return Answer(
        version=negotiated["version"],
        cipher_suite=negotiated["suite"],
        group=key["group"],
        certificates=tuple(ssl.PEM_cert_to_DER_cert(pem) for pem in CERTIFICATE.findall(output)),
    )
