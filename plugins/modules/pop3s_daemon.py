#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Set how a mail daemon serves POP3S."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pop3s_daemon
short_description: Set how a mail daemon serves POP3S
version_added: "0.2.0"
author:
  - The port995 authors (@port995)
description:
  - Brings Dovecot 2.3 and 2.4, Courier and Cyrus to a profile, oldest TLS version, suites, groups, whose order decides,
    certificate, and what may happen in clear text on port 110. Only POP3 is changed, IMAP stays as it is.
  - For Dovecot it writes a file of its own that is read last. In files of Courier and Cyrus its lines stand between
    marks. Whatever was there is put back octet by octet by O(state=absent).
  - What is to be written is tried out on a copy of the configuration first. A configuration that is wrong already is
    left as it is, and file and line are told. What the host's TLS library can't do is told before anything changes.
  - After the daemon was told to read its files, it is looked at B(on the wire), since a reload with a bad file silently
    keeps the old settings. What must not be spoken any more has to be refused, what is left has to be answered, with
    the certificate that is on disk.
  - The host takes the change back by itself, as with M(port995.pop3s.pop3s_firewall), when the look on the wire shows
    something else, or when nobody confirms the change over a B(new) connection of Ansible within O(time_limit).
  - A daemon that still serves a certificate that was renewed on disk is made to read it.
extends_documentation_fragment:
  - port995.pop3s.changing
  - port995.pop3s.daemon_settings
options:
  state:
    description:
      - V(present) sets what the other options say.
      - V(absent) takes away what this module has put in.
    type: str
    choices: [present, absent]
    default: present
  listener:
    description: Whether the daemon listens for POP3S. V(absent) is for hosts that are to be closed.
    type: str
    choices: [present, absent]
    default: present
  confirm:
    description:
      - V(now) keeps the change once Ansible came in over a new connection.
      - V(later) leaves that to another task, with O(phase=finish) or O(phase=revert) and the RV(change) of this one,
        which must come within O(time_limit). Until then others can look at the host.
    type: str
    choices: [now, later]
    default: now
  revert:
    description:
      - V(host) lets the host take the change back by itself, which needs systemd. V(none) changes it at once.
    type: str
    choices: [host, none]
    default: host
  time_limit:
    description: Seconds until the host takes back a change that was not confirmed, 30 to 3600.
    type: float
    default: 120.0
notes:
  - Needs root and Python 3.9 on the host. Tested on Debian 11 to 13. What is known of RHEL and its like is written down
    and untested on a real host.
  - The look on the wire is made on the host itself. Audit afterwards, from outside.
seealso:
  - module: port995.pop3s.pop3s_firewall
  - module: port995.pop3s.pop3s_info
"""

EXAMPLES = r"""
- name: Bring the mail daemon to the profile baseline, with no port for clear text
  port995.pop3s.pop3s_daemon:
    profile: baseline
    cleartext: "off"
    certificate: /etc/ssl/certs/mail.example.org.pem
    key: /etc/ssl/private/mail.example.org.key
    names: [mail.example.org]
  become: true

- name: Change it, and keep the change only when others have looked
  port995.pop3s.pop3s_daemon:
    profile: strict
    confirm: later
    time_limit: 300
  register: mail_daemon
  become: true

- name: Keep it
  port995.pop3s.pop3s_daemon:
    profile: strict
    phase: finish
    change: "{{ mail_daemon.change }}"
  when: mail_daemon.change is defined
  become: true

- name: Serve no POP3 at all
  port995.pop3s.pop3s_daemon:
    listener: absent
    cleartext: "off"
  become: true

- name: Take away what the tasks above have put in
  port995.pop3s.pop3s_daemon:
    state: absent
  become: true
"""

RETURN = r"""
daemon:
  description: The daemon, its version, and its settings for POP3 before this task, in its own words.
  returned: when phase is begin
  type: dict
  sample: {name: dovecot, version: 2.3.19.1, configuration: /etc/dovecot/dovecot.conf, pop3s_ports: [995],
           pop3_ports: [110], minimum: TLSv1.2, certificate: /etc/dovecot/private/dovecot.pem, settings: {}}
certificate:
  description: SHA-256 of the leaf that is to be served, and until when it is valid.
  returned: when phase is begin
  type: dict
  sample: {sha256: 5c1a, not_after: Nov 25 12:00:00 2027 GMT}
files:
  description: Files that this module keeps or has put marks in.
  returned: when phase is begin
  type: list
  elements: str
  sample: [/etc/dovecot/conf.d/zz-port995.conf]
notes:
  description: What is to be known of the result, such as what something else changed of ours, with file and line.
  returned: when phase is begin
  type: list
  elements: str
planned:
  description: Whether this is only what would be done.
  returned: when phase is begin
  type: bool
confirmed:
  description: Whether the change is kept.
  returned: when phase is begin
  type: bool
change:
  description: Identity of the change in the host's record.
  returned: when something was changed
  type: str
  sample: 5f0c1f0c6bb84d0f9a5a3f6c0e1d2b3a
installed:
  description: The package that was installed, or would be.
  returned: when one was, also where the module fails after that
  type: str
  sample: dovecot-pop3d
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.port995.pop3s.plugins.module_utils._changing import (
    changing_options,
    differences,
    once_installed,
    refuse_what_profile_left,
    run_phase,
    settings_options,
    told,
)
from ansible_collections.port995.pop3s.plugins.module_utils._port995.daemon import edit, steps
from ansible_collections.port995.pop3s.plugins.module_utils._port995.daemon.model import wanted

WANTED = ("state", "listener", "cleartext", "tls", "certificate", "key", "names")


def argument_spec():
    """The module's options."""
    return dict(
        state=dict(type="str", choices=["present", "absent"], default="present"),
        listener=dict(type="str", choices=["present", "absent"], default="present"),
        confirm=dict(type="str", choices=["now", "later"], default="now"),
        revert=dict(type="str", choices=["host", "none"], default="host"),
        **settings_options(),
        **changing_options(120.0)
    )


def asked(params):
    """What is wanted, checked."""
    refuse_what_profile_left(params)
    return wanted(**{name: params[name] for name in WANTED})


def begin(module, settings, who):
    """Plan, and change the daemon unless this is a check."""
    return once_installed(
        module, steps.PROBLEMS, lambda: plan_and_begin(module, settings, who), confirmed=False, files=[]
    )


def plan_and_begin(module, settings, who):
    """The same once the daemon is there."""
    made = steps.plan(settings, module.params["daemon"])
    result = dict(
        changed=made.changed,
        daemon=dict(
            told(made.found), certificate=made.found.certificate, settings=dict(made.found.settings)
        ),
        certificate=dict(sha256=made.certificate.sha256, not_after=made.certificate.not_after),
        files=sorted(path for path in made.edit.after if not path.startswith(edit.OURS)),
        notes=list(made.notes),
        planned=module.check_mode,
        confirmed=not made.changed,
        diff=differences([("ours", *edit.shown(made.edit))]),
    )
    if not made.changed or module.check_mode:
        return result
    if module.params["revert"] == "none":
        steps.change_without_taking_back(made, settings, who)
        result["confirmed"] = True
    else:
        result["change"] = steps.begin(made, settings, who, module.params["time_limit"])
    return result


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_together=[("certificate", "key")],
    )

    def finish(change, settings, who):
        steps.finish(change, settings, who, module.params["daemon"])

    run_phase(module, steps.PROBLEMS, 30, asked, begin, finish)


if __name__ == "__main__":
    main()
