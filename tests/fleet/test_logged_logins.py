# SPDX-License-Identifier: GPL-3.0-or-later
"""The role enforce where somebody really logged in by an old version of TLS: the daemon's own record of it has the host
refused, with the version and how often, until its owner says that they may be lost."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from . import mail_host
from .enforce_on_lab import changed, enforce, state
from .lab import Lab
from .mail_host import BY_NAME, MailHost

pytestmark = pytest.mark.timeout(600)

LOG_IN = """
import socket, ssl, sys
address, version, user, password = sys.argv[1:]
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_ciphers("DEFAULT:@SECLEVEL=0")
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
with socket.create_connection((address, 995), 45) as line, context.wrap_socket(line) as session:
    words = session.makefile("rwb")
    print(words.readline(), session.version())
    for said in ("USER " + user, "PASS " + password, "QUIT"):
        words.write(said.encode() + b"\\r\\n")
        words.flush()
        print(words.readline())
"""
"""A mail client that has one version of TLS."""

LONG_AGO = """\
for days in 40 20 0; do
    echo "$(date -d "-$days days" +'%b %e %H:%M:%S') host {line}" >>/var/log/mail.log
done
"""
"""Records that reach back, and in which nobody logs in."""
STARTED = "dovecot: master: Dovecot v2 starting up"


NEWEST = """\
schema: port995/profile/1
id: newest
date: 2026-11-28
title: Nothing but TLS 1.3
extends: baseline
checks:
  POP3S-TLS-002: {severity: high, parameters: {minimum: [TLSv1.3]}}
  POP3S-VER-006: {severity: high}
remove: [POP3S-VER-005]
"""
"""It takes from everybody whose client is a few years old what Debian's stock configuration serves."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A host, how it is set up, who logs in, and what is told of it."""

    kind: str
    profile: str
    old: str
    """The client's version, in Python's words."""
    version: str
    """The same in the record's words, or what the record lacks."""
    prepare: str
    cleartext: str = "stls"
    line: str = STARTED
    """Of a daemon that wrote something long ago."""


CASES = (
    Case("dovecot-2.3.19", "baseline", "TLSv1_1", "TLSv1.1", prepare=r"""
cat >> /etc/dovecot/local.conf <<'END'
ssl_min_protocol = TLSv1
ssl_cipher_list = DEFAULT:@SECLEVEL=0
login_log_format_elements = user=<%u> method=%m rip=%r lip=%l mpid=%e %c %k session=<%{session}>
END
systemctl restart dovecot"""),
    Case("dovecot-2.4.1", "newest", "TLSv1_2", "TLSv1.2", prepare=r"""
cat >> /etc/dovecot/local.conf <<'END'
login_log_format_elements = user=<%{user}> method=%{mechanism} rip=%{remote_ip} lip=%{local_ip} mpid=%{mail_pid} %{secured} %{ssl_security} session=<%{session}>
END
systemctl restart dovecot"""),
    # As installed it does not say which version it was, so it may be one that is to go. Its STLS obeys what was sent
    # before TLS, which no setting mends.
    Case("courier", "baseline", "TLSv1_2", "TLS, version not logged", prepare="", cleartext="off",
         line="pop3d-ssl: Connection, ip=[::1]"),
)  # fmt: skip


def log_in(mail: MailHost, version: str) -> str:
    """What a client of one version gets said."""
    done = mail.lab.inside.run(
        "python3", "-c", LOG_IN, mail.host.ipv4, version, mail_host.USER, mail_host.PASSWORD, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_a_login_by_an_old_version_is_counted_and_refuses_the_host_until_told(
    case: Case, lab: Lab, tmp_path: Path
) -> None:
    mail = MailHost(lab, BY_NAME[case.kind], tmp_path / "mail")
    profile = case.profile
    if profile == "newest":
        (tmp_path / "newest.yml").write_text(NEWEST)
        profile = str(tmp_path / "newest.yml")
    options = {"enforce_clients": [], "enforce_profile": profile, "enforce_cleartext": case.cleartext}
    try:
        mail.host.console(case.prepare + "\n" + LONG_AGO.format(line=case.line))
        mail.host.wait_for_listener()
        for version in (case.old, case.old, "TLSv1_3"):
            assert log_in(mail, version).count("+OK") == 4, log_in(mail, version)
        before = state(mail)

        refused = enforce(mail, tmp_path / "refused", **options)
        assert refused.code == 2 and f"Nothing was changed on {mail.host.name}" in refused.said, refused.said
        count = 2 if case.kind.startswith("dovecot") else 3
        assert f"{count} login(s) in the last 30 days: {case.version}" in refused.said, refused.said
        assert "enforce_force: true" in refused.said and changed(refused) == 0
        assert "not known" not in refused.said, "the records reach back"
        assert not re.search(r"login\(s\) in the last 30 days: TLSv1\.3", refused.said), "those keep theirs"
        assert mail_host.USER not in refused.said, "users are counted"
        assert state(mail) == before
        assert log_in(mail, case.old).count("+OK") == 4

        done = enforce(mail, tmp_path / "done", **options, enforce_force=True)
        assert done.code == 0 and changed(done) > 0, done.said
        assert f"{count + 1} login(s)" in done.said, "whom it shuts out is told all the same"
        if case.version != "TLS, version not logged":
            assert "+OK" not in log_in(mail, case.old), "it is shut out"
        assert log_in(mail, "TLSv1_3").count("+OK") == 4
        # The record of them is still there, and has nothing more to lose.
        again = enforce(mail, tmp_path / "again", **options)
        assert again.code == 0 and changed(again) == 0, again.said
    finally:
        mail.host.remove()
