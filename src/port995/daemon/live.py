# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a daemon really does what it was told, seen on the wire: a reload with a bad file silently keeps the old one.

What must not be spoken any more is offered, and has to be refused; what is left must be answered, with the certificate
that is on disk. Python 3.9, standard library only.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import time
from typing import List, Optional, Sequence, Tuple

from ..probe.tls.answer import AnswerReader
from ..probe.tls.cipher_suites import FAMILY_DHE, FAMILY_ECDHE_RSA, SUITES
from ..probe.tls.client_hello import TLS_1_2, TLS_1_3, Offer, write_hello
from ..probe.tls.named_groups import FFDHE, GROUPS
from ..probe.tls.signature_schemes import SCHEMES
from . import listening
from .model import VERSIONS, TlsWanted, Wanted

TIMEOUT = 5.0
"""Seconds for one answer."""
PATIENCE = 20.0
"""Seconds until a daemon that was told to read its settings anew is believed not to have done so."""
PAUSE = 0.3
_NUMBERS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": TLS_1_2, "TLSv1.3": TLS_1_3}
_SIGNATURES = tuple(scheme.number for scheme in SCHEMES)
_GROUPS_12 = tuple(group.number for group in GROUPS if group.tls12 and group.kind != FFDHE)
_GROUPS_13 = tuple(group.number for group in GROUPS if group.tls13)


def _ask(address: str, port: int, offer: Offer) -> Tuple[str, str]:
    """Send one hello.

    :returns: ``answered`` or ``refused``, or ``silent``; and what was seen
    """
    reader = AnswerReader(offer)
    try:
        with socket.create_connection((address, port), TIMEOUT) as stream:
            stream.settimeout(TIMEOUT)
            stream.sendall(write_hello(offer).octets)
            end = time.monotonic() + TIMEOUT
            while not reader.answer.outcome and reader.answer.suite is None:
                if time.monotonic() > end:
                    return "silent", "no answer in %g s" % TIMEOUT
                piece = stream.recv(65536)
                if not piece:
                    return "refused", "the connection was closed"
                reader.feed(piece)
    except socket.timeout:
        return "silent", "no answer in %g s" % TIMEOUT
    except ConnectionResetError:
        return "refused", "the connection was reset"
    except OSError as error:
        return "silent", error.strerror or str(error)
    if reader.answer.suite is not None or reader.answer.outcome in ("server-hello", "hello-retry-request"):
        return "answered", "suite 0x%04X" % (reader.answer.suite or 0)
    # Whatever else came is no refusal that anything can be built on.
    return ("refused" if reader.answer.outcome in ("alert", "eof") else "silent"), reader.answer.outcome


def _forbidden(tls: TlsWanted) -> List[Tuple[str, Offer]]:
    """What must be refused: one version and one family each, since one may hide the other."""
    offers: List[Tuple[str, Offer]] = []
    floor = VERSIONS.index(tls.minimum)
    for version in VERSIONS[:floor]:
        for family in (FAMILY_ECDHE_RSA, FAMILY_DHE):
            number = _NUMBERS[version]
            suites = tuple(one.number for one in SUITES if one.family == family and one.minimum_version <= number)
            offers.append(("%s (%s)" % (version, family), Offer(number, suites, _GROUPS_12, _SIGNATURES)))
    if floor <= VERSIONS.index("TLSv1.2"):
        for family in (FAMILY_ECDHE_RSA, FAMILY_DHE):
            suites = tuple(
                one.number for one in SUITES
                if one.family == family and one.minimum_version <= TLS_1_2 and one.name not in tls.suites
            )  # fmt: skip
            if suites:
                offers.append(
                    ("suites that are not allowed (%s)" % family, Offer(TLS_1_2, suites, _GROUPS_12, _SIGNATURES))
                )
    groups = tuple(number for number in _GROUPS_13 if _name(number) not in tls.groups)
    if groups:
        suites13 = tuple(one.number for one in SUITES if one.minimum_version == TLS_1_3)
        offers.append(("groups that are not allowed", Offer(TLS_1_3, suites13, groups, _SIGNATURES, "empty")))
    return offers


def _name(number: int) -> str:
    return next(group.name for group in GROUPS if group.number == number)


def served_certificate(address: str, port: int) -> Tuple[Optional[str], str]:
    """(SHA-256 of the leaf that is served, what was seen instead)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # It is compared, not trusted.
    context.verify_mode = ssl.CERT_NONE
    try:
        # Also what is to be changed has to be seen.
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("ALL:@SECLEVEL=0")
    except (ssl.SSLError, ValueError):
        pass
    try:
        with socket.create_connection((address, port), TIMEOUT) as plain:
            plain.settimeout(TIMEOUT)
            with context.wrap_socket(plain) as stream:
                der = stream.getpeercert(binary_form=True)
                greeting = stream.recv(1024)
    except (OSError, ValueError) as error:
        return None, getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    # A daemon may shake hands and have nobody behind it who speaks POP3.
    if not greeting.startswith(b"+OK"):
        return None, "greeted with %s" % ascii(greeting[:80])
    return (hashlib.sha256(der).hexdigest(), "") if der else (None, "no certificate")


def _clear_text(address: str, port: int) -> str:
    """What a password in clear text is answered: ``refused``, ``taken`` or what was seen instead.

    The name is nobody's and no password is sent: a server that wants TLS first refuses the name.
    """
    try:
        with socket.create_connection((address, port), TIMEOUT) as stream:
            stream.settimeout(TIMEOUT)
            with stream.makefile("rwb") as dialogue:
                if not dialogue.readline(1024).startswith(b"+OK"):
                    return "no greeting"
                dialogue.write(b"STLS\r\n")
                dialogue.flush()
                answer = dialogue.readline(1024)
    except OSError as error:
        return error.strerror or str(error)
    return "STLS" if answer.startswith(b"+OK") else "no STLS: %s" % ascii(answer[:80])


def problems(wanted: Wanted, port: int, clear_port: int, sha256: Optional[str]) -> Tuple[str, ...]:
    """What on the wire is not as wanted, now.

    :param sha256: fingerprint of the certificate that is to be served; ``None``: not known
    """
    if wanted.listener == "absent":
        if not listening.sockets(port):
            return ()
        who = listening.processes(port)
        return ("%s still listens on port %d" % (who[0][0] if who else "something", port),)
    found: List[str] = []
    addresses = listening.reachable_at(port)
    if not addresses:
        return ("nothing listens on port %d" % port,)
    for address in addresses:
        served, instead = served_certificate(address, port)
        if served is None:
            found.append("%s port %d serves no POP3S: %s" % (address, port, instead))
        elif sha256 is not None and served != sha256:
            found.append("%s port %d serves another certificate than the one on disk" % (address, port))
    if not found and wanted.tls is not None:
        for what, offer in _forbidden(wanted.tls):
            outcome, seen = _ask(addresses[0], port, offer)
            if outcome != "refused":
                found.append("%s port %d, offered %s: %s, %s" % (addresses[0], port, what, outcome, seen))
    clear = listening.reachable_at(clear_port)
    if wanted.cleartext == "off" and clear:
        found.append("port %d still listens, for clear text" % clear_port)
    if wanted.cleartext == "stls" and clear:
        seen = _clear_text(clear[0], clear_port)
        if seen != "STLS":
            found.append("%s port %d: %s" % (clear[0], clear_port, seen))
    return tuple(found)


def wait(
    wanted: Wanted, port: int, clear_port: int, sha256: Optional[str], patience: float = PATIENCE
) -> Sequence[str]:
    """Look until all is as wanted, or patience is at its end.

    :returns: what is not as wanted; empty: all is
    """
    end = time.monotonic() + patience
    while True:
        left = problems(wanted, port, clear_port, sha256)
        if not left or time.monotonic() > end:
            return left
        time.sleep(PAUSE)
