# SPDX-License-Identifier: GPL-3.0-or-later
"""Dovecot 2.3 and 2.4: a file of our own that is read last, tried out on a copy of the configuration.

TLS is set for POP3 alone (``protocol pop3``): what IMAP offers is another service's matter. Source: doc.dovecot.org,
"SSL configuration" of 2.3 and 2.4. Python 3.9, standard library only.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tempfile
from typing import Dict, List, Optional, Tuple

from ..change import files
from . import blocks, dh, dovecot, dovecot_files, openssl
from .edit import HEAD, Edit, Unit, contents_of, demand_without_marks, kept_copies, tampered, unit_as_is
from .model import DaemonError, Found, TlsWanted, Wanted

NAME = "zz-port995.conf"
"""After what others call their own: files are read in the order of their names."""
DH_FILE = "/etc/dovecot/port995-dh.pem"
USER = "root"
"""As which it reads certificate and key."""
LOGIN_PROGRAMS = ("/usr/lib/dovecot/pop3-login", "/usr/libexec/dovecot/pop3-login")


def is_24(found: Found) -> bool:
    """Whether it speaks the settings of 2.4."""
    return "ssl_server_cert_file" in found.settings


def settings(wanted: Wanted, found: Found) -> Tuple[Dict[str, str], Tuple[str, ...]]:
    """(settings for POP3, what is allowed and the library does not have).

    :raises DaemonError: this version has no setting for it
    """
    new = is_24(found)
    made: Dict[str, str] = {}
    left_out: Tuple[str, ...] = ()
    if wanted.tls is not None:
        tls, left_out = _tls(wanted.tls, found)
        made.update(tls)
        if any("_DHE_" in suite and suite not in left_out for suite in wanted.tls.suites):
            made["ssl_server_dh_file" if new else "ssl_dh"] = DH_FILE if new else "<" + DH_FILE
    if wanted.certificate is not None and wanted.key is not None:
        if new:
            made.update(ssl_server_cert_file=wanted.certificate, ssl_server_key_file=wanted.key)
        else:
            made.update(ssl_cert="<" + wanted.certificate, ssl_key="<" + wanted.key)
    if wanted.cleartext == "stls":
        made.update({"auth_allow_cleartext": "no"} if new else {"disable_plaintext_auth": "yes"})
    return made, left_out


def _tls(tls: TlsWanted, found: Found) -> Tuple[Dict[str, str], Tuple[str, ...]]:
    spelled = openssl.spell(tls)
    new = is_24(found)
    if not spelled.suites13:
        raise DaemonError(
            "tls: Dovecot has no setting that turns TLS 1.3 off, and none of its suites is allowed: allow one of %s"
            % ", ".join(openssl.ALL_OF_TLS13)
        )
    made = {"ssl_min_protocol": tls.minimum}
    if spelled.cipher_list:
        made["ssl_cipher_list"] = spelled.cipher_list
    if "ssl_cipher_suites" in found.settings:
        made["ssl_cipher_suites"] = spelled.suites13
    elif set(openssl.ALL_OF_TLS13) - set(spelled.suites13.split(":")):
        raise DaemonError(
            "tls: Dovecot %s has no setting for the suites of TLS 1.3 (ssl_cipher_suites came with 2.3.15): %s are on,"
            " so allow them" % (found.version, ", ".join(openssl.ALL_OF_TLS13))
        )
    if tls.minimum == "TLSv1.3" and "ssl_cipher_suites" not in found.settings:
        raise DaemonError("tls: ssl_min_protocol of Dovecot %s does not know TLSv1.3: set minimum to TLSv1.2, or take a"
                          " newer Dovecot" % found.version)  # fmt: skip
    made["ssl_curve_list"] = spelled.groups
    if new:
        made["ssl_server_prefer_ciphers"] = tls.preference
    else:
        made["ssl_prefer_server_ciphers"] = "yes" if tls.preference == "server" else "no"
    return made, spelled.left_out


def drop_in(wanted: Wanted, found: Found, made: Dict[str, str]) -> str:
    """Our file."""
    lines = [HEAD]
    if wanted.listener == "present":
        if found.settings.get("ssl") == "no":
            lines.append("ssl = yes")
        if not found.pop3s_ports and not found.pop3_ports and "pop3" not in found.settings.get("protocols", "pop3"):
            lines += ["protocols {", "  pop3 = yes", "}"] if is_24(found) else ["protocols = $protocols pop3"]
        if made:
            lines += ["protocol pop3 {", *("  %s = %s" % pair for pair in made.items()), "}"]
    listeners = []
    if wanted.listener == "absent":
        listeners += ["  inet_listener pop3s {", "    port = 0", "  }"]
    elif not found.pop3s_ports:
        listeners += ["  inet_listener pop3s {", "    port = 995", "    ssl = yes", "  }"]
    if wanted.cleartext == "off":
        listeners += ["  inet_listener pop3 {", "    port = 0", "  }"]
    if listeners:
        lines += ["service pop3-login {", *listeners, "}"]
    return "\n".join(lines) + "\n"


def place(configuration: str) -> Tuple[str, bool]:
    """(where our file goes, whether the main file includes it by itself).

    :raises DaemonError: the files can't be followed
    """
    folder = ""
    try:
        for line in dovecot_files.lines(configuration):
            match = re.match(r"^\s*!include(?:_try)?\s+(\S+)/\*\.conf\s*$", line.text)
            if match and not line.inside and line.path == configuration:
                folder = os.path.join(os.path.dirname(configuration), match[1])
    except dovecot_files.UnreadableError as error:
        raise DaemonError(str(error)) from error
    if folder and os.path.isdir(folder):
        return os.path.join(folder, NAME), True
    return os.path.join(os.path.dirname(configuration), NAME), False


def make(wanted: Wanted, found: Found) -> Edit:
    """What is to be changed; the configuration was tried out on a copy.

    :raises DaemonError: it can't be done, or would not be in effect
    :raises files.FileError: a file can't be read
    """
    main = found.configuration
    path, included = place(main)
    beside = os.path.join(os.path.dirname(main), NAME)
    ours = tuple(dict.fromkeys((path, beside, DH_FILE)))
    own_now = contents_of(ours)
    main_now = files.read(main) or ""
    bare_main = demand_without_marks(main, main_now)
    unit_now = unit_as_is(dovecot.UNIT)
    if wanted.state == "absent":
        return _edit(dict.fromkeys(ours), {main: bare_main}, own_now, {main: main_now}, unit_now, unit_now)
    bare = _read_without_us(main, ours)
    if bare.problem:
        raise DaemonError("Dovecot's configuration is not right as it is, and was left as it is: %s" % bare.problem)
    made, left_out = settings(wanted, bare) if wanted.listener == "present" else ({}, ())
    text = drop_in(wanted, bare, made)
    needs_dh = DH_FILE in text
    included_line = "!include %s" % beside
    tries: List[Tuple[Dict[str, Optional[str]], str]] = []
    for at, line in ([(path, False)] if included else []) + [(beside, True)]:
        own: Dict[str, Optional[str]] = dict.fromkeys(ours)
        own[at] = text
        if needs_dh:
            own[DH_FILE] = dh.pem()
        tries.append((own, blocks.with_block(bare_main, [included_line]) if line else bare_main))
    problem = ""
    for own, main_text in tries:
        problem = _try_out(wanted, made, own, main, main_text)
        if not problem:
            unit = unit_now
            if wanted.listener == "present":
                unit = Unit(unit.name, True, True)
            return _edit(own, {main: main_text}, own_now, {main: main_now}, unit, unit_now, left_out)
    raise DaemonError(problem)


def _edit(
    own: Dict[str, Optional[str]], edited: Dict[str, str], own_now: Dict[str, Optional[str]],
    edited_now: Dict[str, str], unit: Unit, unit_now: Unit, left_out: Tuple[str, ...] = (),
) -> Edit:  # fmt: skip
    copies = kept_copies(own, edited)
    # A main file that is as it was stays out of it all.
    edited = {path: text for path, text in edited.items() if text != edited_now[path]}
    before = {**own_now, **contents_of(tuple(copies)), **{path: edited_now[path] for path in edited}}
    disturbed = tampered(own_now, edited_now)
    return Edit({**own, **copies}, edited, (unit,), "reload-or-restart", before, (unit_now,), disturbed, left_out)


class _Copy:
    """Context manager: the configuration as it would be, in a folder that only root can enter."""

    def __init__(self, main: str, changed: Dict[str, Optional[str]]) -> None:
        """
        :param changed: files as they would be, by path; ``None``: without it
        """
        self._folder = tempfile.TemporaryDirectory(prefix="port995-")
        self._root = os.path.dirname(main)
        self._main, self._changed = main, changed

    def path_of(self, path: str) -> str:
        """Where the copy of a file is."""
        return os.path.join(self._folder.name, os.path.relpath(path, self._root))

    def real(self, said: str) -> str:
        """What was said of the copy, said of the files themselves."""
        return said.replace(self._folder.name, self._root)

    def __enter__(self) -> _Copy:
        try:
            paths = {line.path for line in dovecot_files.lines(self._main)}
        except dovecot_files.UnreadableError as error:
            self._folder.cleanup()
            raise DaemonError(str(error)) from error
        for path in sorted(paths | set(self._changed)):
            if os.path.relpath(path, self._root).startswith(".."):
                continue
            text = self._changed[path] if path in self._changed else files.read(path)
            if text is None:
                continue
            for changed in self._changed:
                text = text.replace("= <%s\n" % changed, "= <%s\n" % self.path_of(changed))
                text = text.replace("= %s\n" % changed, "= %s\n" % self.path_of(changed))
            text = re.sub(
                r"(?m)^(\s*!include(?:_try)?\s+)%s/" % re.escape(self._root), r"\g<1>%s/" % self._folder.name, text
            )
            files.write(self.path_of(path), text, 0o600)
        return self

    def __exit__(self, *_args: object) -> None:
        self._folder.cleanup()


def _read_copy(copy: _Copy, main: str) -> Found:
    path = copy.path_of(main)
    found = dovecot.read(path)
    if found is None:
        raise DaemonError("Dovecot is not installed")
    return dataclasses.replace(found, problem=copy.real(found.problem))


def _read_without_us(main: str, ours: Tuple[str, ...]) -> Found:
    """The settings as they would be without us."""
    bare = {main: demand_without_marks(main, files.read(main) or "")}
    with _Copy(main, {**dict.fromkeys(ours), **bare}) as copy:
        return _read_copy(copy, main)


def _try_out(
    wanted: Wanted, made: Dict[str, str], own: Dict[str, Optional[str]], main: str, main_text: str
) -> str:
    """Why it would not be in effect; empty: it would."""
    with _Copy(main, {**own, main: main_text}) as copy:
        found = _read_copy(copy, main)
        if found.problem:
            return "Dovecot does not take what is wanted: %s" % found.problem
        for name, value in made.items():
            if name in ("ssl_dh", "ssl_key", "ssl_server_key_file"):
                continue
            effective = copy.real(found.settings.get(name, ""))
            if effective != value:
                return "%s is %s in effect, and %s is wanted%s" % (
                    name, effective or "not set", value, _who_sets(copy, main, name, own)
                )  # fmt: skip
        ports = found.pop3s_ports
        if (wanted.listener == "present") != bool(ports):
            return "port 995 is %s by its listeners, and the other is wanted%s" % (
                "served" if ports else "not served", _who_sets(copy, main, "port", own)
            )  # fmt: skip
        if wanted.cleartext == "off" and found.pop3_ports:
            return "port %d is served in clear text, and none is wanted%s" % (
                found.pop3_ports[0], _who_sets(copy, main, "port", own)
            )  # fmt: skip
    return ""


def _who_sets(copy: _Copy, main: str, name: str, own: Dict[str, Optional[str]]) -> str:
    ours = {copy.path_of(path) for path in own}
    found = ""
    try:
        for line in dovecot_files.lines(copy.path_of(main)):
            if line.setting == name and line.path not in ours:
                found = "; it is set by %s" % copy.real(line.where)
    except dovecot_files.UnreadableError:
        return ""
    return found
