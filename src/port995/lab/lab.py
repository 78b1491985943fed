# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the lab and stop it: an event loop in a thread, listeners on loopback, certificates in a folder."""

from __future__ import annotations

import asyncio
import datetime
import functools
import socket
import ssl
import threading
import warnings
from pathlib import Path
from types import TracebackType

import yaml

from .certificates import Authority, make_authority, write_leaf
from .fleet import BASE_PORT, DOMAIN, FLEET, LabHost, inventory
from .servers import Behaviour, serve

START_SECONDS = 30.0
TURNS_SECONDS = 0.05
"""Long enough for the event loop to do what is due, when the lab ends."""
MAX_BASE_PORT = 65535 - 995


class LabError(RuntimeError):
    """The lab can't start; says what to do next."""


class Lab:
    """The running lab, as a context manager.

    :param folder: where certificates, keys, CA file and inventory are written; the caller's to remove
    :param base_port: added to 995 and 110
    :raises LabError: a port is taken, or loopback has fewer addresses than 127.0.0.0/8 (not Linux)
    """

    def __init__(self, folder: Path, base_port: int = BASE_PORT) -> None:
        if not 0 <= base_port <= MAX_BASE_PORT:
            raise LabError(f"base port is from 0 to {MAX_BASE_PORT}, not {base_port}")
        self.folder = folder
        self.base_port = base_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="lab", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._held: list[socket.socket] = []

    @property
    def ca_file(self) -> Path:
        """PEM file of the CA that clients of the lab trust."""
        return self.folder / "ca.pem"

    @property
    def inventory_file(self) -> Path:
        """The fleet as an Ansible inventory."""
        return self.folder / "inventory.yml"

    def __enter__(self) -> Lab:
        self.folder.mkdir(parents=True, exist_ok=True)
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        trusted, foreign = make_authority("port995 lab CA", now), make_authority("port995 lab, another CA", now)
        self.ca_file.write_bytes(trusted.pem)
        self.inventory_file.write_text(yaml.safe_dump(inventory(self.base_port), sort_keys=False), encoding="utf-8")
        self._thread.start()
        try:
            for host in FLEET:
                self._start(host, trusted, foreign, now)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop every listener and connection; safe to call twice."""
        for held in self._held:
            held.close()
        self._held.clear()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=10)

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        # A peer that breaks off is what the lab is for; the default handler would print each one.
        self._loop.set_exception_handler(lambda loop, context: None)
        self._loop.run_forever()
        for server in self._servers:
            server.close()
        # A handshake under way has no task yet that could be cancelled: let it get one.
        self._loop.run_until_complete(asyncio.sleep(TURNS_SECONDS))
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=5))
        # An aborted connection closes its socket in turns of the loop that follow: TLS first, TCP behind it.
        self._loop.run_until_complete(asyncio.sleep(TURNS_SECONDS))
        self._loop.close()

    def _start(self, host: LabHost, trusted: Authority, foreign: Authority, now: datetime.datetime) -> None:
        """Open both ports of one host, or hold them shut."""
        context = None
        if host.pop3s != "none" or host.pop3 != "none":
            name = f"someone-else.{DOMAIN}" if host.certificate == "other-name" else host.server_name
            authority = foreign if host.certificate == "other-ca" else trusted
            files = write_leaf(self.folder, authority, name, now, expired=host.certificate == "expired")
            context = _context(host.protocol)
            context.load_cert_chain(*files)
        stls = Behaviour(stls=context, clear_text_login=host.pop3 == "login", keeps_clear_text=host.pop3 == "injection")
        pop3s = {
            "tls": Behaviour(tls=context),
            "silent": Behaviour(tls=context, silent=True),
            "clear": Behaviour(clear_text_login=True),
            "none": None,
        }[host.pop3s]
        self._open(host.address, self.base_port + 995, pop3s)
        self._open(host.address, self.base_port + 110, None if host.pop3 == "none" else stls)

    def _open(self, address: str, port: int, behaviour: Behaviour | None) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError as error:
            listener.close()
            raise LabError(
                f"the lab can't have {address} port {port} ({error.strerror}): choose another --base-port; elsewhere"
                " than on Linux first add 127.0.95.1 to 127.0.95.11 to their loopback interface"
            ) from error
        if behaviour is None:
            # Bound and not listening: the kernel refuses, and nobody else can take the port meanwhile.
            self._held.append(listener)
            return
        started = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(functools.partial(serve, behaviour), sock=listener, ssl=behaviour.tls), self._loop
        )
        self._servers.append(started.result(START_SECONDS))


def _context(protocol: str) -> ssl.SSLContext:
    """What a host speaks: `LabHost.protocol`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if protocol == "old":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    return context
