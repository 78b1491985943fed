# SPDX-License-Identifier: GPL-3.0-or-later
"""How listeners of each daemon are stopped: what would be written, and what undoes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from port995.change import files
from port995.closing import cyrus_off, dovecot_off, steps, units_off
from port995.closing.off import Off
from port995.daemon import sockets

CYRUS = """\
START {
\trecover\tcmd="/usr/sbin/cyrus ctl_cyrusdb -r"
}
SERVICES {
\timap\t\tcmd="imapd -U 30" listen="imap" prefork=0 maxchild=100
\tpop3\t\tcmd="pop3d -U 30" listen="pop3" prefork=0 maxchild=50
\tpop3s\t\tcmd="pop3d -s -U 30" listen="pop3s" prefork=0 maxchild=50
\t#pop3s\t\tcmd="pop3d -s -U 30" listen="995" prefork=0
\tmore\t\tcmd="pop3d -s" listen="192.0.2.1:995"
}
"""


def test_cyrus_lines_of_the_port_become_comments_and_no_others() -> None:
    after = cyrus_off.marked(CYRUS, (995,), "#port995-closed-0123abcd# ")
    changed = [(one, other) for one, other in zip(CYRUS.splitlines(), after.splitlines(), strict=True) if one != other]
    assert [one.split()[0] for one, _ in changed] == ["pop3s", "more"]
    assert all(other == "#port995-closed-0123abcd# " + one for one, other in changed)
    assert cyrus_off.TAGGED.sub("", after) == CYRUS
    assert cyrus_off.marked(after, (995,), "#port995-closed-99999999# ") == after, "a second time changes nothing"


@pytest.fixture
def cyrus_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cyrus.conf"
    path.write_text(CYRUS)
    monkeypatch.setattr(cyrus_off, "SERVICES", str(path))
    return path


def test_cyrus_is_planned_applied_and_given_back(cyrus_conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("port995.closing.off.is_active", lambda _unit: False)
    off = cyrus_off.plan((995,))
    assert off is not None and off.changed and off.marking is not None
    assert any(step.startswith("step sed -i 's/^#port995-closed-") for step in off.undo())
    off.apply()
    again = cyrus_off.plan((995,))
    assert again is not None and not again.changed, "its listener is still to be gone"
    back = cyrus_off.absent()
    assert back is not None and back.undo()[0] == f"restore_file {cyrus_conf}", "undoing puts the marks back"
    back.apply()
    assert cyrus_conf.read_text() == CYRUS and cyrus_off.absent() is None


def test_cyrus_conf_that_changes_meanwhile_is_left_alone(cyrus_conf: Path) -> None:
    off = cyrus_off.plan((995,))
    assert off is not None
    cyrus_conf.write_text(CYRUS + "# by another\n")
    with pytest.raises(Exception, match="changed by something else"):
        off.apply()
    assert cyrus_conf.read_text() == CYRUS + "# by another\n"


def test_cyrus_conf_that_is_a_link_is_refused(cyrus_conf: Path) -> None:
    cyrus_conf.rename(cyrus_conf.with_name("real"))
    cyrus_conf.symlink_to("real")
    with pytest.raises(Exception, match="is a link"):
        cyrus_off.plan((995,))


def test_cyrus_without_the_service_or_without_a_file_has_nothing_to_stop(cyrus_conf: Path) -> None:
    assert cyrus_off.plan((1995,)) is None
    cyrus_conf.unlink()
    assert cyrus_off.plan((995,)) is None


def test_dovecots_file_gives_port_0_to_each_listener() -> None:
    text = dovecot_off.render((("pop3-login", "pop3s", 995), ("imap-login", "odd", 995)))
    assert text.count("port = 0") == 2 and "service pop3-login {\n  inet_listener pop3s {\n    port = 0\n  }\n}\n" in text


def test_sockets_are_told_by_their_ports() -> None:
    assert units_off.listens({"Listen": ["0.0.0.0:995 (Stream)", "[::]:995 (Stream)"]}) == (995, 995)
    assert units_off.listens({"Listen": ["/run/x (Stream) 110 (Stream)", "[::]:5353 (Datagram)"]}) == (0, 110, 0)
    assert units_off.listens({}) == ()


def test_undoing_starts_what_ran_and_knows_only_our_paths() -> None:
    path = units_off.addition("courier-pop-ssl.service")
    off = Off("courier", "x", {path: (None, units_off.TEXT)}, stop=("courier-pop-ssl.service",), units=True)
    assert off.saved() == {path: None}
    assert off.undo() == [
        f"restore_file {path}", "rmdir /etc/systemd/system/courier-pop-ssl.service.d 2>/dev/null",
        "step systemctl daemon-reload", "step systemctl --no-block start courier-pop-ssl.service",
    ]  # fmt: skip


def test_a_line_of_ours_comes_last_and_goes_again(tmp_path: Path) -> None:
    path = tmp_path / "dovecot.conf"
    path.write_text("protocols = pop3")
    Off("dovecot", "x", line=(str(path), "!include_try ours", False, True)).apply()
    assert path.read_text() == "protocols = pop3\n!include_try ours\n"
    Off("dovecot", "x", line=(str(path), "!include_try ours", True, False)).apply()
    assert path.read_text() == "protocols = pop3\n"


def listener(process: str, port: int = 995, here: bool = True) -> sockets.Listener:
    return sockets.Listener("0.0.0.0", port, process, 7, "x.service", here)


def plan_of(*offs: Off, listeners: tuple[sockets.Listener, ...] = ()) -> steps.Plan:
    return steps.Plan("closed", (995,), None, offs, listeners, ())


DOVECOT = Off("dovecot", "x", processes=("dovecot",))


def test_a_daemon_that_is_not_known_is_named() -> None:
    made = plan_of(DOVECOT, listeners=(listener("dovecot"), listener("nginx"), listener("dovecot", here=False)))
    assert [one.process for one in made.unknown] == ["nginx", "dovecot"]
    assert sockets.told(made.unknown[0]) == "port 995 of 0.0.0.0, by nginx (process 7, unit x.service)"
    assert "a container's" in sockets.told(made.unknown[1])


@pytest.mark.parametrize(("now", "wrong"), [
    ((), "cost a daemon other ports too: 993 of dovecot"),
    ((listener("dovecot", 993), listener("dovecot")), "still there"),
    ((listener("dovecot", 993),), ""),
    ((listener("dovecot", 993), listener("nginx")), ""),
])  # fmt: skip
def test_the_listener_is_seen_gone_and_the_others_still_there(
    monkeypatch: pytest.MonkeyPatch, now: tuple[sockets.Listener, ...], wrong: str
) -> None:
    monkeypatch.setattr(sockets, "listeners", lambda ports: [one for one in now if one.port in ports])
    made = plan_of(DOVECOT)
    if not wrong:
        steps.see_gone(made, {("dovecot", 993)}, 0.0)
        return
    with pytest.raises(Exception, match=wrong):
        steps.see_gone(made, {("dovecot", 993)}, 0.0)


def test_sockets_of_this_machine_are_read() -> None:
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        found = sockets.listeners([port])
        assert [(one.address, one.port, one.here) for one in found] == [("127.0.0.1", port, True)] and found[0].pid
        with socket.create_connection(("127.0.0.1", port)):
            assert sockets.connected([port]) == [sockets.Peer("127.0.0.1", port)]


def test_a_table_in_another_form_is_no_empty_table() -> None:
    with pytest.raises(sockets.SocketsError):
        list(sockets.rows_of("head\n  0: nonsense\n", (995,)))


def test_saved_files_are_what_was_there() -> None:
    assert files.read("/nonexistent/port995") is None
    off = Off("dovecot", "x", {"/etc/dovecot/a": ("old", "new")}, line=("/etc/dovecot/dovecot.conf", "l", True, False))
    assert off.saved() == {"/etc/dovecot/a": "old"} and "add_line /etc/dovecot/dovecot.conf l" in off.undo()
