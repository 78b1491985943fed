# SPDX-License-Identifier: GPL-3.0-or-later
"""The line in which an inventory names a host, in each of the ways that inventories are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from port995.evidence.inventory_places import places

INI = """\
# mx1 is old
[mail]
mx1 ansible_host=192.0.2.1
mx2:2222
"mx3" pop3s_intent=serve
[mail:vars]
owner=mx4
"""
YAML = """\
all:
  children:
    mail:
      hosts:
        mx1:
          pop3s_intent: serve
        'mx2': {pop3s_address: mx9}
        mx3.example.org:
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("hosts.ini", INI, {"mx1": 3, "mx3": 5}),
        ("hosts.yml", YAML, {"mx1": 5, "mx2": 7, "mx3.example.org": 8}),
        ("hosts", "mx[1:3].example.org\n", {}),
        ("hosts", "", {}),
    ],
)
def test_each_host_has_the_line_that_names_it(tmp_path: Path, name: str, text: str, expected: dict[str, int]) -> None:
    (tmp_path / name).write_text(text)
    found = places([tmp_path / name], ["mx1", "mx2", "mx3", "mx3.example.org", "mx1.example.org"], tmp_path)
    assert found == {host: f"{name}:{line}" for host, line in expected.items()}


def test_an_inventory_can_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "prod.yml").write_text(YAML)
    (tmp_path / "inventory" / "group_vars").mkdir()
    (tmp_path / "inventory" / "script.py").write_text("mx1\n")
    (tmp_path / "inventory" / "run.sh").write_text("mx1\n")
    assert places([tmp_path / "inventory"], ["mx1"], tmp_path) == {"mx1": "inventory/prod.yml:5"}


def test_a_path_outside_is_told_by_its_name_alone(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "hosts.ini").write_text(INI)
    assert places([tmp_path / "hosts.ini"], ["mx1"], tmp_path / "here") == {"mx1": "hosts.ini:3"}


def test_what_can_t_be_read_costs_lines_alone(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_bytes(b"\xff\xfe\nmx1\n")
    assert places([tmp_path / "hosts", tmp_path / "absent"], ["mx1"], tmp_path) == {"mx1": "hosts:2"}
