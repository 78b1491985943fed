# SPDX-License-Identifier: GPL-3.0-or-later
"""What takes a change back on the host: a shell script, since it has to work when nothing else does, and its units.

The script knows a few steps; which are taken with what, ``before/steps`` says. That file holds constants of this
program, and nothing from outside: what a user gave (networks) stands in files that nft reads. Every step may be
taken twice. Python 3.9, standard library only.
"""

from __future__ import annotations

STATE = "/var/lib/port995"
SCRIPT = STATE + "/revert"
SERVICE_NAME, TIMER_NAME = "port995-revert.service", "port995-revert.timer"
SERVICE, TIMER = "/etc/systemd/system/" + SERVICE_NAME, "/etc/systemd/system/" + TIMER_NAME

SCRIPT_TEXT = r"""#!/bin/sh
# Made by port995. Takes back the last change that it made on this host; needs neither network nor Ansible.
#   /var/lib/port995/revert           take it back, confirmed or not
#   /var/lib/port995/revert --armed   only when it was not confirmed: at the end of its time, and at boot
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 022
cd /var/lib/port995 || exit 1
exec 9>mutex
# A run that persists or confirms holds this. One that hangs must not keep the way in shut.
flock -w 1 9 || echo "port995: another run of it is at work; going on without waiting" >&2
case "${1-}" in
--armed) [ -e armed ] || [ -e reverting ] || exit 0 ;;
"") ;;
*)
    echo "usage: $0 [--armed]" >&2
    exit 2
    ;;
esac
if [ ! -e before/complete ]; then
    echo "port995: there is no change to take back"
    exit 0
fi
# A power cut from here on: the unit at boot begins anew.
: >reverting
rm -f armed
failed=
restore_file() { # PATH
    if [ -e "before/files$1" ]; then
        mkdir -p "$(dirname "$1")" && cp -p "before/files$1" "$1.port995" && mv -f "$1.port995" "$1"
    else
        rm -f "$1"
    fi || failed="$failed $1"
}
has_line() { # PATH LINE
    [ ! -L "$1" ] && grep -qxF -e "$2" "$1" 2>/dev/null
}
remove_line() { # PATH LINE
    has_line "$1" "$2" || return 0
    cp -p "$1" "$1.port995" && { grep -vxF -e "$2" "$1" >"$1.port995" || [ $? = 1 ]; } && mv -f "$1.port995" "$1" ||
        failed="$failed $1"
}
add_line() { # PATH LINE
    [ -f "$1" ] && [ ! -L "$1" ] && ! has_line "$1" "$2" || return 0
    printf '%s\n' "$2" >>"$1" || failed="$failed $1"
}
step() { # COMMAND...
    "$@" || failed="$failed $1"
}
. before/steps
sync
if [ -n "$failed" ]; then
    echo "port995: could not take back:$failed. Call $0 again." >&2
    exit 1
fi
printf '{"at": "%s", "what": "reverted", "how": "%s", "change": "%s"}\n' \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "${1:-console}" "$(cat before/change)" >>record.jsonl
rm -f lock reverting
echo "port995: the change $(cat before/change) is taken back"
if [ -d /run/systemd/system ]; then
    systemctl --quiet disable port995-revert.service 2>/dev/null
    rm -f /etc/systemd/system/port995-revert.service /etc/systemd/system/port995-revert.timer
    systemctl --no-block stop port995-revert.timer 2>/dev/null
    systemctl daemon-reload
fi
exit 0
"""

HEAD = "# Made by port995 for the time of one change; removed when it is confirmed or taken back.\n"

SERVICE_TEXT = HEAD + """\
[Unit]
Description=Take back a change of port995 that was not confirmed
DefaultDependencies=no
RequiresMountsFor=/var/lib/port995 /etc
After=local-fs.target systemd-remount-fs.service
Before=port995-firewall.service nftables.service network-pre.target sysinit.target shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart=/var/lib/port995/revert --armed

[Install]
WantedBy=sysinit.target
"""
"""Started at boot, where it takes back what is armed, and by the timer."""

TIMER_TEXT = HEAD + """\
[Unit]
Description=Time limit of a change of port995

[Timer]
OnActiveSec=%g
AccuracySec=100ms
RemainAfterElapse=no
Unit=port995-revert.service
"""
"""Takes the time limit in seconds. AccuracySec: one minute by default (systemd.timer(5))."""
