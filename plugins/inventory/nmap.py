# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts and groups from Nmap's XML files."""

from __future__ import annotations

DOCUMENTATION = r"""
name: nmap
short_description: Hosts and groups from Nmap's XML files
version_added: "0.2.0"
author:
  - The port995 authors (@port995)
description:
  - Reads files that C(nmap -oX) wrote; runs nothing and opens no connection.
  - A host is named by its address. Its groups tell the state of one TCP port.
  - C(pop3s_open), C(pop3s_closed) and C(pop3s_filtered) hold the hosts whose port Nmap saw in exactly that state; a
    host whose port was not listed, or is C(open|filtered), is in none of them.
  - Of an open port, C(software_NAME) holds the hosts that run the product which Nmap took it for.
  - A file that is cut short, no XML, or has entities of its own is refused as a whole.
  - What a scan returned is untrusted; its values are never templated.
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [port995.pop3s.nmap]
  files:
    description: XML files, relative to the inventory file. A later file replaces what an earlier one said of a host.
    type: list
    elements: path
    required: true
  port:
    description: TCP port whose state makes the groups.
    type: int
    default: 995
extends_documentation_fragment:
  - constructed
"""

EXAMPLES = r"""
# mail.nmap.yml, after: nmap -p995 -sV -oX scan.xml 192.0.2.0/24
plugin: port995.pop3s.nmap
files:
  - scan.xml
keyed_groups:
  - key: nmap_port.product
    prefix: product
compose:
  pop3s_intent: "'serve'"
"""

import ipaddress
import re
from pathlib import Path
from typing import Any
from xml.parsers import expat

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable

try:
    from ansible.utils.unsafe_proxy import wrap_var
except ImportError:  # pragma: no cover - ansible-core of a later time
    wrap_var = None

MAX_OCTETS = 256 * 1024 * 1024
MAX_TEXT = 1024
GROUPS = {"open": "pop3s_open", "closed": "pop3s_closed", "filtered": "pop3s_filtered"}
OF_PORT = ("state", "reason", "name", "product", "version")


class NmapXmlError(ValueError):
    """A file that is not what Nmap writes to its end."""


class NmapXml:
    """One file, read host by host; a port's facts are plain dictionaries of text."""

    def __init__(self, port: int) -> None:
        self._port = str(port)
        self._host: dict[str, Any] | None = None
        self._in_port = False
        self._root = ""
        self.finished = False
        self.hosts: dict[str, dict[str, Any]] = {}

    def read(self, path: Path) -> dict[str, dict[str, Any]]:
        """Address -> host names and the port, where it was listed.

        :raises NmapXmlError: it is too large, no XML, declares entities, or Nmap did not write its end
        :raises OSError: it can't be read
        """
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.EntityDeclHandler = self._refuse_entity
        try:
            with path.open("rb") as file:
                if path.stat().st_size > MAX_OCTETS:
                    raise NmapXmlError("it is larger than 256 MiB")
                parser.ParseFile(file)
        except expat.ExpatError as error:
            raise NmapXmlError(f"it is no whole XML: {error}") from error
        if self._root != "nmaprun" or not self.finished:
            raise NmapXmlError("Nmap did not write it to its end")
        return self.hosts

    def _refuse_entity(self, *_declared: object) -> None:
        raise NmapXmlError("it declares entities, which Nmap never does")

    def _start(self, tag: str, raw: dict[str, str]) -> None:
        facts = {name: value[:MAX_TEXT] for name, value in raw.items()}
        self._root = self._root or tag
        if tag == "host":
            self._host = {"addresses": [], "hostnames": [], "port": None}
        elif tag == "finished":
            self.finished = facts.get("exit", "success") == "success"
        elif self._host is None:
            return
        elif tag == "address" and facts.get("addrtype") in ("ipv4", "ipv6"):
            self._host["addresses"].append(facts.get("addr", ""))
        elif tag == "hostname" and len(self._host["hostnames"]) < 100:
            self._host["hostnames"].append(facts.get("name", ""))
        elif tag == "port":
            self._in_port = facts.get("protocol") == "tcp" and facts.get("portid") == self._port
            if self._in_port:
                self._host["port"] = {}
        elif self._in_port and tag in ("state", "service"):
            self._host["port"].update({name: facts[name] for name in OF_PORT if name in facts})

    def _end(self, tag: str) -> None:
        if tag == "port":
            self._in_port = False
        if tag != "host" or self._host is None:
            return
        for address in self._host["addresses"][:1]:
            try:
                self.hosts[str(ipaddress.ip_address(address))] = self._host
            except ValueError as error:
                raise NmapXmlError("a host's address is none") from error
        self._host = None


class InventoryModule(BaseInventoryPlugin, Constructable):
    """Inventory from Nmap's XML."""

    NAME = "port995.pop3s.nmap"

    def verify_file(self, path: str) -> bool:
        """Whether the file's name is one of this plugin's."""
        return super().verify_file(path) and path.endswith(("nmap.yml", "nmap.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Read the files and fill the inventory; nothing is added before all of them were read."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        hosts: dict[str, dict[str, Any]] = {}
        for name in self.get_option("files"):
            file = Path(path).parent / name
            try:
                hosts.update(NmapXml(self.get_option("port")).read(file))
            except (NmapXmlError, OSError) as error:
                raise AnsibleParserError(f"{file} can't be used: {error}") from error
        for group in GROUPS.values():
            self.inventory.add_group(group)
        for address, facts in hosts.items():
            self._add(address, facts)

    def _add(self, address: str, facts: dict[str, Any]) -> None:
        port = facts["port"] or {}
        self.inventory.add_host(address)
        variables = {"ansible_host": address, "nmap_hostnames": facts["hostnames"], "nmap_port": port}
        for name, value in variables.items():
            self.inventory.set_variable(address, name, _unsafe(value))
        for group in self._groups(port):
            self.inventory.add_group(group)
            self.inventory.add_host(address, group=group)
        strict = self.get_option("strict")
        known = self.inventory.get_host(address).get_vars()
        self._set_composite_vars(self.get_option("compose"), known, address, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), known, address, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), known, address, strict=strict)

    def _groups(self, port: dict[str, str]) -> list[str]:
        names = [GROUPS[port["state"]]] if port.get("state") in GROUPS else []
        software = re.sub(r"[^a-z0-9]+", "_", port.get("product", "").lower()[:60]).strip("_")
        return names + ([f"software_{software}"] if software and port.get("state") == "open" else [])


def _unsafe(value: Any) -> Any:
    """The value marked so that it is never templated."""
    if wrap_var is None:
        raise AnsibleParserError("this ansible-core has no way to mark values of a scan as unsafe")
    return wrap_var(value)
