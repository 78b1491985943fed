# SPDX-License-Identifier: GPL-3.0-or-later
"""The least POP3 server there is: for TLS servers that have no mail behind them."""

from __future__ import annotations

import socketserver
import threading

GREETING = b"+OK test POP3 server ready\r\n"
ANSWERS = {b"CAPA": b"+OK\r\nUSER\r\nUIDL\r\n.\r\n", b"QUIT": b"+OK bye\r\n"}
OTHERWISE = b"-ERR [AUTH] not here\r\n"

TIME_LIMIT = 30.0


def answer(line: bytes) -> bytes:
    """The reply to one command."""
    return ANSWERS.get(line.strip().upper(), OTHERWISE)


class _Conversation(socketserver.StreamRequestHandler):
    timeout = TIME_LIMIT

    def handle(self) -> None:
        try:
            self.wfile.write(GREETING)
            for _ in range(16):
                line = self.rfile.readline(512)
                if not line:
                    return
                self.wfile.write(answer(line))
                if line.strip().upper() == b"QUIT":
                    return
        except OSError:
            return


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Pop3Responder:
    """Answers on a port of loopback, from a thread, until it is closed."""

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
