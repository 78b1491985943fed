# SPDX-License-Identifier: GPL-3.0-or-later
"""What takes a change back on the host: a shell script, since it has to work when nothing else does, and its units.

The script knows a few steps; which are taken with what, ``before/steps`` says. That file holds constants of this
program, and from outside names of zones only, quoted: what a user gave (networks) stands in files that the firewall's
programs read. Every step may be taken twice. Python 3.9, standard library only.
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
units_back() {
    [ ! -d /run/systemd/system ] || systemctl daemon-reload || failed="$failed daemon-reload"
}
unit_back() { # UNIT enabled|disabled
    [ -d /run/systemd/system ] || return 0
    systemctl daemon-reload || failed="$failed daemon-reload"
    if [ "$2" = enabled ]; then
        systemctl --quiet enable "$1" || failed="$failed $1"
    else
        # The unit's file may be gone, and its link with it: then there is nothing to disable.
        rm -f "/etc/systemd/system/sysinit.target.wants/$1"
        systemctl daemon-reload
    fi
}
xtables_back() { # TOOL OLD [made]
    command -v "$1-restore" >/dev/null || return 0
    {
        echo "*filter"
        grep -v "^-I" "$2"
        "$1-save" -t filter | sed -n "s/^-A \(.* -j port995\)\$/-D \1/p"
        grep "^-I" "$2"
        # No OLD: our chain goes, once nothing jumps to it.
        [ -s "$2" ] || "$1-save" -t filter | sed -n "s/^:port995 .*/-F port995\n-X port995/p"
        echo COMMIT
    } | "$1-restore" -w 10 --noflush || failed="$failed $1"
    [ "${3-}" = made ] && ! "$1-save" -t filter | grep -Eq "^-A|^:[^ ]+ (-|DROP)" || return 0
    case "$1" in iptables) nft delete table ip filter ;; *) nft delete table ip6 filter ;; esac 2>/dev/null
}
exchange() { # PATH; the new text is read
    # What comes out empty was not read.
    if cp -p "$1" "$1.port995" && cat >"$1.port995" && { [ -s "$1.port995" ] || [ ! -s "$1" ]; }; then
        if cmp -s "$1" "$1.port995"; then rm -f "$1.port995"; else mv -f "$1.port995" "$1"; fi
    else
        failed="$failed $1"
    fi
}
saved_back() { # PATH OLD
    [ -f "$1" ] && [ ! -L "$1" ] || return 0
    awk -v old="$2" '
        BEGIN { while ((getline line <old) > 0) ours = ours line "\n" }
        /^(\[[0-9]+:[0-9]+\] )?(:port995 |-A port995 |-A [^ ]+ .*-j port995$)/ { next }
        /^\*/ { filter = $0 == "*filter" }
        filter && ours != "" && !/^[*:#]/ { printf "%s", ours; ours = "" }
        { print }' "$1" | exchange "$1"
}
ufw_back() { # PATH OLD TOOL CHAINS
    [ -f "$1" ] || return 0
    awk -v old="$2" '
        BEGIN { while ((getline line <old) > 0) ours = ours line "\n" }
        /^$/ { blank++; skip = 0; next }
        /^### tuple ### .* comment=706f7274393935$/ { blank--; skip = 1 }
        skip { next }
        { while (blank > 0) { print ""; blank-- } print }
        /^### RULES ###$/ { printf "%s", ours }
        END { while (blank-- > 0) print "" }' "$1" | exchange "$1"
    "$3" -w 10 -S "$4input" >/dev/null 2>&1 || return 0
    {
        printf "*filter\n:%sinput - [0:0]\n:%soutput - [0:0]\n:%sforward - [0:0]\n" "$4" "$4" "$4"
        grep -E "^-A $4(input|output|forward) " "$1"
        echo COMMIT
    } | "$3-restore" -w 10 --noflush || failed="$failed $3"
}
firewalld_bus() { # PATH INTERFACE METHOD [SIGNATURE ARGUMENT...]
    # One that was stopped is not to be started by this.
    object_path=/org/fedoraproject/FirewallD1$1 interface=org.fedoraproject.FirewallD1$2
    shift 2
    busctl --auto-start=no call org.fedoraproject.FirewallD1 "$object_path" "$interface" "$@" 2>/dev/null
}
zone_back() { # ZONE OLD
    path=/etc/firewalld/zones/$1.xml
    [ -f "$path" ] || return 0
    awk -v old="$2" '
        BEGIN { while ((getline line <old) > 0) ours = ours line "\n" }
        /<rule [^>]*priority="-995[01]"/ { skip = 1 }
        skip { if (/<\/rule>/) skip = 0; next }
        /<!-- port995: / { next }
        /^<\/zone>/ { printf "%s", ours }
        { print }' "$path" >"$2.new" || failed="$failed $path"
    if ! grep -q "<!-- port995: " "$path" || [ -s "$2" ] || ! cmp -s "$2.new" "/usr/lib/firewalld/zones/$1.xml"; then
        exchange "$path" <"$2.new"
        return
    fi
    # Made for our rules, and nothing else in it. firewalld does not see that it goes, so it is told where it runs.
    object=$(firewalld_bus /config .config getZoneByName s "$1") &&
        firewalld_bus "$(echo "$object" | cut -d '"' -f 2 | sed 's|^/org/fedoraproject/FirewallD1||')" .config.zone \
            loadDefaults >/dev/null
    rm -f "$path"
    ! grep -q 'priority="-995[01]"' "$path.old" 2>/dev/null || rm -f "$path.old"
}
in_zone() { # METHOD SIGNATURE OPTION ZONE RULE [TIMEOUT]
    firewalld_bus "" .zone "$1" "$2" "$4" "$5" ${6-} >/dev/null ||
        timeout 20 firewall-cmd --quiet --zone="$4" "$3=$5"
}
firewalld_back() { # OLD
    # At boot it does not run yet, and what runs is not on disk.
    [ -S /run/dbus/system_bus_socket ] || return 0
    timeout 20 firewall-cmd --list-all-zones >"$1.all" 2>/dev/null
    case $? in
    0) ;;
    252 | 127) return 0 ;; # not running, not installed
    *)
        failed="$failed firewalld"
        return
        ;;
    esac
    tab=$(printf '\t')
    awk '/^[^ \t]/ { zone = $1 } /^\t.*priority="-995[01]"/ { sub(/^\t/, ""); print zone "\t" $0 }' "$1.all" |
        sort >"$1.now"
    sort "$1" >"$1.sorted"
    comm -23 "$1.sorted" "$1.now" >"$1.add"
    comm -13 "$1.sorted" "$1.now" >"$1.remove"
    while IFS="$tab" read -r zone rule; do
        in_zone addRichRule ssi --add-rich-rule "$zone" "$rule" 0 || failed="$failed firewalld"
    done <"$1.add"
    while IFS="$tab" read -r zone rule; do
        in_zone removeRichRule ss --remove-rich-rule "$zone" "$rule" || failed="$failed firewalld"
    done <"$1.remove"
}
restore_edited() { # PATH: a file of others in which something between our marks changed
    [ -e "before/files$1" ] && [ ! -L "$1" ] || return 0
    cmp -s "$1" "before/files$1" && return 0
    # It keeps its own mode, owner and label.
    if [ -f "$1" ]; then cp -a "$1" "$1.port995"; else cp -p "before/files$1" "$1.port995"; fi
    if [ ! -f "$1" ] || cmp -s "$1" "before/edited$1"; then
        cat "before/files$1" >"$1.port995" && mv -f "$1.port995" "$1"
    elif grep -qE '^(# BEGIN port995|#port995# )' "before/files$1"; then
        # Somebody changed it meanwhile, and something of ours was in it before.
        cp -a "$1" "$1.changed-meanwhile" && cat "before/files$1" >"$1.port995" && mv -f "$1.port995" "$1"
    else
        # Somebody changed it meanwhile: only what is ours goes.
        sed -e '/^# BEGIN port995/,/^# END port995$/d' -e 's/^#port995# //' "$1" >"$1.port995" &&
            mv -f "$1.port995" "$1"
    fi || failed="$failed $1"
}
enable_unit() { # UNIT enable|disable
    [ ! -d /run/systemd/system ] || step systemctl --quiet "$2" "$1"
}
daemon_unit() { # UNIT stop|restart|reload-or-restart
    [ -d /run/systemd/system ] || return 0
    if [ "$(systemctl is-system-running 2>/dev/null)" = initializing ]; then
        # At boot it is started after this, with the files as they are now. What starts was found before this: not what
        # has just been enabled, and what has just been disabled all the same.
        [ "$2" = stop ] || set -- "$1" start
        step systemctl --no-block "$2" "$1"
        return
    fi
    # Where its first process is dead and others still serve clients, Courier's own stop waits for ten seconds.
    [ "$2" != restart ] || systemctl kill "$1" 2>/dev/null
    systemctl "$2" "$1" && return 0
    if [ "$2" != stop ] && systemctl --quiet is-active "$1"; then
        # Files of others may be wrong: it goes on with what it read before.
        echo "port995: $1 runs, and could not be told to read its files" >&2
    else
        failed="$failed $1"
    fi
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
Before=port995-firewall.service nftables.service port995-iptables.service netfilter-persistent.service ufw.service
Before=network-pre.target sysinit.target shutdown.target
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
