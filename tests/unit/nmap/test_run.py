# SPDX-License-Identifier: GPL-3.0-or-later
"""Nmap's arguments: nothing that a user types is read as an option or by a shell; a run can be stopped."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from port995.nmap.observe import local_fault_of, names_in_arguments
from port995.nmap.run import (
    NmapError,
    NmapRequest,
    NmapRequestError,
    arguments_of,
    check_request,
    find_nmap,
    run_nmap,
)  # fmt: skip

BAD_TARGETS = ["-oN", "--script=x", "$(id)", "a b", "a;b", "a\nb", "", "192.0.2.1:99", "10.0.0.0/99", "2001:db8::1", "`id`"]


@pytest.mark.parametrize("word", BAD_TARGETS)
def test_a_bad_target_is_refused(word: str) -> None:
    for request in (NmapRequest((word,)), NmapRequest(("192.0.2.1",), (word,))):
        with pytest.raises(NmapRequestError):
            check_request(request)


@pytest.mark.parametrize("ports", ["", "0", "65536", "9-1", "1,,2", "995 -oN x", "--script", "T:995", "-5"])
def test_bad_ports_are_refused(ports: str) -> None:
    with pytest.raises(NmapRequestError, match="ports"):
        check_request(NmapRequest(("192.0.2.1",), ports=ports))


@pytest.mark.parametrize("script", ["pop3-brute", "/tmp/x.nse", "all", "not-there-*", "--script-args"])
def test_scripts_that_do_more_than_look_are_refused(script: str) -> None:
    with pytest.raises(NmapRequestError, match="script"):
        check_request(NmapRequest(("192.0.2.1",), scripts=(script,)))


def test_a_connect_scan_is_made_without_raw_sockets_and_a_syn_scan_is_refused() -> None:
    request = NmapRequest(("10.0.0.0/8", "10.0-3.*.1"), ("mail.example",), "-", True, True, 4, scripts=("ssl-c*",))
    words = arguments_of(request, privileged=False, folder="/f")
    assert words[:2] == ["--unprivileged", "-sT"] and "-p-" in words and "-T4" in words
    assert "--script=ssl-cert,ssl-ccs-injection" in words and not any("10.0" in word for word in words)
    assert arguments_of(request, privileged=True, folder="/f")[:2] == ["--privileged", "-sS"]
    with pytest.raises(NmapRequestError, match="raw sockets"):
        arguments_of(NmapRequest(("192.0.2.1",), scan_type="syn"), privileged=False, folder="/f")


def fake(folder: Path, script: str) -> str:
    path = folder / "nmap"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_an_nmap_that_is_missing_old_or_another_program_is_told(tmp_path: Path) -> None:
    with pytest.raises(NmapError, match="install it"):
        find_nmap(str(tmp_path / "none"))
    with pytest.raises(NmapError, match="older than"):
        find_nmap(fake(tmp_path, "echo Nmap version 6.40"))
    with pytest.raises(NmapError, match="does not say"):
        find_nmap(fake(tmp_path, "echo hello"))


WRITER = """case $1 in --version) echo Nmap version 7.93; exit;; esac
for word; do case $last in -oX) out=$word;; esac; last=$word; done
printf '<nmaprun version="7.93"><host><status state="up"/><address addr="192.0.2.1" addrtype="ipv4"/></host>' > $out
exec sleep 60"""


def test_a_run_is_stopped_at_its_limit_and_keeps_what_was_written(tmp_path: Path) -> None:
    binary = find_nmap(fake(tmp_path, WRITER))
    hosts = []
    request = NmapRequest(("192.0.2.1", "192.0.2.2"), time_limit=1)
    result = run_nmap(request, lambda _run, host: hosts.append(host), binary=binary)
    assert result.stopped == "time-limit" and "stopped" in result.run.problem and len(hosts) == 1
    assert result.unreported == ("192.0.2.2",)
    cancelled = run_nmap(NmapRequest(("192.0.2.1",)), lambda _run, _host: None, binary=binary, cancelled=lambda: True)
    assert cancelled.stopped == "cancelled" and not cancelled.run.complete


@pytest.mark.skipif(shutil.which("nmap") is None, reason="needs nmap")
def test_a_name_that_does_not_resolve_is_told_by_name() -> None:
    result = run_nmap(NmapRequest(("nohost.invalid", "127.0.0.1")), lambda _run, _host: None)
    assert result.unresolved == ("nohost.invalid",) and result.unreported == ()


def test_silence_that_this_machine_made_is_known() -> None:
    assert local_fault_of("sendto in send_ip_packet_sd: sendto(5, x) => Operation not permitted") == "permission-denied"
    assert local_fault_of("Failed to resolve \"x\".") == ""


def test_targets_are_found_among_the_words_of_a_command_line() -> None:
    assert names_in_arguments("nmap -p 995 -oX scan.xml --script x -Pn mail.example 10.0.0.0/8 192.0.2.1") == [
        "mail.example", "192.0.2.1",
    ]  # fmt: skip
