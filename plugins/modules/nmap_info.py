#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run Nmap, and tell the states of ports."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nmap_info
short_description: Run Nmap, and tell the states of ports
version_added: "0.2.0"
author:
  - The port995 authors (@port995)
description:
  - Runs C(nmap) on the machine where the task runs, and returns what it says of each port, in its own words and in
    those of M(port995.pop3s.pop3s_info).
  - A name that does not resolve stands in RV(unresolved), a target that Nmap told nothing of in RV(unreported). Neither
    is ever taken for a closed port.
  - Nothing reaches Nmap that could be read as an option or by a shell. Targets are handed over in a file.
  - When the play is interrupted or the connection to the machine that looks is lost, Nmap is ended there too.
options:
  targets:
    description: Names, addresses, ranges and networks as Nmap takes them, without ports.
    type: list
    elements: str
    required: true
  exclude:
    description: Targets to leave out.
    type: list
    elements: str
    default: []
  ports:
    description: TCP ports, as V(995), V(110,995), V(1-1024), or V(-) for all.
    type: str
    default: "995"
  service_version:
    description: Ask open ports what they are (C(-sV)).
    type: bool
    default: false
  skip_discovery:
    description: Scan hosts that answer no ping too (C(-Pn)).
    type: bool
    default: false
  timing:
    description: Nmap's timing template, 0 to 5.
    type: int
    choices: [0, 1, 2, 3, 4, 5]
  ipv6:
    description: Scan IPv6 (C(-6)).
    type: bool
    default: false
  scripts:
    description: Scripts to run, or patterns of their names, among those that only look, as V(ssl-*).
    type: list
    elements: str
    default: []
  scan_type:
    description: How to look. V(syn) needs raw sockets, V(auto) takes that where it may, and V(connect) else.
    type: str
    choices: [auto, connect, syn]
    default: auto
  time_limit:
    description: Seconds after which Nmap is stopped. What it told until then is returned.
    type: float
  nmap:
    description: Path of C(nmap), where it is not on E(PATH).
    type: path
  scope:
    description:
      - What may be touched, and when, as M(port995.pop3s.pop3s_plan) makes it of a scope file. What is beyond it is
        left out of what Nmap is started with, and Nmap is stopped when its time ends.
      - C(networks) and C(never) (addresses and networks), C(sources) (own addresses), C(times) (C(begins) and C(ends),
        UTC, as C(2026-11-27T22:00:00Z)), C(ticket), C(sha256), C(file).
    type: dict
  xml:
    description:
      - File that keeps Nmap's own XML, on the machine where Nmap runs; one that is there is written over. Bring it home
        with M(ansible.builtin.fetch), and judge it with C(port995 judge).
      - It is written in check mode too, and also where Nmap was stopped; what it holds then says that it is not whole.
    type: path
  max_hosts:
    description: Hosts that are returned at most. All of them are counted.
    type: int
    default: 1000
  python_nmap:
    description:
      - Return what Nmap told in the form of the library python-nmap too.
      - Needs that library where the task runs. It is held in memory, so it is for few hosts.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details: Scans in check mode too. It changes nothing.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  platform:
    description: Target OS/families that can be operated against.
    platforms: posix
    support: full
requirements:
  - nmap 7.70 or later, where the task runs
  - python-nmap, for O(python_nmap=true) only
notes:
  - Needs Python 3.9 or later where the task runs.
seealso:
  - module: port995.pop3s.pop3s_info
"""

EXAMPLES = r"""
- name: See which hosts of a network have port 995 open
  port995.pop3s.nmap_info:
    targets: [192.0.2.0/28]
    skip_discovery: true
    time_limit: 300
  delegate_to: localhost
  register: nmap

- name: Every one was told of
  ansible.builtin.assert:
    that: nmap.complete and not nmap.unresolved and not nmap.unreported

# In a play over the group pop3s_vantages; afterwards: port995 judge nmap-*.xml --target mail.example.org
- name: Let Nmap look from each vantage
  port995.pop3s.nmap_info:
    targets: [mail.example.org]
    ports: 110,995
    skip_discovery: true
    xml: ~/port995-nmap.xml
  register: nmap

- name: Bring home what it wrote
  ansible.builtin.fetch:
    src: "{{ nmap.xml }}"
    dest: nmap-{{ inventory_hostname }}.xml
    flat: true
"""

RETURN = r"""
complete:
  description: Whether Nmap came to its end, and all that it wrote was read.
  returned: success
  type: bool
problem:
  description: Why it is not complete.
  returned: success
  type: str
scan_type:
  description: What was done, C(connect) or C(syn).
  returned: success
  type: str
  sample: connect
privileged:
  description: Whether raw sockets may be opened.
  returned: success
  type: bool
nmap_version:
  description: Version of Nmap.
  returned: success
  type: str
  sample: "7.93"
arguments:
  description: What Nmap was started with.
  returned: success
  type: list
  elements: str
unresolved:
  description: Targets whose name did not resolve.
  returned: success
  type: list
  elements: str
unreported:
  description: Names and addresses that Nmap told nothing of. They were not reached.
  returned: success
  type: list
  elements: str
hosts_told:
  description: How many hosts Nmap told of.
  returned: success
  type: int
hosts:
  description: The hosts.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: IP address.
      type: str
    names:
      description: Names as they were given.
      type: list
      elements: str
    state:
      description: Whether the host is C(up) or C(down).
      type: str
    ports:
      description: Ports that Nmap tells one by one, with C(port), C(state) (Nmap's word), C(tcp_state) (C(open),
        C(closed), C(filtered) or C(unknown)), C(reason), C(service).
      type: list
      elements: dict
    others:
      description: Ports that Nmap tells together, with C(state), C(count), C(reasons).
      type: list
      elements: dict
xml:
  description: O(xml), where it was given.
  returned: success
  type: str
  sample: /root/port995-nmap.xml
python_nmap:
  description: What C(PortScanner.analyse_nmap_xml_scan) of python-nmap makes of it, with C(nmap) and C(scan).
  returned: O(python_nmap=true)
  type: dict
seconds:
  description: How long it took.
  returned: success
  type: float
"""

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.port995.pop3s.plugins.module_utils._port995.nmap.model import project_state
from ansible_collections.port995.pop3s.plugins.module_utils._port995.nmap.python_nmap import (
    PythonNmapError,
    as_python_nmap,
)
from ansible_collections.port995.pop3s.plugins.module_utils._port995.nmap.run import (
    NmapError,
    NmapRequest,
    check_request,
    find_nmap,
    run_nmap,
)
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.codec import CodecError, decode
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.interruption import interruption
from ansible_collections.port995.pop3s.plugins.module_utils._port995.probe.scope import Scope

STANDARD_OUTPUT = 1


def argument_spec():
    """The module's options."""
    return dict(
        targets=dict(type="list", elements="str", required=True),
        exclude=dict(type="list", elements="str", default=[]),
        ports=dict(type="str", default="995"),
        service_version=dict(type="bool", default=False),
        skip_discovery=dict(type="bool", default=False),
        timing=dict(type="int", choices=[0, 1, 2, 3, 4, 5]),
        ipv6=dict(type="bool", default=False),
        scripts=dict(type="list", elements="str", default=[]),
        scan_type=dict(type="str", choices=["auto", "connect", "syn"], default="auto"),
        time_limit=dict(type="float"),
        nmap=dict(type="path"),
        scope=dict(type="dict"),
        xml=dict(type="path"),
        max_hosts=dict(type="int", default=1000),
        python_nmap=dict(type="bool", default=False),
    )


def request_of(params):
    """The options as the runner takes them."""
    return NmapRequest(
        targets=tuple(params["targets"]),
        exclude=tuple(params["exclude"]),
        ports=params["ports"],
        service_version=params["service_version"],
        skip_discovery=params["skip_discovery"],
        timing=params["timing"],
        ipv6=params["ipv6"],
        scripts=tuple(params["scripts"]),
        scan_type=params["scan_type"],
        time_limit=params["time_limit"],
        scope=decode(Scope, params["scope"]) if params["scope"] is not None else None,
    )


def row_of(host):
    """A host as it is returned."""
    return dict(
        address=host.address,
        names=list(host.names),
        state=host.state,
        ports=[
            dict(port=one.port, state=one.state, tcp_state=project_state(one.state), reason=one.reason,
                 service=one.service)
            for one in host.ports
        ],
        others=[
            dict(state=one.state, count=one.count, reasons=[reason[0] for reason in one.reasons])
            for one in host.extra
        ],
    )


def main():
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    params = module.params
    rows = []
    try:
        request = request_of(params)
    except CodecError as error:
        module.fail_json(msg="scope can't be read (%s): take it from port995.pop3s.pop3s_plan" % error)

    def keep(dummy_run, host):
        if len(rows) < params["max_hosts"]:
            rows.append(row_of(host))

    try:
        check_request(request)
        binary = find_nmap(params["nmap"])
        with tempfile.TemporaryDirectory(prefix="port995-nmap-") as folder:
            xml = params["xml"] or (os.path.join(folder, "told.xml") if params["python_nmap"] else None)
            with interruption(STANDARD_OUTPUT) as interrupted:
                result = run_nmap(request, keep, binary=binary, cancelled=interrupted, xml_to=xml)
            more = dict(python_nmap=as_python_nmap(xml, binary.path)) if params["python_nmap"] else {}
    except (NmapError, PythonNmapError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(
            msg="A file can't be written: %s. Free some space, or give another xml, in a folder that is there." % error
        )
    run = result.run
    module.exit_json(
        changed=False,
        complete=run.complete,
        problem=run.problem,
        scan_type=result.scan_type,
        privileged=result.privileged,
        nmap_version=result.binary.version,
        arguments=list(result.arguments),
        unresolved=list(result.unresolved),
        unreported=list(result.unreported),
        hosts_told=run.hosts_read,
        hosts=rows,
        xml=params["xml"],
        seconds=result.seconds,
        **more,
    )


if __name__ == "__main__":
    main()
