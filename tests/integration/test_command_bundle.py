# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence that proves itself: by coreutils and OpenSSH, by our own check, and by the judgement that is made again."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from port995.evidence.verify import read_sums
from port995.lab.lab import Lab

from ..ports import own_base_port
from .command_line import QUICK, Ended, port995

KEYGEN = shutil.which("ssh-keygen")
pytestmark = pytest.mark.skipif(KEYGEN is None, reason="no ssh-keygen on this machine (Debian: openssh-client)")


class Made:
    """A signed bundle of a run over the lab, the run, and the key."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run, self.bundle, self.key = folder, folder / "run", folder / "bundle", folder / "key"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    found = Made(tmp_path_factory.mktemp("bundle"))
    subprocess.run(
        [str(KEYGEN), "-q", "-t", "ed25519", "-N", "", "-C", "ops@example.org", "-f", found.key], check=True
    )
    with Lab(found.folder, own_base_port()) as lab:
        done = port995("audit", "-i", lab.inventory_file, "--ca-file", lab.ca_file, "--out", found.run, *QUICK,
                       "--source", "127.0.0.1", "--source", "127.0.0.2", "--format", "markdown",
                       "--bundle", found.bundle, "--sign-key", found.key)  # fmt: skip
    assert done.code in (1, 3) and "signed)" in done.out, done
    yield found


def copied(made: Made, tmp_path: Path) -> Path:
    shutil.copytree(made.bundle, tmp_path / "bundle")
    return tmp_path / "bundle"


def verified(bundle: Path, *arguments: object) -> Ended:
    return port995("verify", bundle, *arguments)


def test_coreutils_and_openssh_are_all_that_an_auditor_needs(made: Made, tmp_path: Path) -> None:
    done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=made.bundle, check=False)
    assert done.returncode == 0
    listed, _faults = read_sums((made.bundle / "SHA256SUMS").read_bytes())
    present = {path.relative_to(made.bundle).as_posix() for path in made.bundle.rglob("*") if path.is_file()}
    assert set(listed) == present - {"SHA256SUMS", "SHA256SUMS.sig"}
    (tmp_path / "signers").write_text(f"ops@example.org {made.key.with_suffix('.pub').read_text()}")
    done = subprocess.run(
        [str(KEYGEN), "-Y", "verify", "-f", tmp_path / "signers", "-I", "ops@example.org", "-n", "port995",
         "-s", made.bundle / "SHA256SUMS.sig"],
        input=(made.bundle / "SHA256SUMS").read_bytes(), check=False,
    )  # fmt: skip
    assert done.returncode == 0


def test_a_whole_bundle_is_verified_and_judged_again(made: Made) -> None:
    done = verified(made.bundle, "--signers", made.key.with_suffix(".pub"), "--json")
    found = json.loads(done.out)
    assert (done.code, found["problems"], found["differences"], found["judged_again"]) == (0, [], [], True), done
    assert found["signer"].startswith("ops@example.org (SHA256:")
    assert any("asserted by the signer only" in note for note in found["notes"])


def test_it_needs_no_network(made: Made) -> None:
    command = ["unshare", "-rn", os.fspath(shutil.which("true") or "/bin/true")]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody make a network namespace")
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-m", "port995", "verify", made.bundle], check=False, capture_output=True
    )
    assert done.returncode == 0, done


def test_the_same_run_gives_the_same_bytes(made: Made, tmp_path: Path) -> None:
    assert port995("bundle", made.run, "--out", tmp_path / "again", "--sign-key", made.key).code == 0
    for path in made.bundle.rglob("*"):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(made.bundle)).read_bytes() == path.read_bytes(), path


def test_it_holds_the_evidence_behind_every_verdict(made: Made) -> None:
    document = json.loads((made.bundle / "bundle.json").read_text())
    report = json.loads((made.bundle / "report.json").read_text())
    assert {host["name"] for host in document["population"]} == {host["name"] for host in report["hosts"]}
    evidence = document["evidence"]
    assert len({one["id"] for one in evidence}) == len(evidence) > 10
    for one in evidence:
        line = (made.bundle / one["file"]).read_bytes().splitlines(keepends=True)[one["line"] - 1]
        assert hashlib.sha256(line).hexdigest() == one["sha256"] and one["id"] == f"EV-{one['sha256'][:16]}"
    seen = {host for one in evidence for host in one["hosts"]}
    assert seen == {host["name"] for host in report["hosts"] if host["endpoints"]}
    certificates = list((made.bundle / "certificates").glob("*.pem"))
    assert certificates
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", certificates[0]], capture_output=True, check=True
    )
    assert done.stdout.decode().strip().split("=")[1].replace(":", "").lower() == certificates[0].stem
    assert document["origin"]["operator"]


@pytest.mark.parametrize("seed", range(15))
def test_any_octet_that_is_changed_is_noticed(made: Made, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    bundle = copied(made, tmp_path)
    path = chance.choice(sorted(one for one in bundle.rglob("*") if one.is_file()))
    data = bytearray(path.read_bytes())
    position = chance.randrange(len(data))
    data[position] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    done = verified(bundle, "--signers", made.key.with_suffix(".pub"))
    assert done.code == 4, (path.name, position, done)
    assert path.name in done.out or "SHA256SUMS" in done.out


def _link(bundle: Path) -> None:
    (bundle / "profile.yml").unlink()
    (bundle / "profile.yml").symlink_to("/etc/passwd")


def _line(text: str) -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        sums = bundle / "SHA256SUMS"
        sums.write_text(sums.read_text() + text)

    return change


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "added": (lambda bundle: (bundle / "more.txt").write_text("x"), "more.txt is no file of this bundle"),
    "added in a folder": (lambda bundle: (bundle / "certificates" / "x.pem").write_text("x"), "it was added"),
    "hidden": (lambda bundle: (bundle / ".more").write_text("x"), "no bundle holds a file of this name"),
    "removed": (lambda bundle: (bundle / "report.json").unlink(), "report.json is missing"),
    "renamed": (lambda bundle: (bundle / "report.json").rename(bundle / "report2.json"), "report.json is missing"),
    "a link": (_link, "is no plain file"),
    "climbing": (_line("0" * 64 + "  ../../etc/passwd\n"), "is a path that no bundle holds"),
    "absolute": (_line("0" * 64 + "  /etc/passwd\n"), "is a path that no bundle holds"),
    "twice": (lambda bundle: _line((bundle / "SHA256SUMS").read_text().splitlines(keepends=True)[0])(bundle), "twice"),
    "binary mark": (_line("0" * 64 + " *zzz\n"), "is no line of hashes"),
    "cut off": (lambda bundle: (bundle / "SHA256SUMS").write_bytes(b""), "is cut off, or empty"),
    "unsigned": (lambda bundle: (bundle / "SHA256SUMS.sig").unlink(), "it is not signed"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_done_to_it_is_said(made: Made, tmp_path: Path, change: str) -> None:
    bundle = copied(made, tmp_path)
    act, words = CHANGES[change]
    act(bundle)
    done = verified(bundle, "--signers", made.key.with_suffix(".pub"))
    assert done.code == 4
    assert words in done.out, done.out


def resigned(made: Made, bundle: Path) -> None:
    """As an insider would: new hashes and a new signature over what was changed."""
    lines = []
    for path in sorted(path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()):
        if path not in ("SHA256SUMS", "SHA256SUMS.sig"):
            lines.append(f"{hashlib.sha256((bundle / path).read_bytes()).hexdigest()}  {path}\n")
    (bundle / "SHA256SUMS").write_text("".join(lines))
    (bundle / "SHA256SUMS.sig").unlink(missing_ok=True)
    subprocess.run([str(KEYGEN), "-q", "-Y", "sign", "-n", "port995", "-f", made.key, bundle / "SHA256SUMS"], check=True)


def test_a_verdict_that_the_evidence_does_not_give_is_noticed_whoever_signs(made: Made, tmp_path: Path) -> None:
    bundle = copied(made, tmp_path)
    report = json.loads((bundle / "report.json").read_text())
    report["gate"].update(exit=0, verdict="passed", incomplete=False, reasons=[])
    for result in report["results"]:
        result["status"] = "pass"
    (bundle / "report.json").write_text(json.dumps(report))
    gate = json.loads((bundle / "gate.json").read_text())
    gate.update(exit=0, verdict="passed", incomplete=False, reasons=[])
    gate["coverage"].update(assessed=gate["coverage"]["inventory"], unreachable=0, excluded=0)
    gate["files"]["report.json"] = hashlib.sha256((bundle / "report.json").read_bytes()).hexdigest()
    (bundle / "gate.json").write_text(json.dumps(gate))
    resigned(made, bundle)
    done = verified(bundle, "--signers", made.key.with_suffix(".pub"))
    assert done.code == 4
    assert "judged again, the gate says exit" in done.out


def test_a_key_of_somebody_else_is_refused(made: Made, tmp_path: Path) -> None:
    subprocess.run([str(KEYGEN), "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    done = verified(made.bundle, "--signers", tmp_path / "other.pub")
    assert done.code == 4 and "is none that may sign" in done.out
    done = verified(made.bundle)
    assert done.code == 0 and "whose that is was not asked" in done.out


def test_the_log_of_who_had_it_is_a_chain(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.bundle, tmp_path / "b")
    log = tmp_path / "b.custody.jsonl"
    shutil.copy(made.folder / "bundle.custody.jsonl", log)
    for what in ("handed to the auditor", "taken back"):
        assert verified(tmp_path / "b", "--record", what).code == 0
    lines = log.read_text().splitlines(keepends=True)
    assert [json.loads(line)["what"] for line in lines] == ["made", "handed to the auditor", "taken back"]
    told_otherwise = [lines[0], lines[1].replace("auditor", "neighbour"), lines[2]]
    for spoilt in (lines[1:], lines[::-1], [lines[0], lines[2]], told_otherwise):
        log.write_text("".join(spoilt))
        done = verified(tmp_path / "b")
        assert done.code == 4 and "does not follow" in done.out


def test_a_run_that_can_t_be_vouched_for_makes_no_bundle(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made.run, tmp_path / "run")
    (tmp_path / "run" / "report.json").write_text("{}")
    assert port995("bundle", tmp_path / "run", "--out", tmp_path / "b").code == 4
    assert list(tmp_path.iterdir()) == [tmp_path / "run"]


def test_bad_input_is_told_before_the_first_probe(made: Made, tmp_path: Path) -> None:
    shutil.copy(made.key, tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    for arguments, words in (
        (("--bundle", tmp_path / "b", "--sign-key", tmp_path / "key"), "chmod 600"),
        (("--sign-key", made.key), "name it with --bundle"),
        (("--bundle", made.bundle), "is there already"),
    ):
        done = port995("audit", "127.0.0.1", "--out", tmp_path / "run", *arguments)
        assert done.code == 2 and words in done.err
        assert not (tmp_path / "run").exists()
    assert port995("verify", tmp_path / "none").code == 4
    assert port995("bundle", made.run, "--out", made.bundle).code == 2


def test_a_full_disk_leaves_no_half_bundle(made: Made, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    script = (
        f"mount -t tmpfs -o size=200k none {tmp_path} && {sys.executable} -m port995 bundle {made.run}"
        f" --out {tmp_path}/b; code=$?; ls -A {tmp_path}; exit $code"
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 4, done
    assert "can't be written" in done.stderr and done.stdout == ""


SECRETS = ("lab.port995.example", "127.0.95.", "root", "ops@example.org", "CN=")


def test_a_copy_for_others_names_nobody_and_counts_the_same(made: Made, tmp_path: Path) -> None:
    done = port995("bundle", made.bundle, "--share", "--out", tmp_path / "shared", "--sign-key", made.key)
    assert done.code == 0, done
    texts = [path.read_text() for path in (tmp_path / "shared").iterdir() if not path.name.startswith("SHA256SUMS")]
    assert any(secret in (made.bundle / "report.json").read_text() for secret in SECRETS)
    for text in texts:
        for secret in SECRETS:
            assert secret not in text, secret
    original, shared = (json.loads((folder / "report.json").read_text()) for folder in (made.bundle, tmp_path / "shared"))
    assert (shared["counts"], shared["coverage"]["equation"]) == (original["counts"], original["coverage"]["equation"])
    assert [one["status"] for one in shared["results"]] == [one["status"] for one in original["results"]]
    index = json.loads((tmp_path / "shared" / "bundle.json").read_text())
    sums = hashlib.sha256((made.bundle / "SHA256SUMS").read_bytes()).hexdigest()
    assert index["redaction"]["original_sums_sha256"] == sums
    assert "journal-controller.jsonl" in index["redaction"]["removed"]
    done = verified(tmp_path / "shared", "--signers", made.key.with_suffix(".pub"))
    assert done.code == 0 and "it can't be judged again" in done.out
    data = json.loads((tmp_path / "shared" / "report.json").read_text())
    data["counts"]["fail"] = 0
    (tmp_path / "shared" / "report.json").write_text(json.dumps(data))
    assert verified(tmp_path / "shared").code == 4


def test_only_a_whole_bundle_is_shared(made: Made, tmp_path: Path) -> None:
    bundle = copied(made, tmp_path)
    (bundle / "more.txt").write_text("x")
    assert port995("bundle", bundle, "--share", "--out", tmp_path / "shared").code == 4
    assert port995("bundle", made.bundle, "--share", "--redact", "all", "--out", tmp_path / "shared").code == 2
    assert not (tmp_path / "shared").exists()


def test_the_log_of_a_bundle_that_is_gone_is_not_gone_on_with(made: Made, tmp_path: Path) -> None:
    out, log = tmp_path / "again", tmp_path / "again.custody.jsonl"
    assert port995("bundle", made.run, "--out", out).code == 0
    shutil.rmtree(out)
    before = log.read_bytes()
    for command in (("bundle", made.run, "--out", out), ("audit", "192.0.2.1", "--bundle", out),
                    ("bundle", made.bundle, "--share", "--out", out)):  # fmt: skip
        ended = port995(*command)
        assert ended.code == 2 and str(log) in ended.err, ended
    assert log.read_bytes() == before and not out.exists()
