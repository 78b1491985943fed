# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of mail daemons, from what their programs and files say, recorded on Debian 11 to 13."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from port995.daemon import courier, cyrus, dovecot, dovecot_files
from port995.daemon.model import Found
from port995.daemon.read import daemon_of, with_listeners

LOGIN_23 = """\
service pop3-login {
  chroot = login
  inet_listener pop3 {
    address =
    port = %d
    ssl = no
  }
  inet_listener pop3s {
    address =
    port = 995
    ssl = yes
  }
  service_count = 1
}
"""
LISTED_23 = """\
auth_mechanisms = plain
disable_plaintext_auth = yes
protocols = " pop3"
ssl = yes
ssl_cert = </etc/dovecot/private/dovecot.pem
ssl_key = # hidden, use -P to show it
ssl_min_protocol = TLSv1
"""
LISTED_24 = """\
auth_allow_cleartext = no
ssl = yes
ssl_min_protocol = TLSv1.2
ssl_server_cert_file =
ssl_server_key_file =
protocols {
  pop3 = yes
}
ssl_server {
  cert_file = /etc/dovecot/private/dovecot.pem
  key_file = /etc/dovecot/private/dovecot.key
}
"""


def read_23(listed: str = LISTED_23, login: str = LOGIN_23 % 110) -> Found:
    return dovecot.interpret(listed, login, "2.3.13", "/etc/dovecot/private/dovecot.key", "/etc/dovecot/dovecot.conf")


def test_dovecot_as_debian_installs_it() -> None:
    found = read_23()
    assert (found.pop3s_ports, found.pop3_ports, found.minimum) == ((995,), (110,), "TLSv1")
    assert (found.certificate, found.key) == ("/etc/dovecot/private/dovecot.pem", "/etc/dovecot/private/dovecot.key")
    assert found.cleartext_login is False and "ssl_key" not in found.settings


def test_dovecot_24_names_files_in_a_block_of_their_own() -> None:
    found = dovecot.interpret(LISTED_24, LOGIN_23 % 110, "2.4.1", None, "/etc/dovecot/dovecot.conf")
    assert (found.certificate, found.key) == ("/etc/dovecot/private/dovecot.pem", "/etc/dovecot/private/dovecot.key")
    assert found.pop3s_ports == (995,) and found.cleartext_login is False
    assert dovecot.interpret(
        LISTED_24.replace("cleartext = no", "cleartext = yes"), LOGIN_23 % 110, "2.4.1", None, ""
    ).cleartext_login


@pytest.mark.parametrize(
    ("changed", "tls", "clear", "login"),
    [
        (("disable_plaintext_auth = yes", "disable_plaintext_auth = no"), (995,), (110,), True),
        (("ssl = yes", "ssl = required"), (995,), (110,), False),
        (("ssl = yes", "ssl = no"), (), (110,), False),
        (('" pop3"', "imap"), (), (), False),
    ],
)
def test_what_listens_and_what_takes_a_password_in_clear(
    changed: tuple[str, str], tls: tuple[int, ...], clear: tuple[int, ...], login: bool
) -> None:
    found = read_23(LISTED_23.replace(*changed))
    assert (found.pop3s_ports, found.pop3_ports, found.cleartext_login) == (tls, clear, login)


def test_a_port_of_zero_is_no_listener() -> None:
    found = read_23(login=LOGIN_23 % 0)
    assert (found.pop3_ports, found.cleartext_login) == ((), False)


def test_what_is_set_for_pop3_alone_counts() -> None:
    assert read_23(LISTED_23 + "protocol pop3 {\n  ssl_min_protocol = TLSv1.2\n}\n").minimum == "TLSv1.2"
    assert read_23(LISTED_23 + "protocol imap {\n  ssl_min_protocol = TLSv1.2\n}\n").minimum == "TLSv1"
    found = dovecot.interpret(
        LISTED_24 + "protocol pop3 {\n  ssl_server {\n    cert_file = /etc/other.pem\n  }\n}\n", LOGIN_23 % 110, "2.4.1", None, ""
    )
    assert found.certificate == "/etc/other.pem"


def test_the_key_is_found_through_includes(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "dovecot.conf").write_text("ssl_key = </first\n!include conf.d/*.conf\n!include_try local.conf\n")
    (tmp_path / "conf.d/10-ssl.conf").write_text("ssl_key = </second\nprotocol imap {\n  ssl_key = </third\n}\n")
    assert dovecot_files.last_value(str(tmp_path / "dovecot.conf"), "ssl_key") == "</second"
    (tmp_path / "local.conf").write_text("!include dovecot.conf\n")
    with pytest.raises(dovecot_files.UnreadableError, match="circles"):
        dovecot_files.last_value(str(tmp_path / "dovecot.conf"), "ssl_key")


def test_what_doveconf_complains_of_has_file_and_line() -> None:
    said = (
        "doveconf: Error: t_readlink(/run/dovecot/dovecot.conf) failed: readlink() failed: No such file or directory\n"
        "doveconf: Fatal: Error in configuration file /etc/dovecot/conf.d/zz.conf line 5: Unknown setting: ssl_min\n"
    )
    assert dovecot_files.complaint(said) == (
        "Error in configuration file /etc/dovecot/conf.d/zz.conf line 5: Unknown setting: ssl_min"
    )


POP3D_SSL = 'SSLPORT=995\nSSLADDRESS=0\nPOP3_STARTTLS=YES\nPOP3_TLS_REQUIRED=0\nTLS_CERTFILE=/etc/courier/pop3d.pem\n'


def read_courier(text: str = "", library: str | None = courier.GNUTLS) -> Found:
    return courier.interpret(
        courier.assignments("PORT=110\n" + POP3D_SSL + text), library, "1.0.16", "/etc/courier/pop3d-ssl", (True, True)
    )


def test_courier_as_debian_installs_it() -> None:
    found = read_courier()
    assert (found.pop3s_ports, found.pop3_ports, found.minimum) == ((995,), (110,), None)
    assert (found.certificate, found.key) == ("/etc/courier/pop3d.pem", "/etc/courier/pop3d.pem")
    assert found.cleartext_login is True
    assert read_courier("POP3_TLS_REQUIRED=1\n").cleartext_login is False


def test_courier_minds_what_its_library_minds() -> None:
    assert read_courier("TLS_PROTOCOL=TLSv1.2++\n").minimum is None, "GnuTLS does not heed it"
    assert read_courier("TLS_PROTOCOL=TLSv1.2++\n", courier.OPENSSL).minimum == "TLSv1.2"
    assert read_courier("", courier.OPENSSL).minimum == "TLSv1"
    assert read_courier("TLS_PROTOCOL=TLSv1.2++\n", None).minimum is None
    priority = 'TLS_PRIORITY="SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"\n'
    assert read_courier(priority).minimum == "TLSv1.2"
    assert read_courier(priority.replace("+VERS-TLS1.2", "+VERS-TLS1.0")).minimum == "TLSv1"


def test_the_last_assignment_counts_and_variables_are_filled_in() -> None:
    table = courier.assignments("A=1\nA=2 # later\nB=\"x$A\"\nC='$A'\n#A=3\nexport D=${B}y\nE=\"a b\"\n")
    assert table == {"A": "2", "B": "x2", "C": "$A", "D": "x2y", "E": "a b"}
    assert courier.ports("127.0.0.1.995,192.0.2.1.996") == (995, 996) and courier.ports("$P") is None


CYRUS_CONF = """\
START {
  recover cmd="/usr/sbin/cyrus ctl_cyrusdb -r"
}
SERVICES {
  imap  cmd="imapd -U 30" listen="imap" prefork=0 maxchild=100
  pop3  cmd="pop3d -U 30" listen="pop3" prefork=0 maxchild=50
  #pop3s cmd="pop3d -s -U 30" listen="pop3s" prefork=0 maxchild=50
}
"""


def test_cyrus_as_debian_installs_it() -> None:
    table = cyrus.options("allowplaintext: yes\n#tls_server_cert: /etc/x\n")
    found = cyrus.interpret(table, CYRUS_CONF, "3.6.1", "/etc/imapd.conf")
    assert (found.pop3s_ports, found.pop3_ports, found.minimum) == ((), (110,), "TLSv1")
    assert found.certificate is None and found.cleartext_login is True


def test_cyrus_heeds_what_is_set_for_the_service_alone() -> None:
    table = cyrus.options(
        "tls_versions: tls1_0 tls1_2\npop3s_tls_versions: tls1_2 tls1_3\ntls_server_cert: /a.pem\npop3s_tls_server_cert: /b.pem\n"
    )
    found = cyrus.interpret(table, CYRUS_CONF.replace("#pop3s", "pop3s"), "3.6.1", "/etc/imapd.conf")
    assert (found.pop3s_ports, found.minimum, found.certificate) == ((995,), "TLSv1.2", "/b.pem")
    assert found.cleartext_login is False


def test_a_listener_that_is_not_understood_is_not_none() -> None:
    conf = textwrap.dedent(CYRUS_CONF).replace('listen="pop3"', 'listen="what"')
    found = cyrus.interpret({}, conf, "3.6.1", "/etc/imapd.conf")
    assert found.pop3_ports is None and found.cleartext_login is None


def test_who_listens_is_named_and_an_unknown_one_has_no_settings() -> None:
    assert daemon_of("pop3-login") == "dovecot" and daemon_of("couriertcpd") == "courier"
    assert daemon_of("nginx") == "nginx"
    both = with_listeners([read_23()], [("dovecot", 7, 995), ("stunnel4", 9, 995), ("stunnel4", 9, 110)])
    assert [one.daemon for one in both] == ["dovecot", "stunnel4"]
    assert not both[1].known and both[1].process == 9 and both[1].pop3s_ports == (110, 995)
