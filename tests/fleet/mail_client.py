# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail client that is connected before a mail daemon is changed, and logs in afterwards: over the same connection where
the server kept it, else as every mail client does, by one more."""

from __future__ import annotations

import subprocess
import sys

from .lab import Lab
from .mail_host import PASSWORD, USER

ANSWER = 60.0
"""Seconds that all it does may take."""

CLIENT = """\
import poplib, ssl, sys
address, user, password = sys.argv[1:]

def connect():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return poplib.POP3_SSL(address, 995, timeout=20, context=context)

def read(server):
    if user:
        server.user(user)
        server.pass_(password)
        lines = [line.decode() for line in server.retr(1)[1]]
    else:
        lines = ["capabilities " + " ".join(sorted(server.capa()))]
    server.quit()
    return lines

server = connect()
print("connected", flush=True)
sys.stdin.readline()
how = "the same connection"
try:
    lines = read(server)
except (poplib.error_proto, OSError) as error:
    how = "another connection, after %s" % (error,)
    lines = read(connect())
print("\\n".join([how, *lines]))
"""
"""Arguments: address, user, password; without a user it asks what the server can do."""


class MailClient:
    """Context manager: a client that has connected and read the greeting.

    :param logs_in: ``False``: the server has no mailbox for anybody; then its capabilities are read
    """

    def __init__(self, lab: Lab, address: str, logs_in: bool = True) -> None:
        who = (USER, PASSWORD) if logs_in else ("", "")
        self._process = subprocess.Popen(
            [*lab.inside.prefix(), sys.executable, "-c", CLIENT, address, *who],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        if first != "connected\n":
            raise AssertionError(f"the client could not connect: {self._process.communicate(timeout=ANSWER)[1]}")

    def __enter__(self) -> MailClient:
        return self

    def log_in(self) -> tuple[str, str]:
        """(over which connection, what was read): to be called once."""
        said, problem = self._process.communicate("\n", timeout=ANSWER)
        assert self._process.returncode == 0, problem
        how, _newline, read = said.partition("\n")
        return how, read

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
