# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong while a mail daemon is changed ends with the old service answering, in time, and is told; and a mail
client that was connected before logs in."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import mail_servers, on_host
from .lab import Lab, LabError
from .mail_client import MailClient
from .mail_host import BY_NAME, CERTIFICATE, KEY, KINDS, NAME, SUBJECT, MailHost, make_chain
from .test_daemon import state

pytestmark = pytest.mark.timeout(900)
LIMIT = 5.0
"""Seconds until the host takes the change back."""
IN_TIME = LIMIT + 2
"""Seconds after which the old service answers."""

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
        print(json.dumps(step), flush=True)
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
assert not steps.look(made, wanted), steps.look(made, wanted)
die_after("look")
mutex.__exit__(None, None, None)
mutex = taking_back.at_work(10.0)
mutex.__enter__()
taking_back.still_armed(change)
taking_back.record("confirmed", change, "one that dies", {})
die_after("record")
taking_back.disarm(change)
die_after("disarm")
"""
"""Takes steps apart that `steps.begin` and `steps.finish` take in this order, to stop after each."""
PHASES = ("lock", "save", "arm", "write", "reload", "look", "record")
"""After each of them the change is not kept."""

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


CYRUS = dataclasses.replace(BY_NAME["cyrus"], prepare=f"{BY_NAME['cyrus'].prepare}\n{mail_servers.CYRUS.prepare}")
"""As installed it serves no POP3S: then there is no old service."""
EVERY = (*(kind for kind in KINDS if kind.name != "cyrus"), CYRUS)
KILLED = {"dovecot": "pkill -9 -x dovecot", "courier": "pkill -9 couriertcpd", "cyrus": "pkill -9 cyrmaster"}
"""The first process, by the first word of a kind's name."""
UNNOTICED = 95.0
"""Seconds that Debian 13's systemd takes under cgroups of version 1, which the lab's hosts have where this machine has
them, when it does not notice that the last process of a killed daemon has ended (TimeoutStopSec is 90 s)."""


@pytest.fixture(scope="module", params=EVERY, ids=lambda kind: kind.name)
def booted(lab: Lab, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailHost]:
    made = MailHost(lab, request.param, tmp_path_factory.mktemp("every"))
    yield made
    made.host.remove()


@pytest.fixture
def every(booted: MailHost) -> MailHost:
    """Each mail server, as Debian installs it, with the library."""
    booted.reset()
    booted.host.wait_for_listener()
    on_host.put_library(booted.host)
    return booted


@pytest.fixture
def mail(kept: MailHost) -> MailHost:
    """As Debian installs it, with the library."""
    kept.reset()
    kept.host.wait_for_listener()
    on_host.put_library(kept.host)
    return kept


def die_after(mail: MailHost, phase: str, limit: float = LIMIT, first: str = "true") -> None:
    """Begin a change, and be killed (-9) after a phase of it."""
    given = {"wanted": WANTED, "last": phase, "limit": limit, "first": first}
    assert on_host.call(mail.host, STEPS, given, check=False) == phase, "it came so far"


def client_of(mail: MailHost) -> MailClient:
    """A mail client that is connected."""
    return MailClient(mail.lab, mail.host.ipv4, logs_in=mail.kind.name != "cyrus")


def assert_logs_in(mail: MailHost, client: MailClient) -> None:
    """See that it can log in; of Cyrus, which has no mailbox for the user, that it is served."""
    how, read = client.log_in()
    print(f"{mail.kind.name}: over {how}")
    assert ("capabilities " if mail.kind.name == "cyrus" else f"Subject: {SUBJECT}") in read, read


def served(mail: MailHost) -> str:
    """The fingerprint that is served, as openssl sees it from outside."""
    return mail.lab.inside.run(
        "sh", "-c", f"openssl s_client -connect {mail.host.ipv4}:995 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint",
        check=False,
    ).stdout.strip()  # fmt: skip


def assert_as_before(mail: MailHost, before: str, old: str, killed: float, unnoticed: bool = False) -> None:
    """See that the old service answers in time, and that nothing is left.

    :param unnoticed: its systemd may not notice for `UNNOTICED` seconds: then it is no pass, but an expected failure
    """
    time.sleep(max(0.0, killed + IN_TIME - time.monotonic()))
    if unnoticed and (served(mail) != old or state(mail) != before):
        while (served(mail) != old or state(mail) != before) and time.monotonic() < killed + UNNOTICED:
            time.sleep(0.2)
        assert served(mail) == old and state(mail) == before
        pytest.xfail(f"as before only {time.monotonic() - killed:.1f} s after it was killed: systemd under cgroups v1")
    assert served(mail) == old and state(mail) == before


@pytest.mark.parametrize("phase", PHASES)
def test_a_controller_that_is_killed_leaves_the_old_service(every: MailHost, phase: str) -> None:
    before, old = state(every), served(every)
    assert old
    with client_of(every) as client:
        die_after(every, phase)
        killed = time.monotonic()
        if phase in ("look", "record"):
            assert served(every) not in ("", old)
        assert_as_before(every, before, old, killed)
        assert_logs_in(every, client)
    # Who dies before anything is armed leaves his lock for a minute.
    if phase not in ("lock", "save"):
        die_after(every, "disarm", limit=60.0)
        assert served(every) not in ("", old), "and the host takes the next change"


@pytest.mark.parametrize(
    ("booted", "phase"),
    # Before it is armed nothing differs from daemon to daemon, and behind the reload only who waits does.
    [(kind, phase) for kind in EVERY for phase in (PHASES if kind.name == "dovecot-2.3.19" else ("arm", "write", "reload"))],
    ids=lambda one: one if isinstance(one, str) else one.name, indirect=["booted"],
)  # fmt: skip
def test_a_power_cut_in_each_gap_ends_as_before(every: MailHost, phase: str) -> None:
    before, old = state(every), served(every)
    # So long that only the boot can have taken it back.
    die_after(every, phase, limit=600.0)
    every.host.cut_power()
    every.host.boot()
    every.host.wait_for_listener()
    every.host.wait_for_listener(110)
    assert served(every) == old and state(every) == before
    with client_of(every) as client:
        assert_logs_in(every, client)


def test_what_was_confirmed_stays_after_a_power_cut(every: MailHost) -> None:
    old = served(every)
    die_after(every, "disarm", limit=60.0)
    new = served(every)
    every.host.cut_power()
    every.host.boot()
    every.host.wait_for_listener()
    assert served(every) == new != old
    with client_of(every) as client:
        assert_logs_in(every, client)


@pytest.mark.parametrize("phase", ["write", "reload"])
def test_a_daemon_that_is_killed_in_the_middle_answers_again(every: MailHost, phase: str) -> None:
    before, old = state(every), served(every)
    with client_of(every) as client:
        die_after(every, phase, first=KILLED[every.kind.name.partition("-")[0]])
        killed = time.monotonic()
        unnoticed = every.kind.name == "dovecot-2.4.1" and not _has_cgroups_2(every)
        assert_as_before(every, before, old, killed, unnoticed)
        assert_logs_in(every, client)


def _has_cgroups_2(mail: MailHost) -> bool:
    return "there" in mail.host.console("[ ! -e /sys/fs/cgroup/cgroup.controllers ] || echo there")


def test_a_key_that_goes_away_before_the_change_ends_with_the_old_service(every: MailHost) -> None:
    """No daemon notices before it reads its settings anew, and some not before a client comes."""
    before, old = state(every), served(every)
    with client_of(every) as client:
        with pytest.raises(LabError, match="is taken back"):
            on_host.call(every.host, BEGIN, {"wanted": WANTED, "then": f"cp -p {KEY} /root/key; : > {KEY}"})
        every.host.console(f"cp -p /root/key {KEY}")
        assert served(every) == old and state(every) == before
        assert_logs_in(every, client)


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


@pytest.mark.parametrize("booted", EVERY[:3], ids=lambda kind: kind.name, indirect=True)
def test_a_reload_that_keeps_the_old_settings_is_no_success(every: MailHost) -> None:
    mail, old = every, served(every)
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
