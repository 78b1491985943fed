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
extends_documentation_fragment:
  - port995.pop3s.changing
  - port995.pop3s.daemon_settings
  - port995.pop3s.firewall_rules
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
  firewall:
    description:
      - V(restricted) lets in O(allow) only, V(open) lets in everybody through the host's own firewall, V(absent) takes
        away rules of this collection, V(keep) leaves them.
    type: str
    choices: [keep, restricted, open, absent]
    default: keep
  allow:
    description: Networks that are let in, of both families.
    type: list
    elements: str
    default: []
  intent:
    description: What the host declares with C(pop3s_intent). One that is to be closed is not served.
    type: str
    choices: [serve, internal, closed]
  time_limit:
    description: Seconds until the host takes the change back unless it is confirmed, 30 to 3600.
    type: float
    default: 300.0
notes:
  - Needs root, systemd and Python 3.9 on the host.
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
  returned: when one was, also where the module fails after that
  type: str
  sample: dovecot-pop3d
waits:
  description: Whether the change still waits to be confirmed.
  returned: in phase status
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.port995.pop3s.plugins.module_utils._changing import (
    changing_options,
    differences,
    firewall_options,
    once_installed,
    refuse_what_profile_left,
    run_phase,
    settings_options,
    told,
)
from ansible_collections.port995.pop3s.plugins.module_utils._port995.change.asked import WantedError
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
        firewall=dict(type="str", choices=["keep", "restricted", "open", "absent"], default="keep"),
        allow=dict(type="list", elements="str", default=[]),
        intent=dict(type="str", choices=["serve", "internal", "closed"]),
        **settings_options(),
        **firewall_options(),
        **changing_options(300.0)
    )


def asked(params):
    """What is wanted, checked."""
    refuse_what_profile_left(params)
    rules = None
    if params["firewall"] != "keep":
        rules = firewall_model.wanted(
            params["firewall"], allow=params["allow"], **{name: params[name] for name in RULES}
        )
    elif params["allow"]:
        raise WantedError("allow goes with firewall restricted, and firewall is keep")
    settings = daemon_model.wanted(**{name: params[name] for name in SETTINGS}) if params["settings"] else None
    return steps.Wanted(settings, params["daemon"], rules)


def begin(module, wanted, who):
    """Plan, and change the host unless this is a check."""
    params = module.params
    firewall = None if params["firewall"] == "keep" else params["firewall"]
    contradiction = steps.contradiction(params["intent"], params["state"], firewall)
    if contradiction:
        module.fail_json(msg=contradiction)
    if not params["settings"]:
        return plan_and_begin(module, wanted, who)
    return once_installed(
        module, steps.PROBLEMS, lambda: plan_and_begin(module, wanted, who), differs=["daemon"]
    )


def plan_and_begin(module, wanted, who):
    """The same once the daemon is there."""
    made = steps.plan(wanted)
    differs = ["daemon"] if made.daemon is not None and made.daemon.changed else []
    result = dict(
        changed=made.changed,
        planned=module.check_mode,
        differs=differs + (["firewall"] if made.firewall_changed else []),
        notes=list(made.notes),
        diff=differences(steps.planes(made)),
    )
    if made.daemon is not None:
        result["daemon"] = dict(told(made.daemon.found), cleartext_login=made.daemon.found.cleartext_login)
    if made.changed and not module.check_mode:
        result["change"] = steps.begin(made, who, module.params["time_limit"])
    return result


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_together=[("certificate", "key")],
    )
    run_phase(module, steps.PROBLEMS, 30, asked, begin, steps.finish)


if __name__ == "__main__":
    main()
