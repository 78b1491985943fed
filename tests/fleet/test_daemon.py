# SPDX-License-Identifier: GPL-3.0-or-later
"""The module pop3s_daemon on real mail servers, each as Debian installs it: it fails the profile before for the reasons
that the stock configuration has, passes it after, and goes back octet by octet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import mail_host, on_host
from .lab import Lab, LabError
from .mail_host import KINDS, SUBJECT, MailHost

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name)
def mail(lab: Lab, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailHost]:
    made = MailHost(lab, request.param, tmp_path_factory.mktemp(request.param.name))
    yield made
    made.host.remove()


def state(mail: MailHost) -> str:
    """All that a change could leave something in."""
    text = on_host.STATE.replace("nftables ssh dovecot", " ".join(mail.kind.units))
    # Courier makes its cache anew at each start; a folder's size says nothing.
    return mail.host.console(text)


def assert_logs_in(mail: MailHost) -> None:
    if mail.kind.name == "cyrus":
        # Its mailboxes are its own; that it speaks POP3 over TLS is in every audit that passes.
        return
    assert f"Subject: {SUBJECT}" in mail.log_in()


def test_it_fails_as_installed_and_passes_afterwards_and_goes_back(mail: MailHost, lab: Lab) -> None:
    before = state(mail)
    code, failed = mail.audit()
    assert code == 1 and failed >= mail.kind.fails, failed

    planned = mail.enforce("--check", "--diff")
    assert planned.code == 0 and planned.result["changed"] and planned.result["planned"], planned.said
    assert "port995" in planned.result["diff"][0]["after"] and state(mail) == before, "check mode changes nothing"

    done = mail.enforce()
    assert done.code == 0 and done.result["changed"] and done.result["confirmed"], done.said
    assert mail.audit() == (0, set())
    assert lab.outside.states(mail.host, 110) == {"ipv4": "closed", "ipv6": "closed"}
    assert_logs_in(mail)
    if shutil.which("fetchmail") and mail.kind.name != "cyrus":
        assert f"Subject: {SUBJECT}" in mail.fetch()

    again = mail.enforce()
    assert again.code == 0 and not again.result["changed"], again.result["notes"]
    assert not mail.enforce("--check").result["changed"]
    assert '"what": "confirmed"' in mail.host.console("tail -1 /var/lib/port995/record.jsonl")

    mail.host.reboot()
    mail.host.wait_for_listener()
    assert mail.audit() == (0, set()), "after a reboot"
    assert not mail.enforce().result["changed"]

    gone = mail.play(state="absent")
    assert gone.code == 0 and gone.result["changed"], gone.said
    assert state(mail) == before
    assert not mail.play(state="absent").result["changed"]
    code, failed = mail.audit()
    assert code == 1 and failed >= mail.kind.fails, failed


def test_it_stays_when_the_package_is_installed_anew(mail: MailHost) -> None:
    try:
        packages = mail.packages()
    except LabError as error:
        pytest.skip(str(error))
    mail.reset()
    assert mail.enforce().code == 0
    for package in packages:
        mail.host.console(f"cat > /root/{package.name}", data=package.read_bytes())
        package.unlink()
    packages[0].parent.rmdir()
    mail.host.console("DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i /root/*.deb", timeout=200)
    mail.host.wait_for_listener()
    assert mail.audit() == (0, set())
    assert not mail.enforce().result["changed"]


def test_no_listener_is_left_when_none_is_wanted(mail: MailHost, lab: Lab) -> None:
    mail.reset()
    before = state(mail)
    done = mail.play(listener="absent", cleartext="off")
    assert done.code == 0 and done.result["changed"] is (mail.kind.name != "none"), done.said
    assert lab.outside.states(mail.host) == {"ipv4": "closed", "ipv6": "closed"}
    mail.host.reboot()
    assert lab.outside.states(mail.host) == {"ipv4": "closed", "ipv6": "closed"}
    assert lab.outside.states(mail.host, 110) == {"ipv4": "closed", "ipv6": "closed"}
    assert not mail.play(listener="absent", cleartext="off").result["changed"]
    assert mail.play(state="absent").code == 0 and state(mail) == before


def test_a_certificate_that_is_renewed_on_disk_is_served(mail: MailHost, tmp_path: Path) -> None:
    mail.reset()
    assert mail.enforce().code == 0
    chain, key, _ca = mail_host.make_chain(tmp_path, mail_host.NAME)
    mail.put_certificate(chain, key)
    planned = mail.enforce("--check")
    renewed = mail.enforce()
    # Who reads it anew for each connection serves it already.
    assert renewed.code == 0 and renewed.result["changed"] == planned.result["changed"], renewed.said
    served = mail.lab.inside.run(
        "sh", "-c", f"openssl s_client -connect {mail.host.ipv4}:995 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256"
    ).stdout
    assert served.strip().rpartition("=")[2].replace(":", "").lower() == renewed.result["certificate"]["sha256"]
    assert not mail.enforce().result["changed"]
