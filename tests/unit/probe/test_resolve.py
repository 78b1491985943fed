# SPDX-License-Identifier: GPL-3.0-or-later
"""Names: every way a lookup can end is told apart, and every lookup ends."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable

import pytest

from port995.probe import resolve
from port995.probe.model import Resolution
from port995.probe.resolve import Lookup, Resolver, family_of, look_up

from .seeing import SAFETY


def ask(lookup: Lookup, *names: str, timeout: float = 20) -> list[Resolution]:
    async def run() -> list[Resolution]:
        resolver = Resolver(timeout, lookup)
        return list(await asyncio.gather(*(resolver.resolve(name) for name in names)))

    return asyncio.run(asyncio.wait_for(run(), SAFETY))


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work(), SAFETY)

    asyncio.run(bounded())


def failing_with(error: Exception) -> Lookup:
    def lookup(name: str) -> tuple[str, ...]:
        raise error

    return lookup


@pytest.fixture
def dead() -> Callable[[str], tuple[str, ...]]:
    """A lookup that hangs until the test is over."""
    over = threading.Event()

    def lookup(name: str) -> tuple[str, ...]:
        over.wait(SAFETY)
        return ()

    yield lookup
    over.set()


def test_an_address_is_not_looked_up() -> None:
    lookup = failing_with(AssertionError("asked"))
    (v4, v6, zone) = ask(lookup, "192.0.2.1", "2001:db8::1", "fe80::1%lo")
    assert [one.outcome for one in (v4, v6, zone)] == ["numeric"] * 3
    assert (v4.addresses, v6.addresses, zone.addresses) == (("192.0.2.1",), ("2001:db8::1",), ("fe80::1%lo",))


def test_every_address_is_kept_in_the_resolvers_order() -> None:
    (found,) = ask(lambda name: ("2001:db8::2", "192.0.2.9", "192.0.2.1"), "mail.example.org")
    assert (found.outcome, found.addresses) == ("resolved", ("2001:db8::2", "192.0.2.9", "192.0.2.1"))


def test_an_address_that_the_system_gives_twice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [("192.0.2.1", 0), ("192.0.2.2", 0), ("192.0.2.1", 0)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: [(socket.AF_INET, 1, 6, "", one) for one in given])
    assert look_up("mail.example.org") == ("192.0.2.1", "192.0.2.2")


def test_the_systems_own_resolver_is_asked() -> None:
    (found,) = ask(look_up, "localhost")
    assert found.outcome == "resolved" and set(found.addresses) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("code", sorted(resolve.NOT_FOUND))
def test_a_name_that_does_not_exist_is_not_found(code: int) -> None:
    (answer,) = ask(failing_with(socket.gaierror(code, "no such name")), "gone.example.org")
    assert (answer.outcome, answer.addresses, answer.detail) == ("not-found", (), "no such name")


@pytest.mark.parametrize("code", [socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_MEMORY])
def test_a_broken_resolver_does_not_say_that_the_name_does_not_exist(code: int) -> None:
    (answer,) = ask(failing_with(socket.gaierror(code, "try again")), "mail.example.org")
    assert (answer.outcome, answer.detail) == ("failed", "try again")


@pytest.mark.parametrize("error", [OSError("no file"), MemoryError("full"), KeyError("x"), UnicodeError("label")])
def test_a_lookup_that_breaks_is_a_failure_of_this_name_only(error: Exception) -> None:
    def lookup(name: str) -> tuple[str, ...]:
        if name == "bad":
            raise error
        return ("192.0.2.1",)

    bad, good = ask(lookup, "bad", "good")
    assert bad.outcome == "failed" and bad.detail and bad.addresses == ()
    assert good.outcome == "resolved"


@pytest.mark.parametrize("name", ["a" * 64 + ".example.org", "a..b", "x\x00y", "mail\n.example.org"])
def test_what_is_no_domain_name_is_told_and_does_not_raise(name: str) -> None:
    (answer,) = ask(look_up, name)
    assert answer.outcome in ("failed", "not-found") and answer.detail


def test_an_answer_without_an_address_is_not_found() -> None:
    (answer,) = ask(lambda name: (), "empty.example.org")
    assert answer.outcome == "not-found" and answer.addresses == ()


def test_a_dead_resolver_ends_at_the_deadline(dead: Lookup) -> None:
    started = time.monotonic()
    (answer,) = ask(dead, "mail.example.org", timeout=0.3)
    assert (answer.outcome, answer.addresses) == ("timeout", ())
    assert 0.3 <= answer.seconds <= time.monotonic() - started < 20


def test_a_slow_resolver_within_the_deadline_is_no_timeout() -> None:
    def slow(name: str) -> tuple[str, ...]:
        time.sleep(0.2)
        return ("192.0.2.1",)

    (answer,) = ask(slow, "mail.example.org", timeout=20)
    assert answer.outcome == "resolved" and answer.seconds >= 0.2


def test_an_answer_after_the_deadline_changes_nothing() -> None:
    late = threading.Event()

    def lookup(name: str) -> tuple[str, ...]:
        late.wait(SAFETY)
        return ("192.0.2.1",)

    async def work() -> None:
        resolver = Resolver(0.2, lookup)
        assert (await resolver.resolve("slow")).outcome == "timeout"
        late.set()
        await asyncio.sleep(0.3)
        assert (await resolver.resolve("slow")).outcome == "timeout"

    run(work)


def test_many_targets_with_one_name_ask_once() -> None:
    asked: list[str] = []

    def lookup(name: str) -> tuple[str, ...]:
        asked.append(name)
        time.sleep(0.1)
        return ("192.0.2.1",)

    answers = ask(lookup, *["mail.example.org"] * 50, "other.example.org")
    assert sorted(asked) == ["mail.example.org", "other.example.org"]
    assert {one.outcome for one in answers} == {"resolved"}


def test_one_who_stops_waiting_does_not_take_the_answer_from_the_others() -> None:
    go = threading.Event()

    def lookup(name: str) -> tuple[str, ...]:
        go.wait(SAFETY)
        return ("192.0.2.1",)

    async def work() -> None:
        resolver = Resolver(20, lookup)
        first, second = (asyncio.ensure_future(resolver.resolve("mail")) for _number in range(2))
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.sleep(0)
        go.set()
        assert (await second).outcome == "resolved"
        assert first.cancelled()

    run(work)


def test_lookups_that_hang_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "MAX_THREADS", 3)
    lock, go = threading.Lock(), threading.Event()
    running = most = 0

    def lookup(name: str) -> tuple[str, ...]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait(0.05)
        with lock:
            running -= 1
        return ("192.0.2.1",)

    answers = ask(lookup, *("name%d" % number for number in range(12)), timeout=20)
    assert most == 3
    assert {one.outcome for one in answers} == {"resolved"}


def test_a_resolver_that_never_answers_again_ends_every_lookup(monkeypatch: pytest.MonkeyPatch, dead: Lookup) -> None:
    """Once every thread hangs for good, the names behind them must not wait for ever."""
    monkeypatch.setattr(resolve, "MAX_THREADS", 2)
    answers = ask(dead, *("name%d" % number for number in range(6)), timeout=0.3)
    assert [one.outcome for one in answers] == ["timeout"] * 6


def test_a_machine_without_threads_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    (answer,) = ask(lambda name: ("192.0.2.1",), "mail.example.org")
    assert answer.outcome == "failed" and "thread" in answer.detail


def test_the_process_ends_while_a_lookup_hangs() -> None:
    """An executor's thread would hold the interpreter at its end for as long as the resolver is dead."""
    script = (
        "import asyncio, time\n"
        "from port995.probe.resolve import Resolver\n"
        "async def run():\n"
        "    print((await Resolver(0.2, lambda name: time.sleep(600)).resolve('mail.example.org')).outcome)\n"
        "asyncio.run(run())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "timeout\n", "")


@pytest.mark.parametrize(
    ("text", "family"),
    [("192.0.2.1", 4), ("::1", 6), ("fe80::1%eth0", 6), ("mail.example.org", None), ("", None), ("[::1]", None)],
)
def test_the_family_of_a_literal(text: str, family: int | None) -> None:
    assert family_of(text) == family
