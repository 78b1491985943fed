# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, through ansible-inventory: what Nmap saw becomes groups, and what a host said is never run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOSTS = """
<host><status state="up"/><address addr="192.0.2.1" addrtype="ipv4"/><address addr="00:00:5E:00:53:01" addrtype="mac"/>
<hostnames><hostname name="mail.example.org" type="PTR"/></hostnames><ports>
<port protocol="udp" portid="995"><state state="closed" reason="x"/></port>
<port protocol="tcp" portid="995"><state state="open" reason="syn-ack"/>
<service name="pop3s" product="Dovecot pop3d" version="{{ 6 * 7 }}"/></port>
<port protocol="tcp" portid="22"><state state="closed" reason="reset"/></port></ports></host>
<host><address addr="192.0.2.2" addrtype="ipv4"/><ports><port protocol="tcp" portid="995">
<state state="closed" reason="reset"/></port></ports></host>
<host><address addr="2001:db8::3" addrtype="ipv6"/><ports><port protocol="tcp" portid="995">
<state state="filtered" reason="no-response"/></port></ports></host>
<host><address addr="192.0.2.4" addrtype="ipv4"/></host>
"""
END = '<runstats><finished time="1" exit="success"/></runstats></nmaprun>'


def listed(folder: Path, xml: str, more: str = "") -> tuple[dict[str, Any], str]:
    """What ansible-inventory lists, and what it says; nothing where it fails."""
    (folder / "scan.xml").write_text(xml)
    source = folder / "mail.nmap.yml"
    source.write_text(f"plugin: port995.pop3s.nmap\nfiles: [scan.xml]\n{more}")
    ended = subprocess.run(
        [Path(sys.executable).with_name("ansible-inventory"), "-i", source, "--list"], capture_output=True, text=True,
        timeout=60, check=False, cwd=folder, env={**os.environ, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
                                                  "ANSIBLE_INVENTORY_ENABLED": "port995.pop3s.nmap"},
    )  # fmt: skip
    return (json.loads(ended.stdout) if ended.returncode == 0 else {}), ended.stderr


def test_states_and_software_are_groups_and_templates_of_a_host_are_text(tmp_path: Path) -> None:
    more = (
        "strict: true\ncompose: {shown: nmap_port.version | default('none'), pop3s_intent: \"'serve'\"}\n"
        "keyed_groups: [{key: nmap_port.state | default('unlisted'), prefix: state}]\n"
        "groups: {named: nmap_hostnames | length > 0}\n"
    )
    seen, said = listed(tmp_path, f"<nmaprun>{HOSTS}{END}", more)
    hosts = {name: group.get("hosts", []) for name, group in seen.items() if name not in ("_meta", "all")}
    assert hosts["pop3s_open"] == hosts["software_dovecot_pop3d"] == hosts["named"] == ["192.0.2.1"], said
    assert hosts["pop3s_closed"] == ["192.0.2.2"] and hosts["pop3s_filtered"] == ["2001:db8::3"]
    assert hosts["state_unlisted"] == ["192.0.2.4"]
    of_host = seen["_meta"]["hostvars"]["192.0.2.1"]
    assert "{{ 6 * 7 }}" in json.dumps(of_host["nmap_port"]) and "{{ 6 * 7 }}" in json.dumps(of_host["shown"])
    assert "serve" in json.dumps(of_host["pop3s_intent"])


def test_a_template_that_a_host_sent_stays_text_when_a_task_uses_it(tmp_path: Path) -> None:
    assert listed(tmp_path, f"<nmaprun>{HOSTS}{END}")[0]
    ended = subprocess.run(
        [Path(sys.executable).with_name("ansible"), "-i", tmp_path / "mail.nmap.yml", "192.0.2.1", "-c", "local", "-m",
         "ansible.builtin.debug", "-a", "msg='is {{ nmap_port.version }} and {{ 2 * 21 }}'"],
        capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
        env={**os.environ, "ANSIBLE_INVENTORY_ENABLED": "port995.pop3s.nmap"},
    )  # fmt: skip
    assert "is {{ 6 * 7 }} and 42" in ended.stdout, ended


@pytest.mark.parametrize(
    "xml",
    [
        f"<nmaprun>{HOSTS}",
        f"<nmaprun>{HOSTS}</nmaprun>",
        f"<other>{HOSTS}{END.replace('nmaprun', 'other')}",
        f'<!DOCTYPE nmaprun [<!ENTITY a "aaaa">]><nmaprun>{HOSTS}{END}',
        f'<nmaprun><host><address addr="-oProxyCommand=id" addrtype="ipv4"/></host>{END}',
    ],
    ids=["cut", "not-finished", "another-root", "entity", "no-address"],
)
def test_a_file_that_can_not_be_believed_is_no_inventory(tmp_path: Path, xml: str) -> None:
    seen, said = listed(tmp_path, xml)
    assert seen == {}
    assert "scan.xml" in said
