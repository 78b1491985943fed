#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pop3s_plan
short_description: Read who should serve POP3S from the inventory, and begin a run
version_added: "0.1.0"
author:
  - The port995 authors (@port995)
description:
  - Reads the C(pop3s_*) variables of every host of the inventory, host by host. A variable that can't be templated or
    understood costs its own host an error, and no other host its place.
  - The population is the whole inventory. Hosts outside of the play or of C(--limit) are excluded, and told.
  - Checks the profile, the CA file and the output folder, and makes the run folder, before anything is probed.
  - Runs on the controller, and opens no connection. It resolves names for O(population) only.
options:
  out:
    description:
      - Folder of the run, on the controller. A new folder under C(port995-runs) when it is absent or empty.
    type: path
  profile:
    description: Name of a profile, or a file.
    type: str
    default: baseline
  checks:
    description: Expression that chooses among its checks (ids, globs, categories, C(and), C(or), C(not)).
    type: str
    default: ""
  ca_file:
    description: PEM file of the CAs to trust. Those of the controller when it is absent or empty.
    type: path
  waivers:
    description:
      - File of accepted fails on the controller, YAML. Each names hosts, checks, a reason, a ticket, who asked for it,
        who approved it, and when it ends.
    type: path
  waiver_signers:
    description:
      - Who may sign waivers, on the controller, as OpenSSH's allowed signers. The file of waivers then needs its
        signature beside it, made by C(ssh-keygen -Y sign -n port995-waivers), of the one that approved all that is in
        it.
    type: path
  baseline:
    description:
      - File of known fails on the controller, made by C(port995 baseline). Only what is new fails the gate.
    type: path
  checks_path:
    description:
      - Files with checks of your own in Python, or folders of them, on the controller. They are run there, and kept
        with the run. M(port995.pop3s.pop3s_report) has to be given the same.
    type: list
    elements: path
    default: []
  attestations:
    description:
      - File on the controller that says what people have to look at, and who did, YAML. A control that nobody attests
        at that time keeps the gate from passing.
    type: path
  crls:
    description:
      - Files with revocation lists of CAs, PEM or DER, on the controller. With any the run checks revocation, whatever
        the profile; every certificate of a path then needs a current list of its issuer.
    type: list
    elements: path
    default: []
  population:
    description:
      - List of hosts that the inventory is held against, on the controller. CSV with one or more of the columns
        C(address), C(host) and C(name), or what C(nmap -oX) wrote (gzip too).
      - Listed hosts that the inventory lacks, and those that serve POP3S and are not looked at, are findings about the
        fleet. Names in it that the inventory does not know are resolved.
    type: path
  resolve_timeout:
    description: Seconds for a name of O(population).
    type: float
    default: 5.0
  scope:
    description:
      - Scope file (YAML) on the controller, with the networks, times and own addresses that are permitted, addresses
        that are never touched, and the ticket. Hosts of which every address is written down and out of scope are
        excluded. Fails outside of its times.
    type: path
  vantages:
    description:
      - Places that will look. Each owes an observation of every target, and is missed when it gives none.
      - The members of the inventory group C(pop3s_vantages) look too, after these, whatever C(--limit) says. Each has
        the variable C(pop3s_vantage_side), V(inside) or V(outside), and may have C(pop3s_vantage_source_addresses). In
        place of a member stands the entry here that has it as its O(vantages[].host).
      - A member that has none of the variables C(pop3s_intent), C(pop3s_address), C(pop3s_server_name),
        C(pop3s_endpoints) and C(pop3s_domain) is no server, and no part of the population.
    type: list
    elements: dict
    default: [{name: controller}]
    suboptions:
      name:
        description: Its name in the run.
        type: str
        required: true
      side:
        description: On which side of the border it stands.
        type: str
        choices: [inside, outside, undeclared]
        default: undeclared
      source_addresses:
        description: Its own addresses to look from.
        type: list
        elements: str
        default: []
      host:
        description: Inventory host to run on. The controller when it is absent. Read by the role, not by this module.
        type: str
  depth:
    description: >-
      How deep will be looked; from V(gate) on questions are made of the profile. See M(port995.pop3s.pop3s_info).
    type: str
    choices: [port, session, gate, full, deep]
    default: gate
  credentials:
    description:
      - Names and passwords for logins, as M(port995.pop3s.pop3s_info) takes them. Only what they are for is read here;
        each target that they name owes a login.
    type: dict
    suboptions:
      user:
        description: Name for all targets that have none of their own.
        type: str
      password:
        description: Its password.
        type: str
      hosts:
        description: Dictionary of host name, server name or address to C(user) and C(password).
        type: dict
  allow_dele:
    description: Logins mark one message as deleted, too, and take it back with RSET.
    type: bool
    default: false
  partial:
    description: Excluded hosts do not make the run incomplete.
    type: bool
    default: false
  deadline:
    description: Seconds that each vantage gets, for the record.
    type: float
  dns:
    description:
      - Whether the run asks the DNS for SRV and TLSA records too, with M(port995.pop3s.pop3s_dns).
      - Checks that a profile makes only then are left out otherwise.
    type: bool
    default: false
  dns_resolver:
    description: Resolver to ask, C(ADDRESS) or C(ADDRESS:PORT). Those of the controller when it is empty.
    type: str
    default: ""
  dns_trust_ad:
    description:
      - Nobody can change that resolver's answers on their way, so it is believed what DNSSEC proved.
      - One on the controller itself is believed anyway.
    type: bool
    default: false
  dns_side:
    description: On which side of the border the resolver is asked.
    type: str
    choices: [inside, outside, undeclared]
    default: undeclared
  dns_timeout:
    description: Seconds for one lookup.
    type: float
    default: 5.0
  inside:
    description:
      - Every host is looked at from inside too, by M(port995.pop3s.pop3s_host_info). Each owes such a look then, and
        the checks that rest on it are made.
    type: bool
    default: false
  hosts:
    description:
      - The hosts of the run; all others are excluded. Those of the play when it is empty.
      - With it the task may run once for each host, as a change does that is looked at before it is kept.
    type: list
    elements: str
    default: []
  same_for_all:
    description:
      - Variables that a run has once. Fails when the inventory gives one of them to the hosts of the play in different
        ways, since Ansible would take that of the first host, and another order of the hosts would have another result.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details: Makes the run folder in check mode too. It changes nothing else.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  platform:
    description: Target OS/families that can be operated against.
    platforms: posix
    support: full
notes:
  - Fails in a play with C(serial), or with a strategy that does not honour C(run_once), since the fleet would be
    audited again and again.
  - Needs Python 3.11 or later and C(cryptography), C(junit-xml) and C(PyYAML) on the controller.
seealso:
  - module: port995.pop3s.pop3s_dns
  - module: port995.pop3s.pop3s_host_info
  - module: port995.pop3s.pop3s_info
  - module: port995.pop3s.pop3s_report
"""

EXAMPLES = r"""
- name: Begin a run over the whole inventory
  port995.pop3s.pop3s_plan:
    profile: baseline
    ca_file: /etc/ssl/our-ca.pem
    vantages:
      - name: controller
        side: outside
        source_addresses: [198.51.100.1, 198.51.100.2]
  delegate_to: localhost
  run_once: true
  register: plan
"""

RETURN = r"""
out:
  description: Folder of the run.
  returned: success
  type: str
  sample: /srv/audit/port995-runs/20261124T120000Z-5f0c1f0c
run_id:
  description: Identity of the run.
  returned: success
  type: str
  sample: 5f0c1f0c6bb84d0f9a5a3f6c0e1d2b3a
targets:
  description: Services to look at, as M(port995.pop3s.pop3s_info) takes them.
  returned: success
  type: list
  elements: dict
depth:
  description: O(depth), or V(session) where the chosen checks ask nothing.
  returned: success
  type: str
  sample: gate
questions:
  description: What has to be asked for the chosen checks, as M(port995.pop3s.pop3s_info) takes it.
  returned: success
  type: list
  elements: dict
vantages:
  description: Who looks, those of the group C(pop3s_vantages) included, as O(vantages) takes them.
  returned: success
  type: list
  elements: dict
  sample: [{name: probe.example.org, side: outside, source_addresses: [], host: probe.example.org}]
vantage_hosts:
  description: Hosts of the inventory that look and are not looked at, so that they are no part of the population.
  returned: success
  type: list
  elements: str
scope:
  description: What may be touched, as M(port995.pop3s.pop3s_info) takes it. None when there is no O(scope).
  returned: success
  type: dict
journals:
  description: Vantage to the file where its journal belongs.
  returned: success
  type: dict
ports:
  description: Inventory host to the ports that M(port995.pop3s.pop3s_host_info) has to look at there.
  returned: when O(inside=true)
  type: dict
  sample: {mx1: [110, 995]}
counts:
  description: Hosts in the population, hosts excluded, hosts with problems, targets.
  returned: success
  type: dict
  sample: {hosts: 5, excluded: 0, problems: 1, targets: 4}
notes:
  description: What is told about the targets, such as services that several hosts name.
  returned: success
  type: list
  elements: str
"""
