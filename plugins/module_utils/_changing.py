# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright (c) 2026, the port995 authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PRIVATE to this collection: what modules have in common that change a host, which takes the change back unless it is
confirmed. Their documentation is in ``plugins/doc_fragments``."""

from __future__ import annotations

import os

from ansible_collections.port995.pop3s.plugins.module_utils._port995.change import taking_back
from ansible_collections.port995.pop3s.plugins.module_utils._port995.change.asked import WantedError
from ansible_collections.port995.pop3s.plugins.module_utils._port995.daemon import install, read

NOBODY = "somebody who called the module without its action"


def changing_options(time_limit):
    """Options of every change.

    :param time_limit: the default, in seconds
    """
    return dict(
        time_limit=dict(type="float", default=time_limit),
        phase=dict(type="str", choices=["begin", "finish", "revert", "status"], default="begin"),
        change=dict(type="str"),
        who=dict(type="str"),
    )


def settings_options():
    """Options of how a daemon is to serve."""
    return dict(
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
    )


def firewall_options():
    """Options of who is kept from a port."""
    return dict(
        ports=dict(type="list", elements="int", default=[995]),
        action=dict(type="str", choices=["drop", "reject"], default="drop"),
        forward=dict(type="bool", default=False),
        established=dict(type="str", choices=["keep", "cut"], default="keep"),
    )


def told(found):
    """A daemon, for the result: what is known of it before the change."""
    return dict(
        name=found.daemon,
        version=found.version,
        configuration=found.configuration,
        pop3s_ports=found.pop3s_ports,
        pop3_ports=found.pop3_ports,
        minimum=found.minimum,
    )


def differences(planes):
    """(name, before, after) of each thing that differs, for a diff."""
    return [dict(before_header=name, after_header=name, before=before, after=after) for name, before, after in planes]


def once_installed(module, problems, begin, **more):
    """Begin once the daemon is there, and tell of a package that was installed for it, whatever comes of the rest.

    :param problems: errors that are told in their own words
    :param begin: ``() -> result``
    :param more: what else the module returns where it would be installed, in check mode
    :raises Exception: one of ``problems``, where nothing was installed
    """
    package = _install_when_asked(module, more)
    try:
        result = begin()
    except problems as error:
        if package is not None:
            said = "%s The package %s was installed before that, and stays." % (error, package)
            module.fail_json(msg=said, installed=package)
        raise
    if package is not None:
        result.update(changed=True, installed=package)
    return result


def _install_when_asked(module, more):
    """Install the daemon that is named, when it is not there and that was asked for.

    :returns: the package, or ``None``
    :raises WantedError: no daemon is named
    """
    name = module.params["daemon"]
    if not module.params["install"] or any(one.daemon == name for one in read.installed()):
        return None
    if name == "auto":
        raise WantedError("install needs the name of a daemon: set daemon to dovecot, courier or cyrus")
    if module.check_mode:
        note = "%s would be installed; what it would be set to can't be told before that" % name
        module.exit_json(changed=True, planned=True, installed=install.command_for(name)[1], notes=[note], **more)
    return install.install(name)


def refuse_what_profile_left(params):
    """Refuse a profile that no action has made settings of.

    :raises WantedError: there is one
    """
    if params["profile"] and not params["tls"]:
        raise WantedError("profile is read on the controller, by the action: call the module as a task")


def run_phase(module, problems, shortest, ask, begin, finish):
    """Run the phase that is asked for, and end the module with its result.

    :param problems: errors that are told in their own words
    :param shortest: seconds that the time limit is at least
    :param ask: makes of the parameters what is wanted, checked
    :param begin: ``(module, wanted, who) -> result``
    :param finish: ``(change, wanted, who) -> None``
    """
    params = module.params
    phase, change = params["phase"], params["change"] or ""
    who = (params["who"] or NOBODY)[:200]
    try:
        if not shortest <= params["time_limit"] <= 3600:
            raise WantedError("time_limit is %g: it is %g to 3600 seconds" % (params["time_limit"], shortest))
        if phase != "begin" and not change:
            raise WantedError("phase %s needs change, which phase begin has returned" % phase)
        wanted = ask(params)
        if os.geteuid() != 0:
            raise WantedError("only root may read and change mail daemons and firewalls: set become: true on the task")
        if phase == "begin":
            # What is there while a change waits to be confirmed is not what is going to be.
            taking_back.nothing_waits()
            result = begin(module, wanted, who)
        elif phase == "status":
            result = dict(changed=False, waits=_waits(change))
        elif module.check_mode:
            result = dict(changed=False)
        elif phase == "finish":
            finish(change, wanted, who)
            # The task that began it has told of the change.
            result = dict(changed=False)
        else:
            taking_back.still_armed(change)
            result = dict(changed=True, said=taking_back.revert_now())
    except (WantedError, *problems) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def _waits(change):
    """Whether a change waits to be confirmed or taken back."""
    try:
        taking_back.still_armed(change)
    except taking_back.TakenBack:
        return False
    return True
