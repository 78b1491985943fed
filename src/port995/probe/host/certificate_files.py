# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that a daemon is set to show, as they are on disk, and what guards their keys.

Of a private key nothing is kept: the TLS library of this Python loads it beside the certificate and says whether they
belong together. Python 3.9, standard library only.
"""

from __future__ import annotations

import datetime
import glob
import hashlib
import os
import re
import ssl
import stat
from typing import List, Optional, Sequence, Tuple

from ...change.commands import CommandError, find, run
from .model import CertificateSeen, KeySeen

MAX_SIZE = 1024 * 1024
"""Octets of a file that is read."""
MAX_FILES = 64
MAX_IN_FILE = 16
BLOCK = re.compile(
    r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----.*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----", re.S
)
DOVECOT_SETTING = re.compile(r"^\s*ssl_(?:alt_)?(?:server_)?(?:alt_)?cert(?:_file)?\s*=\s*<?\s*(/\S+)", re.MULTILINE)


class NotTakenError(Exception):
    """The library wants a password for the key: there is none to give."""


def more_files(daemon: str, certificate: str) -> Tuple[Tuple[str, ...], str]:
    """Other files that a daemon may show instead, for some names or addresses; and why they are not seen.

    :param certificate: the one that it shows to everybody else
    """
    if daemon == "courier":
        # couriertls: the file's name with an address or a name behind it is for that one.
        return tuple(sorted(glob.glob(glob.escape(certificate) + ".*")))[:MAX_FILES], ""
    if daemon != "dovecot" or find("doveconf") is None:
        return (), ""
    try:
        done = run(["doveconf", "-n"])
    except CommandError as error:
        return (), str(error)
    if done.code:
        return (), "doveconf -n: exit %d" % done.code
    found = dict.fromkeys(one.strip('"') for one in DOVECOT_SETTING.findall(done.output))
    return tuple(one for one in found if one != certificate)[:MAX_FILES], ""


def look(daemon: str, certificate: str, key: Optional[str]) -> CertificateSeen:
    """Look at a certificate and its key.

    :param key: path; ``None``: not known
    """
    unseen: List[str] = []
    digests: Tuple[str, ...] = ()
    changed = ""
    try:
        with open(certificate, "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("it is no regular file")
            text = stream.read(MAX_SIZE + 1)
        if len(text) > MAX_SIZE:
            raise ValueError("it is larger than %d octets" % MAX_SIZE)
        moment = datetime.datetime.fromtimestamp(status.st_mtime, datetime.timezone.utc)
        changed = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        digests = fingerprints(text.decode("ascii", "replace"))
        if not digests:
            raise ValueError("it holds no certificate")
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        unseen.append("%s can't be read as user %d: %s" % (certificate, os.geteuid(), words))
    seen, why = (None, "the path of its key is not known") if key is None else _key(certificate, key)
    if why:
        unseen.append(why)
    return CertificateSeen(daemon, certificate, digests, changed, seen, tuple(unseen))


def fingerprints(text: str) -> Tuple[str, ...]:
    """SHA-256 over the DER of each certificate of a PEM file, in its order.

    :raises ValueError: one can't be read
    """
    blocks = BLOCK.findall(text)[:MAX_IN_FILE]
    return tuple(hashlib.sha256(ssl.PEM_cert_to_DER_cert(_plain(one))).hexdigest() for one in blocks)


def _plain(block: str) -> str:
    return re.sub(r"-----(BEGIN|END) (?:X509 |TRUSTED )?CERTIFICATE-----", r"-----\1 CERTIFICATE-----", block)


def _key(certificate: str, path: str) -> Tuple[Optional[KeySeen], str]:
    try:
        status = os.stat(path)
    except OSError as error:
        return None, "%s can't be looked at as user %d: %s" % (path, os.geteuid(), error.strerror)
    matches, why = belongs(certificate, path)
    mode = "%04o" % stat.S_IMODE(status.st_mode)
    return KeySeen(path, mode, status.st_uid, status.st_gid, matches, why), ""


def belongs(certificate: str, key: str) -> Tuple[Optional[bool], str]:
    """Whether a key is a certificate's, and why it is not known."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Weak keys are to be told from foreign ones.
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(certificate, key, _no_password)
    except NotTakenError:
        return None, "%s has a password" % key
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH" or error.reason == "KEY_TYPE_MISMATCH":
            return False, ""
        return None, "%s can't be loaded: %s" % (key, error.reason or "no reason is told")
    except OSError as error:
        return None, "%s can't be read as user %d: %s" % (key, os.geteuid(), error.strerror)
    return True, ""


def _no_password() -> str:
    raise NotTakenError


def look_at_all(daemons: Sequence[Tuple[str, Optional[str], Optional[str]]]) -> Tuple[
    Tuple[CertificateSeen, ...], Tuple[str, ...]
]:  # fmt: skip
    """The certificates of all daemons.

    :param daemons: name, path of the certificate, path of its key; ``None``: not known
    :returns: them, and what was not seen
    """
    found: List[CertificateSeen] = []
    unseen: List[str] = []
    for daemon, certificate, key in daemons:
        if certificate is None:
            unseen.append("%s: which certificate it is set to show is not known" % daemon)
            continue
        found.append(look(daemon, certificate, key))
        others, why = more_files(daemon, certificate)
        if why:
            unseen.append("%s: whether it has other certificates is not known: %s" % (daemon, why))
        # Their keys stand in filters that are not read.
        found += [look(daemon, one, one if daemon == "courier" else None) for one in others]
    return tuple(found[:MAX_FILES]), tuple(unseen)
