# SPDX-License-Identifier: GPL-3.0-or-later
"""The role enforce on a host without a mail daemon: refused with what to do, installed when told, and not left serving as a
package sets it where the audit does not pass. Packages come from a folder on the host: nothing else can be reached from there."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.dovecot.certificates import make_chain

from .enforce_on_lab import changed, enforce, state
from .lab import Lab, LabError
from .mail_host import BY_NAME, NAME, MailHost
from .playbook_on_lab import Ended

pytestmark = pytest.mark.timeout(600)

CLOSED = {"ipv4": "closed", "ipv6": "closed"}
PURGE = """set -e
DEBIAN_FRONTEND=noninteractive dpkg --purge dovecot-pop3d dovecot-core
rm -rf /etc/dovecot /etc/apt/sources.list.d/* /var/lib/apt/lists/*
echo 'deb [trusted=yes] file:/opt/packages ./' > /etc/apt/sources.list
mkdir -p /opt/packages && touch /opt/packages/Packages
"""


@pytest.fixture(scope="module")
def bare(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailHost]:
    """A host whose mail server was taken away, with an empty folder that its apt reads."""
    mail = MailHost(lab, BY_NAME["dovecot-2.3.19"], tmp_path_factory.mktemp("bare"))
    mail.host.console(PURGE, timeout=120)
    assert lab.inside.states(mail.host) == CLOSED
    yield mail
    mail.host.remove()


def install(mail: MailHost, out: Path, *more: str, **variables: object) -> Ended:
    return enforce(mail, out, *more, **{"enforce_daemon": "dovecot", "enforce_install": True, **variables})


def put_packages(mail: MailHost) -> None:
    """Fill the folder, and have apt read it."""
    index = ""
    for package in mail.packages():
        data = package.read_bytes()
        mail.host.console(f"cat > /opt/packages/{package.name}", data=data)
        told = subprocess.run(["dpkg-deb", "-f", str(package)], capture_output=True, text=True, check=True, timeout=60).stdout
        index += f"{told}Filename: ./{package.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n\n"
        package.unlink()
    package.parent.rmdir()
    mail.host.console("cat > /opt/packages/Packages; apt-get update -q", data=index.encode(), timeout=120)


def test_it_is_not_installed_unless_told(bare: MailHost, lab: Lab, tmp_path: Path) -> None:
    before = state(bare)
    for out, variables, says in (
        ("auto", {}, "no mail daemon is installed whose settings port995 knows"),
        ("named", {"enforce_daemon": "dovecot"}, "dovecot is not installed on this host"),
    ):
        refused = enforce(bare, tmp_path / out, **variables)
        assert refused.code == 2 and changed(refused) == 0, refused.said
        assert says in refused.said and "enforce_install" in refused.said, refused.said
    unnamed = install(bare, tmp_path / "unnamed", enforce_daemon="auto")
    assert unnamed.code == 2 and "install needs the name of a daemon" in unnamed.said, unnamed.said
    assert state(bare) == before and lab.inside.states(bare.host) == CLOSED


def test_packages_that_can_not_be_had_are_told(bare: MailHost, lab: Lab, tmp_path: Path) -> None:
    before = state(bare)
    refused = install(bare, tmp_path / "refused")
    assert refused.code == 2 and "dovecot-pop3d can't be installed (exit 100)" in refused.said, refused.said
    assert "Unable to locate package dovecot-pop3d" in refused.said, refused.said
    assert state(bare) == before and lab.inside.states(bare.host) == CLOSED


def test_it_is_installed_and_served_when_told(bare: MailHost, lab: Lab, tmp_path: Path) -> None:
    try:
        put_packages(bare)
    except LabError as error:
        pytest.skip(str(error))
    before = state(bare)
    planned = install(bare, tmp_path / "planned", "--check")
    assert planned.code == 0 and "dovecot would be installed" in planned.said, planned.said
    assert state(bare) == before

    # Nobody knows the CA: the audit can't pass.
    _chain, _key, other = make_chain(tmp_path / "other", NAME)
    failed = install(bare, tmp_path / "failed", enforce_ca_file=str(other))
    assert failed.code == 2 and "POP3S-CERT-002" in failed.said, failed.said
    assert "The change is taken back. dovecot-pop3d stays installed, and its listener for POP3S is stopped." in failed.said
    assert lab.inside.states(bare.host) == CLOSED

    # It is there now, and may have served somebody at its port for clear text.
    refused = enforce(bare, tmp_path / "refused")
    assert refused.code == 2 and "Nothing was changed on" in refused.said, refused.said
    assert lab.inside.states(bare.host) == CLOSED

    done = enforce(bare, tmp_path / "done", enforce_force=True)
    assert done.code == 0, done.said
    assert bare.audit() == (0, set())
    again = enforce(bare, tmp_path / "again")
    assert again.code == 0 and changed(again) == 0, again.said


def test_what_it_can_not_be_set_to_is_told_with_what_was_installed(bare: MailHost, lab: Lab, tmp_path: Path) -> None:
    bare.host.console("DEBIAN_FRONTEND=noninteractive dpkg --purge dovecot-pop3d dovecot-core; rm -rf /etc/dovecot", timeout=120)
    refused = install(bare, tmp_path / "refused", enforce_certificate="/no/such/file", enforce_key="/no/such/key")
    assert refused.code == 2 and "/no/such/file" in refused.said, refused.said
    assert "The package dovecot-pop3d was installed before that, and stays" in refused.said, refused.said
    assert lab.inside.states(bare.host) == CLOSED
