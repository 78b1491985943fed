# SPDX-License-Identifier: GPL-3.0-or-later
"""The jail of the role enforce, read by fail2ban itself where it is there: each daemon's, of a file and of the journal."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import jinja2
import pytest
import yaml

ROLE = Path(__file__).parents[3] / "roles" / "enforce"
VARIABLES = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
CASES = [(daemon, in_file) for daemon in VARIABLES["__enforce_filters"] for in_file in (True, False)]


def jail(daemon: str, in_file: bool, **more: object) -> str:
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    return environment.from_string((ROLE / "templates" / "jail.conf.j2").read_text()).render(
        __enforce_filter=VARIABLES["__enforce_filters"][daemon], __enforce_log_is_a_file=in_file,
        __enforce_jail_log=VARIABLES["__enforce_jail_log"],
        **{"enforce_fail2ban_max_retry": 5, "enforce_fail2ban_find_time": 600, "enforce_fail2ban_ban_time": 900,
           "enforce_fail2ban_ignore": [], **more},
    )  # fmt: skip


@pytest.mark.parametrize(("daemon", "in_file"), CASES)
def test_it_is_a_jail_of_its_own_for_both_ports(daemon: str, in_file: bool) -> None:
    read = configparser.ConfigParser(interpolation=None)
    read.read_string(jail(daemon, in_file, enforce_fail2ban_ignore=["192.0.2.1", "2001:db8::/32"]))
    assert read.sections() == ["port995-pop3s"]
    own = read["port995-pop3s"]
    assert own["port"] == "110,995" and own["bantime"] == "900" and own["ignoreip"] == "192.0.2.1 2001:db8::/32"
    assert ("logpath" in own) is in_file and own["backend"] == ("auto" if in_file else "systemd")


@pytest.mark.parametrize(("daemon", "in_file"), CASES)
def test_fail2ban_reads_it(daemon: str, in_file: bool, tmp_path: Path) -> None:
    program = shutil.which("fail2ban-client")
    if program is None or not Path("/etc/fail2ban").is_dir():
        pytest.skip("fail2ban is not on this machine")
    shutil.copytree("/etc/fail2ban", tmp_path / "etc")
    (tmp_path / "etc" / "jail.d" / "zz-port995.conf").write_text(jail(daemon, in_file))
    done = subprocess.run([program, "-c", str(tmp_path / "etc"), "-d"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "['start', 'port995-pop3s']" in done.stdout, done.stderr
    if not in_file:
        assert "_SYSTEMD_UNIT=" in done.stdout
