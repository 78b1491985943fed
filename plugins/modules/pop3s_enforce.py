#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring a host's mail daemon to a profile and its firewall to the port's users, as one change."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pop3s_enforce
short_description: Serve POP3S as wanted, mail daemon and firewall as one change that the host takes back
version_added: "0.2.0"
author:
  - The port995 authors (@port995)
description:
  - Made for the role C(port995.pop3s.enforce), which calls its phases and audits between. V(begin) changes the daemon
    and the running firewall and arms the taking back; unless V(finish) follows over a new connection within
    O(time_limit), the host takes all of it back by itself, also after a power cut.
  - Sets the daemon as M(port995.pop3s.pop3s_daemon) does, and the firewall as M(port995.pop3s.pop3s_firewall) does. A
    firewall that is to let in fewer comes first, one that is to let in more comes last.
options:
  state:
    description: V(absent) takes away what V(present) has put into the daemon's files.
    type: str
    choices: [present, absent]
    default: present
  settings:
    description: Whether the daemon is changed. V(false) is for daemons whose settings are not known; only the firewall
      acts then.
    type: bool
    default: true
  daemon:
    description: Which daemon is meant, as for M(port995.pop3s.pop3s_daemon).
    type: str
    choices: [auto, dovecot, courier, cyrus]
    default: auto
  cleartext:
    description: What becomes of the port for clear text, as for M(port995.pop3s.pop3s_daemon).
    type: str
    choices: ["off", stls, keep]
    default: stls
  profile:
    description: Name of a profile, or path of one on the controller. The action makes O(tls) of it.
    type: str
  tls:
    description: What may be negotiated, in place of O(profile).
    type: dict
    suboptions:
      minimum:
        description: The oldest version.
        type: str
        choices: [TLSv1, TLSv1.1, TLSv1.2, TLSv1.3]
        required: true
      suites:
        description: All suites that are allowed, by IANA's names, the best first.
        type: list
        elements: str
        required: true
      groups:
        description: All groups that are allowed, by IANA's names, the best first.
        type: list
        elements: str
        required: true
      preference:
        description: Whose order decides.
        type: str
        choices: [server, client]
        default: server
      weak_signatures:
        description: Whether signatures with SHA-1 and older may be made.
        type: bool
        default: false
  certificate:
    description:
      - Path on the host of a PEM file, leaf first, then intermediates. Without it, the one that is set stays.
      - Whichever is served must be valid now, have its key, stand in order, and be for O(names). Else nothing is
        changed.
    type: path
  key:
    description: Path on the host of its key, which others must not be able to read.
    type: path
  names:
    description: Names that the certificate has to be for.
    type: list
    elements: str
    default: []
  install:
    description: Install the daemon that O(daemon) names when it is not there. It stays when the change is taken back.
    type: bool
    default: false
  firewall:
    description:
      - V(restricted) lets in O(allow) only, V(open) lets in everybody through the host's own firewall, V(absent) takes
        away rules of this collection, V(keep) leaves them.
    type: str
    choices: [keep, restricted, open, absent]
    default: keep
  ports:
    description: TCP ports that the firewall is about.
    type: list
    elements: int
    default: [995]
  allow:
    description: Networks that are let in, of both families.
    type: list
    elements: str
    default: []
  action:
    description: What becomes of a connection that is not let in.
    type: str
    choices: [drop, reject]
    default: drop
  forward:
    description: Restrict connections that the host routes to guests too.
    type: bool
    default: false
  established:
    description: What becomes of connections that are there and would not be let in.
    type: str
    choices: [keep, cut]
    default: keep
  intent:
    description: What the host declares with C(pop3s_intent). One that is to be closed is not served.
    type: str
    choices: [serve, internal, closed]
  time_limit:
    description: Seconds until the host takes the change back unless it is confirmed, 30 to 3600.
    type: float
    default: 300.0
  phase:
    description:
      - V(begin) changes, V(finish) confirms over a new connection, V(revert) takes back at once.
      - V(status) asks whether the change still waits; it is for the action.
    type: str
    choices: [begin, finish, revert, status]
    default: begin
  change:
    description: Identity of the change that V(begin) returned. The other phases need it.
    type: str
  who:
    description: Set by the action.
    type: str
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
  platform:
    description: Target OS/families that can be operated against.
    platforms: linux
    support: full
notes:
  - Needs root, systemd and Python 3.9 on the host.
  - C(/var/lib/port995/revert) takes the last change back from the host's console.
seealso:
  - module: port995.pop3s.pop3s_daemon
  - module: port995.pop3s.pop3s_firewall
"""

EXAMPLES = r"""
- name: Say what would be changed
  port995.pop3s.pop3s_enforce:
    profile: baseline
    firewall: restricted
    allow: [192.0.2.0/24, "2001:db8::/32"]
    intent: internal
  become: true
  check_mode: true

- name: Change it for the time being
  port995.pop3s.pop3s_enforce:
    profile: baseline
  become: true
  register: served

- name: Keep that
  port995.pop3s.pop3s_enforce:
    profile: baseline
    phase: finish
    change: "{{ served.change }}"
  become: true
  when: served.change is defined
"""

RETURN = r"""
daemon:
  description: The daemon, its version, and its settings for POP3 before this task.
  returned: in phase begin, when O(settings=true) and it is installed
  type: dict
  sample: {name: dovecot, version: 2.3.19.1, configuration: /etc/dovecot/dovecot.conf, pop3s_ports: [995],
           pop3_ports: [110], minimum: TLSv1.2, cleartext_login: false}
differs:
  description: What is to be changed, of V(daemon) and V(firewall).
  returned: in phase begin
  type: list
  elements: str
notes:
  description: What is to be known of the result, such as what something else changed of ours, with file and line.
  returned: in phase begin
  type: list
  elements: str
planned:
  description: Whether this is only what would be done.
  returned: in phase begin
  type: bool
change:
  description: Identity of the change, for the other phases.
  returned: when something was changed
  type: str
  sample: 5f0c1f0c6bb84d0f9a5a3f6c0e1d2b3a
installed:
  description: The package that was installed, or would be.
  returned: when one was
  type: str
  sample: dovecot-pop3d
waits:
  description: Whether the change still waits to be confirmed.
  returned: in phase status
  type: bool
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.port995.pop3s.plugins.module_utils._port995.change import taking_back
from ansible_collections.port995.pop3s.plugins.module_utils._port995.daemon import install, read
from ansible_collections.port995.pop3s.plugins.module_utils._port995.daemon import model as daemon_model
from ansible_collections.port995.pop3s.plugins.module_utils._port995.enforcing import steps
from ansible_collections.port995.pop3s.plugins.module_utils._port995.firewall import model as firewall_model

SETTINGS = ("state", "cleartext", "tls", "certificate", "key", "names")
RULES = ("ports", "action", "forward", "established")


def argument_spec():
    """The module's options."""
    return dict(
        state=dict(type="str", choices=["present", "absent"], default="present"),
        settings=dict(type="bool", default=True),
        daemon=dict(type="str", choices=["auto", "dovecot", "courier", "cyrus"], default="auto"),
        cleartext=dict(type="str", choices=["off", "stls", "keep"], default="stls"),
        profile=dict(type="str"),
        tls=dict(
            type="dict",
            options=dict(
                minimum=dict(type="str", required=True, choices=["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
                suites=dict(type="list", elements="str", required=True),
                groups=dict(type="list", elements="str", required=True),
                preference=dict(type="str", choices=["server", "client"], default="server"),
                weak_signatures=dict(type="bool", default=False),
            ),
        ),
        certificate=dict(type="path"),
        key=dict(type="path", no_log=False),
        names=dict(type="list", elements="str", default=[]),
        install=dict(type="bool", default=False),
        firewall=dict(type="str", choices=["keep", "restricted", "open", "absent"], default="keep"),
        ports=dict(type="list", elements="int", default=[995]),
        allow=dict(type="list", elements="str", default=[]),
        action=dict(type="str", choices=["drop", "reject"], default="drop"),
        forward=dict(type="bool", default=False),
        established=dict(type="str", choices=["keep", "cut"], default="keep"),
        intent=dict(type="str", choices=["serve", "internal", "closed"]),
        time_limit=dict(type="float", default=300.0),
        phase=dict(type="str", choices=["begin", "finish", "revert", "status"], default="begin"),
        change=dict(type="str"),
        who=dict(type="str"),
    )


def told(found):
    """A daemon, for the result."""
    return dict(
        name=found.daemon,
        version=found.version,
        configuration=found.configuration,
        pop3s_ports=found.pop3s_ports,
        pop3_ports=found.pop3_ports,
        minimum=found.minimum,
        cleartext_login=found.cleartext_login,
    )


def wanted(params):
    """What is asked for, checked."""
    rules = None
    if params["firewall"] != "keep":
        rules = firewall_model.wanted(
            params["firewall"], allow=params["allow"], **{name: params[name] for name in RULES}
        )
    elif params["allow"]:
        raise firewall_model.WantedError("allow goes with firewall restricted, and firewall is keep")
    settings = daemon_model.wanted(**{name: params[name] for name in SETTINGS}) if params["settings"] else None
    return steps.Wanted(settings, params["daemon"], rules)


def install_when_asked(module):
    """Install the daemon that is named, when it is not there and that was asked for."""
    name = module.params["daemon"]
    if not module.params["install"] or any(one.daemon == name for one in read.installed()):
        return None
    if name == "auto":
        raise daemon_model.WantedError("install needs the name of a daemon: set daemon to dovecot, courier or cyrus")
    if module.check_mode:
        module.exit_json(
            changed=True, planned=True, installed=install.command_for(name)[1], differs=["daemon"],
            notes=["%s would be installed; what it would be set to can't be told before that" % name],
        )  # fmt: skip
    return install.install(name)


def begin(module, asked, who):
    """Plan, and change the host unless this is a check."""
    params = module.params
    firewall = None if params["firewall"] == "keep" else params["firewall"]
    contradiction = steps.contradiction(params["intent"], params["state"], firewall)
    if contradiction:
        module.fail_json(msg=contradiction)
    taking_back.nothing_waits()
    package = install_when_asked(module) if params["settings"] else None
    made = steps.plan(asked)
    differs = ["daemon"] if made.daemon is not None and made.daemon.changed else []
    result = dict(
        changed=made.changed or package is not None,
        planned=module.check_mode,
        differs=differs + (["firewall"] if made.firewall_changed else []),
        notes=list(made.notes),
        diff=[
            dict(before_header=name, after_header=name, before=before, after=after)
            for name, before, after in steps.planes(made)
        ],
    )
    if made.daemon is not None:
        result["daemon"] = told(made.daemon.found)
    if package is not None:
        result["installed"] = package
    if made.changed and not module.check_mode:
        result["change"] = steps.begin(made, who, params["time_limit"])
    return result


def run(module, asked, who):
    """One phase."""
    change = module.params["change"] or ""
    phase = module.params["phase"]
    if phase == "begin":
        return begin(module, asked, who)
    if phase == "finish":
        steps.finish(change, asked, who)
        return dict(changed=False)
    if phase == "revert":
        taking_back.still_armed(change)
        return dict(changed=True, said=taking_back.revert_now())
    try:
        taking_back.still_armed(change)
    except taking_back.TakenBack:
        return dict(changed=False, waits=False)
    return dict(changed=False, waits=True)


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_together=[("certificate", "key")],
    )
    params = module.params
    who = (params["who"] or "somebody who called the module without its action")[:200]
    try:
        if not 30 <= params["time_limit"] <= 3600:
            raise daemon_model.WantedError("time_limit is %g: it is 30 to 3600 seconds" % params["time_limit"])
        if params["profile"] and not params["tls"]:
            raise daemon_model.WantedError("profile is read on the controller, by the action: call it as a task")
        if params["phase"] != "begin" and not params["change"]:
            raise daemon_model.WantedError("phase %s needs change, which phase begin has returned" % params["phase"])
        asked = wanted(params)
        if os.geteuid() != 0:
            raise daemon_model.WantedError("only root may change mail daemons and firewalls: set become: true")
        result = run(module, asked, who)
    except steps.PROBLEMS as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
