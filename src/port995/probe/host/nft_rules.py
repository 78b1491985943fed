# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what ``nft -j list ruleset`` writes: libnftables-json(5). Python 3.9, standard library only."""

from __future__ import annotations

import ipaddress
import json
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .packet_rules import (
    ACCEPT,
    DROP,
    GOTO,
    JUMP,
    MAYBE,
    NO,
    NOTHING,
    REDIRECT,
    RETURN,
    SOME,
    UNCLEAR,
    YES,
    Base,
    Rule,
    Rules,
)  # fmt: skip

FAMILIES = {"ip": (4,), "ip6": (6,), "inet": (4, 6), "netdev": (4, 6)}
SILENT = frozenset(("counter", "log", "comment", "mangle", "set", "map", "meta", "ct helper", "last"))
"""Statements that neither take nor leave a packet."""
VERDICTS = ("accept", "drop", "reject", "return", "jump", "goto", "dnat", "redirect", "tproxy", "queue", "notrack")
"""Statements that decide. Behind ``notrack`` nothing is known of the connection, so nothing is decided here."""
SYN = frozenset(("syn",))
ABSENT = ("no such header",)

Table = Tuple[str, str]
Said = Tuple[str, Optional[Tuple[str, ...]]]
"""Whether a condition holds, and for which sources where it is `SOME`."""


class RulesetError(Exception):
    """It is not what nft writes."""


def read(text: str, family: int, port: int, left_out: Sequence[Table] = ()) -> Tuple[Rules, ...]:
    """The tables of a family, reduced for a port.

    :param left_out: (family, name) of tables that another reader has
    :raises RulesetError: it can't be read
    """
    tables: Dict[Table, Dict[str, Any]] = {}
    try:
        for item in json.loads(text)["nftables"]:
            for kind, value in item.items():
                if kind not in ("chain", "rule", "set", "map", "table"):
                    continue
                key = (str(value["family"]), str(value["name"] if kind == "table" else value["table"]))
                table = tables.setdefault(key, {"bases": [], "rules": {}, "sets": {}, "flags": ()})
                if kind == "table":
                    table["flags"] = value.get("flags", ())
                elif kind == "chain":
                    table["rules"].setdefault(value["name"], [])
                    if value.get("hook"):
                        table["bases"].append(value)
                elif kind == "rule":
                    table["rules"].setdefault(value["chain"], []).append(value)
                else:
                    table["sets"][value["name"]] = value
        return tuple(
            _Reader(key, table, family, port).rules()
            for key, table in sorted(tables.items())
            if family in FAMILIES.get(key[0], ()) and key not in left_out and "dormant" not in str(table["flags"])
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RulesetError("nft's list of rules can't be read (%s: %s)" % (type(error).__name__, error)) from error


def tables_of(text: str) -> Tuple[Table, ...]:
    """(family, name) of every table.

    :raises RulesetError: it can't be read
    """
    try:
        return tuple(
            (str(item["table"]["family"]), str(item["table"]["name"]))
            for item in json.loads(text)["nftables"]
            if "table" in item
        )
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise RulesetError("nft's list of rules can't be read (%s)" % error) from error


class _Reader:
    def __init__(self, key: Table, table: Mapping[str, Any], family: int, port: int) -> None:
        self._key, self._table = key, table
        self._family, self._port = family, port

    def rules(self) -> Rules:
        name = "%s %s" % self._key
        bases = [
            Base(
                chain["name"], DROP if chain.get("policy") == "drop" else ACCEPT, int(chain.get("prio", 0)),
                chain["hook"], name,
            )
            for chain in self._table["bases"]
            if chain["hook"] in ("ingress", "prerouting", "input")
        ]  # fmt: skip
        chains: Dict[str, Sequence[Rule]] = {}
        for chain, listed in self._table["rules"].items():
            rules: List[Rule] = []
            for one in listed:
                rules += self._rule(one.get("expr", []))
            chains[chain] = rules
        return Rules(tuple(bases), chains)

    def _rule(self, expressions: Sequence[Mapping[str, Any]]) -> List[Rule]:
        text = " ".join(_words(one) for one in expressions)[:400]
        said: List[Said] = []
        for one in expressions:
            kind, value = next(iter(one.items()))
            if kind == "match":
                said.append(self._match(value))
            elif kind in VERDICTS:
                return [_ruled(said, kind, value, text)]
            elif kind == "vmap":
                return [_ruled([*said, condition], *_verdict(then), text) for condition, then in self._map(value)]
            elif kind not in SILENT:
                # Limits, quotas, extensions of iptables and what is newer than this program.
                said.append((MAYBE, None))
        return [Rule(YES, NOTHING, text)]

    def _map(self, value: Mapping[str, Any]) -> List[Tuple[Said, Mapping[str, Any]]]:
        """Conditions and verdicts of a map, in an order in which the first that holds decides."""
        data = value["data"]
        if isinstance(data, str):
            data = {"set": self._table["sets"].get(data.lstrip("@"), {}).get("elem")}
        entries = data.get("set") if isinstance(data, Mapping) else None
        if not isinstance(entries, list):
            return [((MAYBE, None), {"unknown": None})]
        return [(self._compare(value["key"], "==", key), then) for key, then in (_pair(entry) for entry in entries)]

    def _match(self, value: Mapping[str, Any]) -> Said:
        return self._compare(value["left"], str(value.get("op", "==")), value["right"])

    def _compare(self, left: Any, op: str, right: Any) -> Said:
        if op not in ("==", "!=", "in"):
            ordered = self._ordered(left, op, right)
            return (MAYBE, None) if ordered is None else (YES if ordered else NO, None)
        field = _field(left)
        if self._known(field) == ABSENT or field == (("ip6" if self._family == 4 else "ip"), "saddr"):
            # nft sees to it that a rule about a header takes only packets that have it, whatever it says of it.
            return NO, None
        if field in (("meta", "iifname"), ("meta", "iif")):
            lo = right == "lo"
            return ((NO if op != "!=" else YES) if lo else MAYBE), None
        if field is not None and field[0] == "fib" and field[1].endswith(" oif") and "saddr" in field[1]:
            # The filter of the path back: whose address has no way back does not get a connection anyway.
            return (SOME if op == "==" and right is False else MAYBE), None
        holds = self._holds(left, right)
        if op == "!=":
            # Which sources are left when some are taken out is not worked out.
            return {YES: NO, NO: YES}.get(holds[0], MAYBE), None
        return holds

    def _ordered(self, left: Any, op: str, right: Any) -> Optional[bool]:
        if _field(left) != ("tcp", "dport") or isinstance(right, bool) or not isinstance(right, int):
            return None
        return {
            "<": self._port < right, ">": self._port > right, "<=": self._port <= right, ">=": self._port >= right,
        }.get(op)  # fmt: skip

    def _holds(self, left: Any, right: Any) -> Said:
        field = _field(left)
        if field in (("ip", "saddr"), ("ip6", "saddr")):
            return self._source(str(field[0]), right)
        if isinstance(left, Mapping) and "&" in left:
            return self._flags(left["&"], right)
        mine = self._known(field)
        if mine is None:
            return MAYBE, None
        values = self._values(right)
        if values is None:
            return MAYBE, None
        found = [self._is(mine, one) for one in values]
        return (YES if YES in found else MAYBE if MAYBE in found else NO), None

    def _known(self, field: Optional[Tuple[str, str]]) -> Optional[Tuple[Any, ...]]:
        """What a field of the packet is, in the ways that nft writes it; ``None``: not known."""
        four = self._family == 4
        return {
            ("tcp", "dport"): (self._port,), ("th", "dport"): (self._port,),
            ("udp", "dport"): ABSENT, ("sctp", "dport"): ABSENT, ("icmp", "type"): ABSENT,
            ("icmpv6", "type"): ABSENT, ("icmp", "code"): ABSENT, ("icmpv6", "code"): ABSENT,
            ("udp", "sport"): ABSENT, ("meta", "l4proto"): ("tcp", 6),
            ("ip", "protocol"): ("tcp", 6) if four else ABSENT, ("ip6", "nexthdr"): ABSENT if four else ("tcp", 6),
            ("meta", "nfproto"): ("ipv4", 2) if four else ("ipv6", 10),
            ("meta", "protocol"): ("ip",) if four else ("ip6",),
            ("ct", "state"): ("new",), ("ct", "status"): ("confirmed no",),
            ("fib", "daddr type"): ("local",), ("meta", "pkttype"): ("host", "unicast"),
        }.get(field or ("", ""))  # fmt: skip

    def _is(self, mine: Tuple[Any, ...], value: Any) -> str:
        if isinstance(value, Mapping) and "range" in value:
            low, high = value["range"]
            if not all(isinstance(one, int) for one in (low, high)):
                return MAYBE
            return YES if any(isinstance(one, int) and low <= one <= high for one in mine) else NO
        return YES if value in mine else NO

    def _values(self, right: Any) -> Optional[List[Any]]:
        if isinstance(right, str) and right.startswith("@"):
            elements = self._table["sets"].get(right[1:], {}).get("elem", [])
            return [_element(one) for one in elements]
        if isinstance(right, Mapping) and "set" in right:
            return [_element(one) for one in right["set"]]
        if isinstance(right, list):
            return list(right)
        return [right]

    def _source(self, protocol: str, right: Any) -> Said:
        if (protocol == "ip") != (self._family == 4):
            return NO, None
        values = self._values(right)
        if isinstance(right, str) and right.startswith("@"):
            kept = self._table["sets"].get(right[1:])
            if kept is None or {"dynamic", "timeout"} & set(kept.get("flags", ())):
                # Who is in it changes while nobody writes it.
                return SOME, None
        networks = [_network(one) for one in values or ()]
        if None in networks:
            return SOME, None
        found = tuple(str(one) for part in networks if part for one in part)
        if any(one.endswith("/0") for one in found):
            return YES, None
        return (SOME, found) if found else (NO, None)

    def _flags(self, operands: Any, right: Any) -> Said:
        """``tcp flags & (fin | syn | ...) == ...``, of a packet that has syn and nothing else."""
        if not isinstance(operands, list) or len(operands) != 2 or _field(operands[0]) != ("tcp", "flags"):
            return MAYBE, None
        mask, wanted = _flag_names(operands[1]), _flag_names(right)
        if mask is None or wanted is None:
            return MAYBE, None
        return (YES if SYN & mask == wanted else NO), None


def _flag_names(value: Any) -> Optional[frozenset[str]]:
    if value == 0:
        return frozenset()
    if isinstance(value, str):
        return frozenset((value,))
    if isinstance(value, Mapping) and "|" in value:
        value = value["|"]
    if isinstance(value, list):
        parts = [_flag_names(one) for one in value]
        if None not in parts:
            return frozenset(name for part in parts for name in part or ())
    return None


def _field(left: Any) -> Optional[Tuple[str, str]]:
    """The name of a field."""
    if not isinstance(left, Mapping) or len(left) != 1:
        return None
    kind, value = next(iter(left.items()))
    if not isinstance(value, Mapping):
        return None
    if kind == "payload" and "protocol" in value:
        return str(value["protocol"]), str(value.get("field"))
    if kind in ("meta", "ct"):
        return kind, str(value.get("key"))
    if kind == "fib":
        flags = value.get("flags")
        flags = flags if isinstance(flags, str) else " ".join(map(str, flags or ()))
        return "fib", "%s %s" % (flags, value.get("result"))
    return None


def _element(one: Any) -> Any:
    """An element of a set without its counters and comments."""
    return one["elem"]["val"] if isinstance(one, Mapping) and "elem" in one else one


def _pair(entry: Any) -> Tuple[Any, Mapping[str, Any]]:
    key, then = entry
    return _element(key), then


def _network(value: Any) -> Optional[Tuple[Any, ...]]:
    """The networks of an element; ``None``: it can't be read."""
    try:
        if isinstance(value, str):
            return (ipaddress.ip_network(value, strict=False),)
        if "prefix" in value:
            return (ipaddress.ip_network("%s/%s" % (value["prefix"]["addr"], value["prefix"]["len"]), strict=False),)
        if "range" in value:
            low, high = (ipaddress.ip_address(one) for one in value["range"])
            return tuple(ipaddress.summarize_address_range(low, high))
    except (ValueError, TypeError, KeyError):
        return None
    return None


def _verdict(then: Mapping[str, Any]) -> Tuple[str, Any]:
    return next(iter(then.items())) if isinstance(then, Mapping) and then else ("unknown", None)


def _ruled(said: Sequence[Said], kind: str, value: Any, text: str) -> Rule:
    """A rule of its conditions and its verdict."""
    takes, sources = together(said)
    does = {
        "accept": ACCEPT, "drop": DROP, "reject": DROP, "return": RETURN, "jump": JUMP, "goto": GOTO,
        "dnat": REDIRECT, "redirect": REDIRECT, "continue": NOTHING,
    }.get(kind, UNCLEAR)  # fmt: skip
    chain = str(value.get("target", "")) if does in (JUMP, GOTO) and isinstance(value, Mapping) else ""
    return Rule(takes, does, text, chain, sources)


def together(said: Sequence[Said]) -> Said:
    """Several conditions as one: all have to hold."""
    words = [one for one, _sources in said]
    if NO in words:
        return NO, None
    if MAYBE in words or words.count(SOME) > 1:
        return MAYBE, None
    return next(((one, sources) for one, sources in said if one == SOME), (YES, None))


def _words(expression: Mapping[str, Any]) -> str:
    """An expression on one line, short."""
    kind, value = next(iter(expression.items()))
    if kind == "match":
        return "%s %s %s" % (_short(value.get("left")), value.get("op"), _short(value.get("right")))
    if kind in ("counter", "comment"):
        return ""
    return kind if value is None else "%s %s" % (kind, _short(value))


def _short(value: Any) -> str:
    field = _field(value)
    if field is not None:
        return " ".join(field)
    if isinstance(value, Mapping) and "set" in value:
        return "{ %s }" % ", ".join(_short(one) for one in value["set"][:8])
    if isinstance(value, Mapping) and "target" in value:
        return str(value["target"])
    return value if isinstance(value, str) else json.dumps(value)[:120]
