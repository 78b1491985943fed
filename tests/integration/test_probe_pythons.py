# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe alone under every Python that a managed host may have: nothing installed, nothing but its own folder.

Its copy looks at the embedded lab, with hellos too, and must see there what this Python sees.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import port995.probe
from port995.evidence.begin import questions_of
from port995.lab.lab import Lab
from port995.probe.codec import to_json

from ..ports import own_base_port

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
SCRIPT = """\
import json, sys
sys.path.insert(0, sys.argv[1])
from probe.codec import decode, observation_to_json
from probe.engine import ScanOptions, local_vantage, run_scan
from probe.model import Question, Target
given = json.load(sys.stdin)
questions = tuple(decode(Question, one) for one in given["questions"])
targets = [Target((name,), address, given["port"], name, given["pop3_port"]) for name, address in given["hosts"]]
seen = []
run_scan(targets, ScanOptions(depth="gate", questions=questions), local_vantage(), "0" * 32, seen.append)
foreign = sorted(name for name in sys.modules if name.split(".")[0] in ("cryptography", "ansible", "yaml", "port995"))
json.dump({"seen": [observation_to_json(one) for one in seen], "foreign": foreign}, sys.stdout)
"""


def interpreter(version: str) -> str | None:
    """A Python of this version, on PATH or among pyenv's."""
    found = shutil.which(f"python{version}")
    known = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for candidate in (found, *map(str, known)):
        if candidate and subprocess.run([candidate, "-I", "-c", "import ssl"], capture_output=True).returncode == 0:
            return candidate
    return None


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), own_base_port()) as running:
        yield running


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the rooms that travel, and nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    source = Path(port995.probe.__file__).parent
    for room in ("probe", "nmap"):
        shutil.copytree(source.parent / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


LATE = ("timeout", "early", "not-connected", "no-stls")
"""No server of the lab is ever like this; a busy machine is, and then the probe asks once more."""
TRIALS = 5


def looked(python: str, alone: Path, lab: Lab) -> dict[str, Any]:
    """What is seen; looked at again while something in it came late."""
    for _trial in range(TRIALS):
        told = looked_once(python, alone, lab)
        if not any(hello["outcome"] in LATE for one in told["seen"] for hello in one.get("hellos", ())):
            break
    return told


def looked_once(python: str, alone: Path, lab: Lab) -> dict[str, Any]:
    hosts = [("well-served.lab.port995.example", "127.0.95.1"), ("old-protocol.lab.port995.example", "127.0.95.10")]
    given = {
        "questions": [to_json(one) for one in questions_of("baseline", "", "gate")],
        "port": lab.base_port + 995, "pop3_port": lab.base_port + 110, "hosts": hosts,
    }  # fmt: skip
    done = subprocess.run(
        [python, "-I", "-S", "-c", SCRIPT, str(alone)],
        input=json.dumps(given), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def essence(seen: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """What does not depend on the moment, nor on what the local TLS library would offer by itself."""
    return sorted(
        (
            one["target"]["hosts"][0], one["service"], one["tcp"]["state"], one["tls"]["outcome"],
            tuple(one["tls"]["certificates"]), one["pop3"]["outcome"],
            tuple((hello["question"], hello["outcome"], hello.get("suite"), hello.get("group")) for hello in one["hellos"]),
        )
        for one in seen
    )  # fmt: skip


NMAP_SCRIPT = """\
import importlib, json, pkgutil, sys
folder = sys.argv[1]
package = type(sys)("alone")
package.__path__ = [folder]
sys.modules["alone"] = package
names = [one.name for one in pkgutil.iter_modules([folder + "/nmap"])]
for name in names:
    importlib.import_module("alone.nmap." + name)
from alone.nmap.model import NmapHost, NmapPort, NmapRun
from alone.nmap.observe import observe
from alone.nmap.write_xml import XmlWriter
from alone.probe.model import Target, Vantage
host = NmapHost("up", "syn-ack", "192.0.2.1", 4, ports=(NmapPort("tcp", 995, "open", "syn-ack"),))
seen = observe(NmapRun("x.xml"), host, Target(("a",), "192.0.2.1", 995, None, 110), "pop3s",
               vantage=Vantage("nmap"), run_id="0" * 32)
writer = XmlWriter("port995")
writer.add(seen)
foreign = sorted(name for name in sys.modules if name.split(".")[0] in ("cryptography", "ansible", "yaml", "port995"))
json.dump([names, seen.tcp.state, 'state="open"' in writer.document(), foreign], sys.stdout)
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_the_nmap_room_works_under_every_python(version: str, alone: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"needs a Python {version} on PATH or under pyenv")
    done = subprocess.run(
        [python, "-I", "-S", "-c", NMAP_SCRIPT, str(alone)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    names, state, written, foreign = json.loads(done.stdout)
    assert {"model", "observe", "read_xml", "run", "target_syntax", "write_xml"} <= set(names)
    assert (state, written, foreign) == ("open", True, [])


@pytest.mark.parametrize("version", VERSIONS)
def test_the_probe_sees_the_same_under_every_python(version: str, lab: Lab, alone: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"needs a Python {version} on PATH or under pyenv")
    told = looked(python, alone, lab)
    assert told["foreign"] == []
    assert len(told["seen"]) == 4
    for one in told["seen"]:
        assert one["tls"]["chain_source"] == "handshake", "the chain as sent can't be seen under this Python"
        assert one["tls"]["group"] is not None
        assert one["hellos"] and len(one["vantage"]["canaries"]) > 10
    assert essence(told["seen"]) == essence(looked(sys.executable, alone, lab)["seen"])
