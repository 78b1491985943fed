# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that a daemon is to serve, looked at on disk before anything is changed.

That it is trusted is the audit's matter, made from outside. Here: both files are there, the key fits and is kept from
others, the daemon's user can read what it must, it is valid now, the chain stands in order, and it is for the names.
Python 3.9, standard library only.
"""

from __future__ import annotations

import calendar
import dataclasses
import grp
import hashlib
import os
import pwd
import ssl
import stat
import tempfile
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..change import files

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
MAX_CERTIFICATES = 16


@dataclasses.dataclass(frozen=True)
class Looked:
    """What was found."""

    sha256: Optional[str]
    """Fingerprint of the leaf's DER; ``None``: it could not be read."""
    not_after: str
    """As the certificate's words have it; empty: not known."""
    problems: Tuple[str, ...]
    """Why it can't be served, each with file and what to do; none: it can."""


def certificates_in(text: str) -> List[str]:
    """Each certificate of a PEM file, in its order."""
    found = []
    for part in text.split(BEGIN)[1:]:
        body, end, _rest = part.partition(END)
        if end:
            found.append(BEGIN + body + END + "\n")
    return found


def _decode(pem: str) -> Dict[str, Any]:
    """Subject, issuer, names and times, by the standard library's own decoder, which reads a file."""
    decode = ssl._ssl._test_decode_cert  # type: ignore[attr-defined]
    with tempfile.NamedTemporaryFile("w", prefix="port995-", suffix=".pem") as stream:
        stream.write(pem)
        stream.flush()
        decoded: Dict[str, Any] = decode(stream.name)
    return decoded


def _names(leaf: Dict[str, Any]) -> List[str]:
    return [str(value) for kind, value in leaf.get("subjectAltName", ()) if kind in ("DNS", "IP Address")]


def covers(names: Sequence[str], wanted: str) -> bool:
    """Whether a name is among those of a certificate (RFC 9525 section 6.3: a star is the whole first label)."""
    wanted = wanted.lower().rstrip(".")
    for name in names:
        name = name.lower()
        if name == wanted or (name.startswith("*.") and name[2:] == wanted.partition(".")[2] and "." in name[2:]):
            return True
    return False


def _readable_by(path: str, user: str) -> bool:
    """Whether a user may read a file and go through its folders; root may."""
    try:
        entry = pwd.getpwnam(user)
        groups = {entry.pw_gid, *(one.gr_gid for one in grp.getgrall() if user in one.gr_mem)}
    except KeyError:
        return True
    if entry.pw_uid == 0:
        return True
    parts = path.strip("/").split("/")
    for depth in range(1, len(parts) + 1):
        found = os.stat("/" + "/".join(parts[:depth]))
        bit = stat.S_IROTH if depth == len(parts) else stat.S_IXOTH
        if found.st_uid == entry.pw_uid:
            bit <<= 6
        elif found.st_gid in groups:
            bit <<= 3
        if not found.st_mode & bit:
            return False
    return True


def _key_problems(certificate: str, key: str, user: str) -> List[str]:
    problems = []
    try:
        mode = stat.S_IMODE(os.stat(key).st_mode)
    except OSError as error:
        return ["the key %s can't be read: %s. Put it there, or name the one that is." % (key, error.strerror)]
    if mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
        problems.append(
            "the key %s has mode %04o, so that others can read or change it: set it to 0600 (0640 where a group of the"
            " daemon's reads it), and take a new one if it may be known" % (key, mode)
        )
    if not _readable_by(os.path.realpath(key), user):
        problems.append(
            "the key %s can't be read by %s, as which the daemon reads it: give it to that user or to a group of it,"
            " folders on the way included" % (key, user)
        )
    try:
        # An empty password, since it would ask on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        why = "it does not fit the certificate" if "MISMATCH" in str(error.reason) else "it can't be used (%s)" % (
            error.reason or error)  # fmt: skip
        problems.append("the key %s: %s %s" % (key, why, certificate))
    except OSError as error:
        problems.append("the certificate %s with key %s can't be read: %s" % (certificate, key, error.strerror))
    return problems


def _chain_problems(path: str, decoded: Sequence[Dict[str, Any]]) -> List[str]:
    for index in range(len(decoded) - 1):
        if decoded[index]["issuer"] != decoded[index + 1]["subject"]:
            return [
                "%s: certificate %d is not by the one after it: leaf first, then each one's issuer" % (path, index + 1)
            ]
    return []


def look(
    certificate: Optional[str], key: Optional[str], names: Sequence[str] = (), user: str = "root",
    now: Optional[float] = None,
) -> Looked:  # fmt: skip
    """Look at certificate and key on disk.

    :param names: that it has to be for
    :param user: as which the daemon reads them
    :param now: seconds since 1970
    """
    if certificate is None:
        return Looked(None, "", ("no certificate is set: give certificate and key, paths of PEM files",))
    if key is None:
        return Looked(None, "", ("%s has no key that is known: give certificate and key" % certificate,))
    try:
        text = files.read(certificate)
    except files.FileError as error:
        return Looked(None, "", (str(error),))
    if text is None:
        return Looked(None, "", ("the certificate %s is not there" % certificate,))
    pems = certificates_in(text)[:MAX_CERTIFICATES]
    if not pems:
        return Looked(None, "", ("%s holds no certificate in PEM (-----BEGIN CERTIFICATE-----)" % certificate,))
    try:
        sha256 = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pems[0])).hexdigest()
        decoded = [_decode(pem) for pem in pems]
    except (ssl.SSLError, ValueError, OSError, AttributeError) as error:
        return Looked(None, "", ("%s can't be read as certificates: %s" % (certificate, error),))
    problems = _key_problems(certificate, key, user) + _chain_problems(certificate, decoded)
    if not _readable_by(os.path.realpath(certificate), user):
        problems.append("the certificate %s can't be read by %s, as which the daemon reads it" % (certificate, user))
    now = time.time() if now is None else now
    not_after = str(decoded[0].get("notAfter", ""))
    for word, late in (("notAfter", True), ("notBefore", False)):
        at = _seconds(str(decoded[0].get(word, "")))
        if at is None or (at < now if late else at > now):
            problems.append(
                "the certificate %s is %s (%s): have it renewed before it is served"
                % (certificate, "expired" if late else "not valid yet", decoded[0].get(word, "?"))
            )
    held = _names(decoded[0])
    problems += ["the certificate %s is not for %s, but for %s" % (certificate, name, ", ".join(held[:20]) or "no name")
                 for name in names if not covers(held, name)]  # fmt: skip
    return Looked(sha256, not_after, tuple(problems))


def _seconds(text: str) -> Optional[float]:
    try:
        return float(calendar.timegm(time.strptime(text, "%b %d %H:%M:%S %Y GMT")))
    except ValueError:
        return None
