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
options:
  state:
    description:
      - V(present) sets what the other options say.
      - V(absent) takes away what this module has put in.
    type: str
    choices: [present, absent]
    default: present
  daemon:
    description:
      - Which daemon is meant. V(auto) takes the one that serves port 995, or the only one that is installed.
      - Other daemons (nginx, haproxy, stunnel, perdition ...) are named with their process, and nothing is changed.
    type: str
    choices: [auto, dovecot, courier, cyrus]
    default: auto
  listener:
    description: Whether the daemon listens for POP3S. V(absent) is for hosts that are to be closed.
    type: str
    choices: [present, absent]
    default: present
  cleartext:
    description:
      - What becomes of the port for clear text. V(off) lets nobody listen there, V(stls) takes no password before TLS,
        V(keep) leaves it as it is.
    type: str
    choices: ["off", stls, keep]
    default: stls
  profile:
    description:
      - Name of a profile, or path of one on the controller. Its checks decide what may be negotiated. What it only
        tells of (severity C(info)) is left on.
      - The action makes O(tls) of it. Leave both away to keep what may be negotiated as it is.
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
  who:
    description: Who is recorded. The action fills in user, controller and host.
    type: str
  phase:
    description:
      - Part of the change. The action calls them one after the other. With O(confirm=later), V(finish) keeps the
        change and V(revert) takes it back, all other options being the same as in the first task.
    type: str
    choices: [begin, finish, revert, status]
    default: begin
  change:
    description: Identity of the change that O(phase) is a part of.
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
  description: The package that was installed.
  returned: when one was
  type: str
  sample: dovecot-pop3d
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.port995.pop3s.plugins.module_utils._port995.change import taking_back
from ansible_collections.port995.pop3s.plugins.module_utils._port995.change.commands import CommandError
from ansible_collections.port995.pop3s.plugins.module_utils._port995.change.files import FileError
from ansible_collections.port995.pop3s.plugins.module_utils._port995.daemon import edit, install, read, steps
from ansible_collections.port995.pop3s.plugins.module_utils._port995.daemon.model import (
    DaemonError,
    WantedError,
    wanted,
)

WANTED = ("state", "listener", "cleartext", "tls", "certificate", "key", "names")
PROBLEMS = (WantedError, DaemonError, FileError, CommandError, taking_back.ChangeError)


def argument_spec():
    """The module's options."""
    return dict(
        state=dict(type="str", choices=["present", "absent"], default="present"),
        daemon=dict(type="str", choices=["auto", "dovecot", "courier", "cyrus"], default="auto"),
        listener=dict(type="str", choices=["present", "absent"], default="present"),
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
        confirm=dict(type="str", choices=["now", "later"], default="now"),
        revert=dict(type="str", choices=["host", "none"], default="host"),
        time_limit=dict(type="float", default=120.0),
        who=dict(type="str"),
        phase=dict(type="str", choices=["begin", "finish", "revert", "status"], default="begin"),
        change=dict(type="str"),
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
        certificate=found.certificate,
        settings=dict(found.settings),
    )


def install_when_asked(module):
    """Install the daemon that is named, when it is not there and that was asked for."""
    name = module.params["daemon"]
    if not module.params["install"] or any(one.daemon == name for one in read.installed()):
        return None
    if name == "auto":
        raise WantedError("install needs the name of a daemon: set daemon to dovecot, courier or cyrus")
    if module.check_mode:
        module.exit_json(
            changed=True, planned=True, confirmed=False, installed=install.command_for(name)[1], files=[],
            notes=["%s would be installed; what it would be set to can't be told before that" % name],
        )  # fmt: skip
    return install.install(name)


def begin(module, asked, who):
    """Plan, and change the daemon unless this is a check."""
    taking_back.nothing_waits()
    package = install_when_asked(module)
    made = steps.plan(asked, module.params["daemon"])
    before, after = edit.shown(made.edit)
    result = dict(
        changed=made.changed or package is not None,
        daemon=told(made.found),
        certificate=dict(sha256=made.certificate.sha256, not_after=made.certificate.not_after),
        files=sorted(path for path in made.edit.after if not path.startswith(edit.OURS)),
        notes=list(made.notes),
        planned=module.check_mode,
        confirmed=not made.changed,
        diff=dict(before_header="ours", after_header="ours", before=before, after=after),
    )
    if package is not None:
        result["installed"] = package
    if not made.changed or module.check_mode:
        return result
    if module.params["revert"] == "none":
        steps.change_without_taking_back(made, asked, who)
        result["confirmed"] = True
    else:
        result["change"] = steps.begin(made, asked, who, module.params["time_limit"])
    return result


def status(change):
    """Whether a change waits to be confirmed or taken back."""
    try:
        taking_back.still_armed(change or "")
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
    phase = params["phase"]
    try:
        asked = wanted(**{name: params[name] for name in WANTED})
        if params["profile"] and not params["tls"]:
            raise WantedError("profile is read on the controller, by the action: call the module as a task")
        if not 30 <= params["time_limit"] <= 3600:
            raise WantedError("time_limit is %g: it is 30 to 3600 seconds" % params["time_limit"])
        if os.geteuid() != 0:
            raise WantedError("only root may read and change a mail daemon: set become: true on the task")
        if phase == "begin":
            result = begin(module, asked, who)
        elif module.check_mode:
            result = dict(changed=False)
        elif phase == "finish":
            steps.finish(params["change"] or "", asked, who, params["daemon"])
            result = dict(changed=True)
        elif phase == "revert":
            taking_back.still_armed(params["change"] or "")
            result = dict(changed=True, said=taking_back.revert_now())
        else:
            result = status(params["change"])
    except PROBLEMS as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
