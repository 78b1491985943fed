# SPDX-License-Identifier: GPL-3.0-or-later
"""From a host's variables to its place in the population and the services to look at.

A value that can't be read costs its own host an error, never another host its place, and never the run.
"""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
from collections.abc import Iterable, Mapping

from ..probe.model import Target
from .model import HostPlan, Intent

ENDPOINT_KEYS = ("address", "port", "server_name", "pop3_port", "proxy_protocol")
"""Keys of an item of ``pop3s_endpoints``."""

MAX_ENDPOINTS = 256
"""More services than this on one host is a mistake in a template."""

MAX_DOMAINS = 1000
"""Mail domains of one host."""

REGISTER = ("pop3s_owner", "pop3s_need", "pop3s_approver", "pop3s_review_date")
"""Who wants the service, what for, who approved it, when that is looked at again (see `checks/register`)."""

SHOWN = (*REGISTER, "pop3s_purpose", "pop3s_address", "ansible_host", "pop3s_server_name")
"""Variables worth showing in reports; none may hold a secret."""


def plan_host(name: str, variables: Mapping[str, object]) -> tuple[HostPlan, tuple[Target, ...]]:
    """Read what a host's owner declares.

    :param name: inventory name
    :param variables: its variables, templated: ``pop3s_intent`` (serve, internal, closed), ``pop3s_address`` (default
        ``ansible_host``, else the name), ``pop3s_port`` (995), ``pop3s_server_name``, ``pop3_port`` (110; 0: do not
        look), ``pop3s_proxy_protocol`` (v1, v2), ``pop3s_endpoints`` (list of dicts with address, port, server_name,
        pop3_port, proxy_protocol; each key falls back to the host's own variable), ``pop3s_domain`` (a mail domain, or
        a list of them), ``pop3s_owner``, ``pop3s_need``, ``pop3s_approver``, ``pop3s_review_date`` (see `REGISTER`).
        ``ansible_port`` is never read: it is the port of the login.
    :returns: the plan and the targets that could be read. Bad values become `HostPlan.problems`; nothing raises.
    """
    problems: list[str] = []
    intent = _intent(variables.get("pop3s_intent"), problems)
    defaults: dict[str, object] = {
        "address": _first(variables, "pop3s_address", "ansible_host") or name,
        "port": variables.get("pop3s_port"),
        "server_name": variables.get("pop3s_server_name"),
        "pop3_port": variables.get("pop3_port"),
        "proxy_protocol": variables.get("pop3s_proxy_protocol"),
    }
    targets: list[Target] = []
    for where, entry in _entries(variables.get("pop3s_endpoints"), problems):
        target = _target(name, where, {**defaults, **entry}, problems)
        if target is not None and target not in targets:
            targets.append(target)
    shown = {
        # A date without quotes is one for YAML too.
        key: str(variables[key])[:200]
        for key in SHOWN
        if isinstance(variables.get(key), (str, int, datetime.date))
    }
    _register(variables, problems)
    domains = _domains(variables.get("pop3s_domain"), problems)
    groups = variables.get("group_names")
    groups = tuple(str(group) for group in groups) if isinstance(groups, (list, tuple)) else ()
    return HostPlan(name, intent, tuple(problems), None, shown, domains, groups), tuple(targets)


def merge_targets(targets: Iterable[Target]) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """Join the targets that are the same service, so that it is probed once.

    :returns: the targets in order of first appearance, hosts joined; and a note for every service that several name
    """
    hosts: dict[Target, list[str]] = {}
    times: dict[Target, int] = {}
    for target in targets:
        key = service_of(target)
        times[key] = times.get(key, 0) + 1
        known = hosts.setdefault(key, [])
        known.extend(host for host in target.hosts if host not in known)
    merged = tuple(dataclasses.replace(key, hosts=tuple(names)) for key, names in hosts.items())
    notes = tuple(
        f"{key.address}:{key.port} is named {times[key]} times ({', '.join(hosts[key])}): it is probed once"
        for key in hosts
        if times[key] > 1
    )
    return merged, notes


def service_of(target: Target) -> Target:
    """The target without its hosts: what makes two targets the same service."""
    return dataclasses.replace(target, hosts=())


def _register(variables: Mapping[str, object], problems: list[str]) -> None:
    """What is declared and can't be read is told: it must not look like a text, nor like nothing."""
    for key in REGISTER:
        value = variables.get(key)
        if value is not None and not isinstance(value, (str, int, datetime.date)):
            problems.append(f"{key}: a text is expected, not {_shown(value)}")
        elif isinstance(value, str) and "{{" in value:
            problems.append(f"{key}: {_shown(value)} was not templated: a variable in it is undefined")


def _first(variables: Mapping[str, object], *keys: str) -> object:
    return next((variables[key] for key in keys if variables.get(key) not in (None, "")), None)


def _shown(value: object) -> str:
    return ascii(value)[:80]


def _intent(value: object, problems: list[str]) -> Intent | None:
    if value is None:
        return None
    words = [intent.value for intent in Intent]
    if isinstance(value, str) and value in words:
        return Intent(value)
    problems.append(f"pop3s_intent: {_shown(value)} is none of {', '.join(words)}")
    return None


def _domains(value: object, problems: list[str]) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    given = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(given) > MAX_DOMAINS:
        problems.append(f"pop3s_domain: {len(given)} domains are more than {MAX_DOMAINS}")
        return ()
    found: list[str] = []
    for one in given:
        name = _name(one, "pop3s_domain", problems)
        if name is not None and _is_address(name):
            problems.append(f"pop3s_domain: {_shown(one)} is an address, a mail domain is expected")
        elif name is not None:
            found.append(name)
    return tuple(dict.fromkeys(found))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _entries(value: object, problems: list[str]) -> list[tuple[str, dict[str, object]]]:
    if value is None:
        return [("", {})]
    if not isinstance(value, (list, tuple)) or not value:
        problems.append(f"pop3s_endpoints: a list with at least one endpoint is expected, not {_shown(value)}")
        return []
    if len(value) > MAX_ENDPOINTS:
        problems.append(f"pop3s_endpoints: {len(value)} endpoints are more than {MAX_ENDPOINTS}")
        return []
    entries = []
    for number, item in enumerate(value):
        where = f"pop3s_endpoints[{number}]"
        if not isinstance(item, Mapping):
            problems.append(f"{where}: a dictionary is expected, not {_shown(item)}")
            continue
        unknown = sorted(str(key) for key in item if key not in ENDPOINT_KEYS)
        if unknown:
            problems.append(f"{where}: {_shown(unknown[0])} is none of {', '.join(ENDPOINT_KEYS)}")
            continue
        entries.append((where, {str(key): given for key, given in item.items()}))
    return entries


def _target(name: str, where: str, entry: Mapping[str, object], problems: list[str]) -> Target | None:
    before = len(problems)

    def called(variable: str, key: str) -> str:
        return f"{where}.{key}" if where else variable

    address = _name(entry["address"], called("pop3s_address", "address"), problems)
    given = entry["server_name"]
    server_name = None if given in (None, "") else _name(given, called("pop3s_server_name", "server_name"), problems)
    port = _port(entry["port"], 995, 1, called("pop3s_port", "port"), problems)
    pop3_port = _port(entry["pop3_port"], 110, 0, called("pop3_port", "pop3_port"), problems)
    proxy = entry["proxy_protocol"]
    if proxy not in (None, "", "v1", "v2"):
        problems.append(f"{called('pop3s_proxy_protocol', 'proxy_protocol')}: {_shown(proxy)} is none of v1, v2")
    if len(problems) > before or address is None or port is None:
        return None
    return Target((name,), address, port, server_name, pop3_port or None, str(proxy) if proxy else None)


def _port(value: object, default: int, lowest: int, where: str, problems: list[str]) -> int | None:
    """A port number; templating gives digits as text."""
    if value is None or value == "":
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= 65535:
        return value
    problems.append(f"{where}: {_shown(value)} is no port number from {lowest} to 65535")
    return None


def _name(value: object, where: str, problems: list[str]) -> str | None:
    """A domain name or an IP literal (brackets taken off)."""
    text = str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    try:
        ipaddress.ip_address(text)
        return text
    except ValueError:
        pass
    labels = text.removesuffix(".").split(".")
    if "{{" in text:
        problems.append(f"{where}: {_shown(value)} was not templated: a variable in it is undefined")
    elif not text or len(text) > 253 or not all(_label_fits(label) for label in labels):
        problems.append(f"{where}: {_shown(value)} is neither a domain name nor an IP address")
    elif labels[-1].isdigit():
        problems.append(f"{where}: {_shown(value)} looks like an IP address, and is none")
    else:
        return text
    return None


def _label_fits(label: str) -> bool:
    return 0 < len(label) <= 63 and all(c.isalnum() or c in "-_" for c in label) and not label.startswith("-")
