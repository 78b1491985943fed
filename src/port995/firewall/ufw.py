# SPDX-License-Identifier: GPL-3.0-or-later
"""The back end ufw: rules of its own kind, with the comment ``port995``, which ``ufw status`` shows.

They are written into user.rules as ufw writes them, and given to the kernel as ufw does it (``iptables-restore -n`` of
its chains), rather than through its command line: ``ufw prepend deny 995/tcp`` does nothing ("Skipping inserting
existing rule") where the administrator has ``allow 995/tcp``, and whatever it does, it writes to disk at once. Python
3.9, standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from typing import Dict, Iterator, List, Sequence

from ..change import files
from . import iptables, xtables
from .model import Wanted
from .xtables import Rule, Table

FILES = {4: "/etc/ufw/user.rules", 6: "/etc/ufw/user6.rules"}
CHAINS = {4: "ufw-user-", 6: "ufw6-user-"}
DIRECTIONS = ("input", "output", "forward")
DEFAULTS = "/etc/default/ufw"
LOCK = "/run/ufw.lock"
"""ufw holds it (lockf) while it works."""
COMMENT = "comment=" + b"port995".hex()
BEGIN = "### RULES ###\n"
BLOCK = re.compile(r"\n### tuple ### ([^\n]*)\n((?:-A [^\n]*\n)*)")
"""One rule of user.rules: a blank line, what ufw reads, what iptables reads."""
ANY = {4: "0.0.0.0/0", 6: "::/0"}
VERBS = {"drop": ("deny", "DROP"), "reject": ("reject", "REJECT --reject-with tcp-reset")}


def filters_ipv6() -> bool:
    """Whether ufw filters IPv6 at all."""
    text = files.read(DEFAULTS) or ""
    return re.search(r"^IPV6=[\"']?yes", text, re.MULTILINE | re.IGNORECASE) is not None


def is_ours(tuple_text: str) -> bool:
    """Whether a rule is ours, by its comment."""
    return tuple_text.split()[-1:] == [COMMENT]


def _block(verb: str, target: str, port: int, source: str, family: int, route: str = "") -> str:
    direction = "forward" if route else "input"
    limited = "" if source == ANY[family] else " -s " + source
    return "\n### tuple ### %s%s tcp %d %s any %s in %s\n-A %s%s -p tcp --dport %d%s -j %s\n" % (
        route, verb, port, ANY[family], source, COMMENT, CHAINS[family], direction, port, limited, target,
    )  # fmt: skip


def blocks(wanted: Wanted, family: int) -> List[str]:
    """Our rules in the order in which they are to stand."""
    found: List[str] = []
    if wanted.state == "absent":
        return found
    allowed: Sequence[str] = wanted.allow4 if family == 4 else wanted.allow6
    if wanted.state == "open":
        allowed = (ANY[family],)
    for port in wanted.ports:
        found += [_block("allow", "ACCEPT", port, source, family) for source in allowed]
        if wanted.state != "open":
            verb, target = VERBS[wanted.action]
            found.append(_block(verb, target, port, ANY[family], family))
            if wanted.forward:
                found.append(_block(verb, target, port, ANY[family], family, "route:"))
    return found


def without_ours(text: str) -> str:
    """user.rules without our rules, and else to the octet as it was."""
    return BLOCK.sub(lambda found: "" if is_ours(found.group(1)) else found.group(0), text)


def our_blocks(text: str) -> str:
    """Our rules of user.rules."""
    return "".join(found.group(0) for found in BLOCK.finditer(text) if is_ours(found.group(1)))


def rules_of(text: str, family: int, direction: str = "input") -> List[Rule]:
    """The rules of a chain, as user.rules has them."""
    return list(xtables.parse(text).get("filter", xtables.NOTHING).rules.get(CHAINS[family] + direction, ()))


def _shuts(rules: str, ports: Sequence[int]) -> bool:
    for line in rules.splitlines():
        rule = xtables.parse_rule(line)
        if rule is not None and rule.target in ("DROP", "REJECT"):
            if any(xtables.matches(rule, port) for port in ports):
                return True
    return False


def with_ours(text: str, wanted: Wanted, family: int) -> str:
    """user.rules with our rules: before all others where they shut, and where they open before the first that shuts.

    :returns: as it was, where it is none of ufw's
    """
    text = without_ours(text)
    at = text.find(BEGIN)
    if at < 0:
        return text
    at += len(BEGIN)
    if wanted.state == "open":
        for found in BLOCK.finditer(text, at):
            if _shuts(found.group(2), wanted.ports):
                at = found.start()
                break
            at = found.end()
    return text[:at] + "".join(blocks(wanted, family)) + text[at:]


def still_let_in(text: str, ports: Sequence[int]) -> List[str]:
    """Rules of others that let one of the ports in, as ufw knows them; an application profile by its name."""
    found = []
    for block in BLOCK.finditer(text):
        rule = xtables.parse_rule(block.group(2).split("\n")[0])
        if is_ours(block.group(1)) or rule is None or rule.target != "ACCEPT":
            continue
        if any(xtables.matches(rule, port) is not False for port in ports):
            words = block.group(1).replace("%20", " ")
            found.append(words)
    return found


def commands(text: str, family: int) -> str:
    """What gives the rules of user.rules to the kernel, in one transaction, as ufw does."""
    chains = [CHAINS[family] + direction for direction in DIRECTIONS]
    lines = ["*filter"] + [":%s - [0:0]" % chain for chain in chains]
    lines += [line for line in text.splitlines() if line.startswith(tuple("-A %s " % chain for chain in chains))]
    return "\n".join(lines + ["COMMIT", ""])


def is_loaded(table: Table, text: str, wanted: Wanted, family: int) -> bool:
    """Whether the kernel has our rules as they are to be, and none of ours that are not.

    :param text: user.rules as it is
    """
    there = [rule.options for rule in table.rules.get(CHAINS[family] + "input", ())]
    routed = [rule.options for rule in table.rules.get(CHAINS[family] + "forward", ())]
    to_be = with_ours(text, wanted, family)
    for direction, live in (("input", there), ("forward", routed)):
        ours = [rule.options for rule in rules_of("*filter\n" + "".join(blocks(wanted, family)), family, direction)]
        if live == [rule.options for rule in rules_of(to_be, family, direction)]:
            continue
        # Something else has put rules there that ufw does not know of.
        if wanted.state == "open" or live[: len(ours)] != ours:
            return False
        foreign = [rule.options for rule in rules_of(without_ours(text), family, direction)]
        old = [rule.options for rule in rules_of("*filter\n" + our_blocks(text), family, direction)]
        if any(live.count(rule) > foreign.count(rule) + ours.count(rule) for rule in old):
            return False
    return True


def as_loaded(table: Table, text: str, family: int) -> Table:
    """The kernel's rules as they would be with a text of user.rules."""
    rules = {CHAINS[family] + direction: tuple(rules_of(text, family, direction)) for direction in DIRECTIONS}
    return Table(table.policies, {**table.rules, **rules})


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Keep ufw waiting.

    :raises files.FileError: its lock can't be taken
    """
    try:
        descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise files.FileError("%s can't be opened: %s" % (LOCK, error.strerror)) from error
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read() -> Dict[int, str]:
    """user.rules of both families, by family. Nothing is changed.

    :raises files.FileError: one is missing or can't be read
    """
    texts = {}
    for family, path in FILES.items():
        text = files.read(path)
        if text is None:
            raise files.FileError("%s is not there: this is no ufw that port995 knows" % path)
        texts[family] = text
    return texts


def load(text: str, family: int) -> None:
    """Give the rules to the kernel.

    :raises xtables.RulesError: it does not take them; they are as before
    """
    iptables.restore(family, commands(text, family))
