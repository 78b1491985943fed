# SPDX-License-Identifier: GPL-3.0-or-later
"""The role enforce where the port is not one known daemon's alone: two mail daemons, and one that ends TLS in front of
another. They are named, nothing is changed, and the firewall acts where that is what is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import beside
from .enforce_on_lab import changed, enforce, state
from .lab import Lab
from .mail_host import BY_NAME, SUBJECT, MailHost
from .playbook_on_lab import outside_vantage

pytestmark = pytest.mark.timeout(900)

OPEN, DROPPED = {"ipv4": "open", "ipv6": "open"}, {"ipv4": "filtered", "ipv6": "filtered"}
INSIDE = ["192.0.2.0/24", "2001:db8::/64"]
SECOND = "198.51.100.31"
"""Another address of the vantage outside: silence to one alone may be a ban."""


@pytest.fixture(scope="module")
def two(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailHost]:
    """Courier on the host's IPv4 address and Dovecot on its IPv6 one, as in the middle of a move."""
    mail = MailHost(lab, BY_NAME["courier"], tmp_path_factory.mktemp("two"))
    mail.host.console(
        f"sed -i 's/^SSLADDRESS=.*/SSLADDRESS={mail.host.ipv4}/' /etc/courier/pop3d-ssl;"
        f" sed -i 's/^ADDRESS=.*/ADDRESS={mail.host.ipv4}/' /etc/courier/pop3d;"
        " systemctl restart courier-pop-ssl courier-pop"
    )
    beside.put_dovecot(mail.host)
    assert lab.inside.states(mail.host) == OPEN, "one answers over IPv4, the other one over IPv6"
    assert all(name in mail.host.console("ss -Hltnp sport = :995") for name in ("dovecot", "couriertcpd"))
    yield mail
    mail.host.remove()


@pytest.mark.parametrize("daemon", ["auto", "dovecot", "courier"])
def test_two_that_serve_the_port_are_both_named_and_left_alone(two: MailHost, tmp_path: Path, daemon: str) -> None:
    before = state(two, "dovecot")
    refused = enforce(two, tmp_path, enforce_daemon=daemon, enforce_force=True)
    assert refused.code == 2 and changed(refused) == 0, refused.said
    assert re.search(r"port 995 is served by courier, dovecot.*: two mail daemons can't serve it at once\. Stop one", refused.said)
    assert state(two, "dovecot") == before


def test_one_of_two_has_to_be_named_where_none_serves(two: MailHost, lab: Lab, tmp_path: Path) -> None:
    two.host.console("systemctl stop courier-pop-ssl courier-pop dovecot")
    try:
        before = state(two, "dovecot")
        refused = enforce(two, tmp_path, enforce_force=True)
        assert refused.code == 2 and changed(refused) == 0, refused.said
        assert "several mail daemons are installed (dovecot, courier)" in refused.said, refused.said
        assert state(two, "dovecot") == before
    finally:
        two.host.console("systemctl start courier-pop-ssl courier-pop dovecot")
        two.host.wait_for_listener()


def test_clear_text_that_the_other_one_serves_is_not_passed_over(two: MailHost, lab: Lab, tmp_path: Path) -> None:
    """Dovecot alone has 995; Courier's port 110 takes passwords in clear text, and no setting of Dovecot's ends that."""
    own_port = "service pop3-login {\\n  inet_listener pop3 {\\n    port = 0\\n  }\\n}\\n"
    two.host.console(
        "systemctl stop courier-pop-ssl; sed -i '/^listen/d' /etc/dovecot/local.conf;"
        f" printf '{own_port}' >> /etc/dovecot/local.conf; systemctl restart dovecot"
    )
    two.host.wait_for_listener()
    before = state(two, "dovecot")
    ended = enforce(two, tmp_path, enforce_force=True, enforce_clients=[])
    assert ended.code == 2, ended.said
    assert "110" in ended.said and "aken back" in ended.said, ended.said
    assert state(two, "dovecot") == before


FRONTS = {"stunnel4": beside.STUNNEL, "nginx": beside.NGINX}


@pytest.mark.parametrize("front", FRONTS)
def test_one_whose_settings_are_not_known_is_named_and_only_the_firewall_acts(lab: Lab, tmp_path: Path, front: str) -> None:
    mail = MailHost(lab, beside.BEHIND, tmp_path / "mail")
    lab.outside.ip("address", "add", f"{SECOND}/24", "dev", "eth0")
    try:
        mail.host.console(FRONTS[front])
        mail.host.wait_for_listener()
        before = state(mail, front)
        refused = enforce(mail, tmp_path / "refused", enforce_force=True)
        assert refused.code == 2 and changed(refused) == 0, refused.said
        assert re.search(rf"port 995 is served by {front} \(process \d+\), whose settings port995 does not know", refused.said)
        assert "enforce_settings: false" in refused.said, "what to do, in the role's words"
        assert state(mail, front) == before

        internal = {
            "enforce_settings": False, "pop3s_intent": "internal", "enforce_networks": INSIDE, "enforce_side": "inside",
        }  # fmt: skip
        vantages = {"vantages": outside_vantage(lab, tmp_path, lab.outside.ipv4, SECOND)}
        done = enforce(mail, tmp_path / "done", **vantages, **internal)
        assert done.code == 0 and changed(done) > 0, done.said
        assert lab.inside.states(mail.host) == OPEN and lab.outside.states(mail.host) == DROPPED
        assert f"Subject: {SUBJECT}" in mail.log_in()
        again = enforce(mail, tmp_path / "again", **vantages, **internal)
        assert again.code == 0 and changed(again) == 0, again.said

        back = enforce(mail, tmp_path / "back", enforce_settings=False)
        assert back.code == 0 and lab.outside.states(mail.host) == OPEN, back.said
        assert state(mail, front) == before, "nobody touched the daemons"
    finally:
        lab.outside.ip("address", "del", f"{SECOND}/24", "dev", "eth0")
        mail.host.remove()


def test_one_that_is_left_alone_still_has_to_pass(lab: Lab, tmp_path: Path) -> None:
    mail = MailHost(lab, beside.BEHIND, tmp_path / "mail")
    try:
        mail.host.console(beside.STUNNEL.replace("sslVersionMin = TLSv1.2", "sslVersionMin = TLSv1.3"))
        mail.host.wait_for_listener()
        before = state(mail, "stunnel4")
        good = enforce(mail, tmp_path / "good", enforce_settings=False)
        assert good.code == 0 and changed(good) == 0, good.said
        assert (tmp_path / "good" / "hosts" / mail.host.name / "gate" / "gate.json").exists(), "looked at, and not believed"
        # It asks for another kind of certificate.
        bad = enforce(mail, tmp_path / "bad", enforce_settings=False, enforce_profile="mozilla-6.0-modern")
        assert bad.code == 2 and "POP3S-CERT-004" in bad.said, bad.said
        assert state(mail, "stunnel4") == before
    finally:
        mail.host.remove()
