# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written for each daemon, and whom it is written for."""

from __future__ import annotations

import dataclasses

import pytest

from port995.daemon import cyrus, dovecot, dovecot_edit, edit
from port995.daemon.cyrus_edit import DH_FILE, edit_services, options_for
from port995.daemon.model import DaemonError, Found, wanted
from port995.daemon.openssl import ALL_OF_TLS13, Library, default_groups

from .test_read import CYRUS_CONF, LISTED_23, LISTED_24, LOGIN_23, read_23

RHEL_9 = """\
auth_mechanisms = plain
disable_plaintext_auth = yes
protocols = imap pop3 lmtp submission
ssl = required
ssl_cert = </etc/pki/dovecot/certs/dovecot.pem
ssl_cipher_list = PROFILE=SYSTEM
ssl_cipher_suites =
ssl_curve_list =
ssl_key = # hidden, use -P to show it
ssl_min_protocol = TLSv1.2
ssl_prefer_server_ciphers = no
"""
"""doveconf of 2.3.16 as RHEL 9 sets it; untested on a real host."""
SUITES = [*ALL_OF_TLS13, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"]
TLS = {"minimum": "TLSv1.2", "suites": SUITES, "groups": ["x25519", "secp256r1"]}


@pytest.fixture(autouse=True)
def _library() -> None:
    try:
        Library()
    except DaemonError as error:
        pytest.skip(str(error))


def rhel() -> Found:
    return dovecot.interpret(RHEL_9, LOGIN_23 % 110, "2.3.16", "/etc/pki/dovecot/private/dovecot.pem", "/etc/dovecot/dovecot.conf")


def test_dovecot_of_rhel_gets_the_same_file() -> None:
    found = rhel()
    assert found.certificate == "/etc/pki/dovecot/certs/dovecot.pem" and found.cleartext_login is False
    made, left_out = dovecot_edit.settings(wanted(tls=TLS), found)
    assert left_out == () and made == {
        "ssl_min_protocol": "TLSv1.2",
        "ssl_cipher_list": "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=2",
        "ssl_cipher_suites": ":".join(ALL_OF_TLS13),
        "ssl_curve_list": "X25519:P-256",
        "ssl_prefer_server_ciphers": "yes",
        "ssl_dh": "</etc/dovecot/port995-dh.pem",
        "disable_plaintext_auth": "yes",
    }


def test_the_words_of_24_are_others() -> None:
    found = dovecot.interpret(LISTED_24 + "ssl_cipher_suites =\n", LOGIN_23 % 110, "2.4.1", None, "")
    made, _left_out = dovecot_edit.settings(wanted(tls=TLS, certificate="/a.pem", key="/a.key"), found)
    assert made["ssl_server_prefer_ciphers"] == "server" and made["ssl_server_dh_file"] == dovecot_edit.DH_FILE
    assert (made["ssl_server_cert_file"], made["ssl_server_key_file"]) == ("/a.pem", "/a.key")
    assert made["auth_allow_cleartext"] == "no" and not {"ssl_cert", "ssl_dh", "disable_plaintext_auth"} & set(made)


def test_what_an_old_dovecot_has_no_setting_for_is_told() -> None:
    old = dataclasses.replace(read_23(), version="2.3.13")
    made, _left_out = dovecot_edit.settings(wanted(tls=TLS), old)
    assert "ssl_cipher_suites" not in made
    with pytest.raises(DaemonError, match="no setting for the suites of TLS 1.3"):
        dovecot_edit.settings(wanted(tls={**TLS, "suites": SUITES[1:]}), old)
    with pytest.raises(DaemonError, match="does not know TLSv1.3"):
        dovecot_edit.settings(wanted(tls={**TLS, "minimum": "TLSv1.3"}), old)
    with pytest.raises(DaemonError, match="no setting that turns TLS 1.3 off"):
        dovecot_edit.settings(wanted(tls={**TLS, "suites": SUITES[3:]}), old)


def test_dovecots_listeners_come_and_go() -> None:
    off = dovecot_edit.drop_in(wanted(listener="absent", cleartext="off"), read_23(), {})
    assert off.count("port = 0") == 2 and "protocol pop3" not in off
    assert "port = 0" not in dovecot_edit.drop_in(wanted(), read_23(), {"a": "b"})
    none = dovecot_edit.drop_in(wanted(), read_23(LISTED_23.replace("ssl = yes", "ssl = no")), {"a": "b"})
    assert "ssl = yes" in none and "port = 995" in none


def test_cyrus_gets_options_for_pop3_alone() -> None:
    groups = list(default_groups())
    asked = wanted(tls={**TLS, "groups": groups}, certificate="/a.pem", key="/a.key")
    options, _left_out = options_for(asked)
    assert options["tls_versions"] == "tls1_2 tls1_3" and options["tls_server_cert"] == "/a.pem"
    assert options["allowplaintext"] == "no" and options["tls_prefer_server_ciphers"] == "yes"
    assert options["tls_server_dhparam"] == DH_FILE, "its own prime has 1024 bits"
    assert "tls_server_dhparam" not in options_for(wanted(tls={**TLS, "suites": SUITES[:4]}))[0], "no suite of DHE"
    assert "tls_eccurve" not in options, "as it is, where all are allowed"
    assert options_for(wanted(tls=TLS))[0]["tls_eccurve"] == "prime256v1", "x25519 is allowed too, and it can't be told"
    for groups_, curve in ((["secp521r1", "secp256r1"], "secp521r1"), (["x448", "secp384r1"], "secp384r1")):
        assert options_for(wanted(tls={**TLS, "groups": groups_}))[0]["tls_eccurve"] == curve
    with pytest.raises(DaemonError, match="allow one of secp256r1, secp384r1, secp521r1"):
        options_for(wanted(tls={**TLS, "groups": ["x25519", "x448"]}))
    with pytest.raises(DaemonError, match="no option for the suites of TLS 1.3"):
        options_for(wanted(tls={**TLS, "suites": SUITES[1:], "groups": groups}))


def test_cyrus_services_come_and_go() -> None:
    served = edit_services(CYRUS_CONF, wanted(cleartext="off"))
    found = cyrus.interpret({}, served, None, "")
    assert (found.pop3s_ports, found.pop3_ports) == ((995,), ())
    assert served.index("pop3s cmd") < served.rindex("}"), "inside of SERVICES"
    already = CYRUS_CONF.replace("#pop3s", "pop3s")
    assert edit_services(already, wanted()) == already
    shut = cyrus.interpret({}, edit_services(already, wanted(listener="absent", cleartext="off")), None, "")
    assert (shut.pop3s_ports, shut.pop3_ports) == ((), ())
    with pytest.raises(DaemonError, match="has no SERVICES"):
        edit_services("START {\n}\n", wanted())


def test_what_another_changed_of_ours_has_file_and_line(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"/var/lib/port995/ours/etc/a.conf": "one\ntwo\n", "/var/lib/port995/ours/etc/b.conf": "x\n"}
    monkeypatch.setattr(edit.files, "read", kept.get)
    theirs = "1\n2\n# BEGIN port995\ny\n# END port995\n"
    assert edit.tampered({"/etc/a.conf": "one\ntwo\n"}, {"/etc/b.conf": theirs.replace("y", "x")}) == ()
    assert edit.tampered({"/etc/a.conf": "one\n2\n"}, {"/etc/b.conf": theirs}) == (
        "/etc/a.conf line 2 was changed: '2'", "/etc/b.conf line 4 was changed: 'y'",
    )  # fmt: skip
    assert edit.tampered({"/etc/a.conf": None}, {}) == ("what port995 wrote into /etc/a.conf is gone",)


def test_no_line_of_others_is_shown() -> None:
    text = "ldap_password: secret\n# BEGIN port995\npop3s_x: y\n# END port995\n"
    made = edit.Edit({}, {"/etc/imapd.conf": text}, (), "restart", {"/etc/imapd.conf": "ldap_password: secret\n"}, ())
    before, after = edit.shown(made)
    assert "secret" not in before + after and "pop3s_x: y" in after
