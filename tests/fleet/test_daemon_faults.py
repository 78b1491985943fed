# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong while a mail daemon is changed ends with the old service answering, in time, and is told."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import on_host
from .lab import Lab, LabError
from .mail_host import BY_NAME, CERTIFICATE, KEY, NAME, SUBJECT, MailHost, make_chain
from .test_daemon import state

pytestmark = pytest.mark.timeout(900)
LIMIT = 5.0
"""Seconds until the host takes the change back."""

STEPS = """\
import json, os, sys
from port995.change import taking_back
from port995.daemon import edit, model, steps
given = json.loads(sys.argv[1])
wanted = model.wanted(**given["wanted"])
last = given["last"]

def die_after(step):
    if last == step:
        os.system(given.get("first", "true"))
        os.kill(os.getpid(), 9)

made = steps.plan(wanted)
mutex = taking_back.at_work()
mutex.__enter__()
change = taking_back.take_lock("one that dies", given["limit"])
die_after("lock")
taking_back.save(change, steps.before(made))
die_after("save")
taking_back.arm(change, given["limit"])
die_after("arm")
edit.write(made.edit)
die_after("write")
edit.activate(made.edit, reload=True)
die_after("reload")
"""
"""Takes steps apart that `steps.begin` takes in this order, to stop after each."""

BEGIN = """\
import json, os, sys
from port995.daemon import model, steps
given = json.loads(sys.argv[1])
wanted = model.wanted(**given["wanted"])
made = steps.plan(wanted)
os.system(given.get("then", "true"))
steps.begin(made, wanted, "a test", 60.0)
"""

GROUPS = ["x25519", "x448", "secp256r1", "secp384r1", "secp521r1", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"]
TLS = {
    "minimum": "TLSv1.2", "groups": GROUPS,
    "suites": ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256",
               "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
               "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
}  # fmt: skip
WANTED: dict[str, Any] = {"tls": TLS, "cleartext": "off", "certificate": CERTIFICATE, "key": KEY}


@pytest.fixture(scope="module")
def kept(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailHost]:
    made = MailHost(lab, BY_NAME["dovecot-2.3.19"], tmp_path_factory.mktemp("faults"))
    yield made
    made.host.remove()


@pytest.fixture(scope="module", params=["courier", "dovecot-2.4.1"])
def other(lab: Lab, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailHost]:
    made = MailHost(lab, BY_NAME[request.param], tmp_path_factory.mktemp("other"))
    yield made
    made.host.remove()


@pytest.fixture
def mail(kept: MailHost) -> MailHost:
    """As Debian installs it, with the library."""
    kept.reset()
    kept.host.wait_for_listener()
    on_host.put_library(kept.host)
    return kept


def die_after(mail: MailHost, phase: str, limit: float = LIMIT, first: str = "true") -> None:
    """Begin a change, and be killed (-9) after a phase of it."""
    on_host.call(mail.host, STEPS, {"wanted": WANTED, "last": phase, "limit": limit, "first": first}, check=False)


def served(mail: MailHost) -> str:
    """The fingerprint that is served, as openssl sees it from outside."""
    return mail.lab.inside.run(
        "sh", "-c", f"openssl s_client -connect {mail.host.ipv4}:995 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint",
        check=False,
    ).stdout.strip()  # fmt: skip


@pytest.mark.parametrize("phase", ["lock", "save", "arm", "write", "reload"])
def test_a_controller_that_is_killed_leaves_the_old_service(mail: MailHost, phase: str) -> None:
    before, old = state(mail), served(mail)
    assert old
    die_after(mail, phase)
    killed = time.monotonic()
    if phase == "reload":
        time.sleep(0.5)
        assert served(mail) != old
    time.sleep(max(0.0, killed + LIMIT + 2 - time.monotonic()))
    assert served(mail) == old and state(mail) == before
    dialogue = mail.lab.inside.run(
        "sh", "-c", f"(sleep 1; printf 'USER anna\\r\\n'; sleep 1; printf 'PASS not-a-secret-of-anybody\\r\\n'; sleep 1;"
        f" printf 'RETR 1\\r\\nQUIT\\r\\n'; sleep 1) | openssl s_client -quiet -connect {mail.host.ipv4}:995 2>/dev/null", check=False,
    ).stdout  # fmt: skip
    assert f"Subject: {SUBJECT}" in dialogue, "a mail client logs in as before"


@pytest.mark.parametrize("phase", ["arm", "write", "reload"])
def test_a_power_cut_in_each_gap_ends_as_before(mail: MailHost, phase: str) -> None:
    before, old = state(mail), served(mail)
    die_after(mail, phase, limit=600.0)
    mail.host.cut_power()
    mail.host.boot()
    mail.host.wait_for_listener()
    mail.host.wait_for_listener(110)
    assert served(mail) == old and state(mail) == before


def test_a_daemon_that_is_killed_in_the_middle_answers_again(mail: MailHost) -> None:
    before, old = state(mail), served(mail)
    die_after(mail, "reload", first="pkill -9 -x dovecot")
    killed = time.monotonic()
    time.sleep(max(0.0, killed + LIMIT + 2 - time.monotonic()))
    assert served(mail) == old and state(mail) == before


def test_the_other_daemons_are_taken_back_in_time_too(other: MailHost) -> None:
    other.reset()
    other.host.wait_for_listener()
    on_host.put_library(other.host)
    before, old = state(other), served(other)
    die_after(other, "reload")
    killed = time.monotonic()
    time.sleep(max(0.0, killed + LIMIT + 2 - time.monotonic()))
    assert served(other) == old and state(other) == before


def test_what_fails_only_when_it_is_served_is_taken_back_at_once(mail: MailHost, tmp_path: Path) -> None:
    before, old = state(mail), served(mail)
    # doveconf takes it: but with such a key no suite below TLS 1.3 is left, and nobody tells until a client comes.
    make_chain(tmp_path, NAME)
    for command in (
        "openssl ecparam -name prime256v1 -genkey -noout -out leaf.key",
        f"openssl req -new -key leaf.key -subj /CN={NAME} -out leaf.csr",
        "openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile leaf.cnf -out leaf.pem",
    ):
        subprocess.run(shlex.split(command), cwd=tmp_path, check=True, capture_output=True)
    mail.put_certificate(tmp_path / "leaf.pem", tmp_path / "leaf.key")
    only_below = {**TLS, "groups": ["x448"], "suites": [suite for suite in TLS["suites"] if "AES_256" in suite]}
    with pytest.raises(LabError, match=r"after the change: .*is taken back"):
        on_host.call(
            mail.host, BEGIN,
            # It goes away between the trial and the change.
            {"wanted": {**WANTED, "tls": only_below}, "then": f": > {KEY}"},
        )  # fmt: skip
    assert served(mail) == old
    mail.host.console(f"rm -f {KEY} {CERTIFICATE}")
    assert "zz-port995" not in state(mail) and before


def test_a_reload_that_keeps_the_old_settings_is_no_success(mail: MailHost) -> None:
    old = served(mail)
    with pytest.raises(LabError, match="port995: dovecot.service runs|is taken back"):
        on_host.call(mail.host, BEGIN, {"wanted": WANTED, "then": "echo 'no_such = setting' >> /etc/dovecot/local.conf"})
    assert served(mail) == old
    assert "zz-port995" not in mail.host.console("find /etc /var/lib/port995/ours -name '*port995*'")
    assert mail.host.console("tail -1 /etc/dovecot/local.conf") == "no_such = setting\n", "theirs is theirs"
    mail.host.console("sed -i '$d' /etc/dovecot/local.conf")
    assert mail.enforce().code == 0, "and nothing stands in the way of the next change"


def test_an_error_of_the_users_own_is_left_and_named(mail: MailHost) -> None:
    mail.host.console("echo 'no_such = setting' >> /etc/dovecot/local.conf")
    before = state(mail)
    ended = mail.enforce()
    assert ended.code != 0 and "/etc/dovecot/local.conf line 2" in ended.result["msg"], ended.said
    assert state(mail) == before


def test_what_stands_in_the_way_is_named(mail: MailHost) -> None:
    mail.host.console("printf 'protocol pop3 {\\n  ssl_min_protocol = TLSv1\\n}\\n' >> /etc/dovecot/local.conf")
    done = mail.enforce()
    # local.conf is read after conf.d: then our file is included at the very end, by a line of ours.
    assert done.code == 0 and done.result["changed"], done.said
    assert mail.audit() == (0, set())
    assert "# BEGIN port995" in mail.host.console("tail -3 /etc/dovecot/dovecot.conf")
    assert not mail.enforce().result["changed"]
    assert mail.play(state="absent").code == 0
    assert "port995" not in mail.host.console("cat /etc/dovecot/dovecot.conf; find /etc -name '*port995*'")


def test_what_another_changed_of_ours_is_named_and_put_right(mail: MailHost) -> None:
    assert mail.enforce().code == 0
    mail.host.console("sed -i 's/ssl_min_protocol = .*/ssl_min_protocol = TLSv1/' /etc/dovecot/conf.d/zz-port995.conf")
    found = mail.enforce("--check")
    told = [note for note in found.result["notes"] if "zz-port995.conf line 3 was changed" in note]
    assert found.result["changed"] and told, found.result["notes"]
    assert mail.enforce().result["changed"] and mail.audit() == (0, set())
    assert not mail.enforce().result["changed"]


@pytest.mark.parametrize(
    ("spoil", "options", "says"),
    [
        (f"chmod 644 {KEY}", {}, "others can read or change it"),
        (f"rm {KEY}", {}, "can't be read: No such file"),
        (f"rm {CERTIFICATE}", {}, "is not there"),
        ("true", {"names": ["other.example.org"]}, "is not for other.example.org, but for mail.example.org"),
        (f"openssl genrsa -out {KEY} 2048 2>/dev/null; chmod 600 {KEY}", {}, "it does not fit the certificate"),
        ("true", {"key": None}, "required together"),
        ("true", {"profile": None, "tls": {**TLS, "groups": ["GC256A"]}}, "has none of the groups that are allowed"),
        ("true", {"profile": "nobody's"}, "no profile is called"),
        ("true", {"daemon": "courier"}, "install: true installs it"),
        ("true", {"time_limit": 5}, "it is 30 to 3600 seconds"),
        ("true", {"tls": TLS}, "profile and tls"),
        (
            "systemctl stop dovecot; cp /usr/bin/python3 /usr/bin/haproxy; nohup haproxy -c 'import socket, time;"
            " s = socket.create_server((\"\", 995)); time.sleep(600)' >/dev/null 2>&1 & sleep 1",
            {}, "is served by haproxy (process ",
        ),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, str) else "",
)  # fmt: skip
def test_bad_input_is_told_and_changes_nothing(mail: MailHost, spoil: str, options: dict[str, Any], says: str) -> None:
    mail.host.console(spoil)
    before = mail.host.console("find /etc -type f -print0 | sort -z | xargs -0 md5sum")
    given = {key: value for key, value in options.items() if value is not None}
    wanted: dict[str, Any] = {"profile": "baseline", "cleartext": "off", "certificate": CERTIFICATE, "key": KEY}
    wanted = {key: value for key, value in wanted.items() if options.get(key, value) is not None}
    ended = mail.play(**{**wanted, **given})
    assert ended.code != 0 and says in ended.result["msg"], ended.said
    assert mail.host.console("find /etc -type f -print0 | sort -z | xargs -0 md5sum") == before


def test_an_expired_certificate_is_told(mail: MailHost, tmp_path: Path) -> None:
    make_chain(tmp_path, NAME, days=1)
    mail.put_certificate(tmp_path / "chain.pem", tmp_path / "leaf.key")
    past = {"certificate": CERTIFICATE, "key": KEY}
    script = (
        "import json, sys, time\nfrom port995.daemon import certificate\n"
        f"found = certificate.look({past['certificate']!r}, {past['key']!r}, now=time.time() + 2 * 86400)\n"
        "print(json.dumps(found.problems))\n"
    )
    assert any("is expired" in problem for problem in on_host.call(mail.host, script, {}))


def test_a_change_that_is_confirmed_later_waits_and_is_kept_or_taken_back(mail: MailHost) -> None:
    before = state(mail)
    options: dict[str, Any] = {"confirm": "later", "time_limit": 120}
    begun = mail.enforce(**options)
    assert begun.code == 0 and not begun.result["confirmed"], begun.said
    assert mail.enforce(**options).code != 0, "a second change is told who holds the host"
    ended = mail.enforce(**options, phase="revert", change=begun.result["change"])
    assert ended.code == 0 and state(mail) == before, ended.said
    begun = mail.enforce(**options)
    kept = mail.enforce(**options, phase="finish", change=begun.result["change"])
    assert kept.code == 0 and not mail.enforce().result["changed"], kept.said
