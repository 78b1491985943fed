#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Audit POP3S in a CI job: one run at a time, reports kept whatever comes out, and an exit code that never says more
# than is known. Copy it into your repository as ci/port995.sh; the templates beside it call it there.
#
#   PORT995_INVENTORY     Ansible inventory, or
#   PORT995_TARGETS       hosts and networks, separated by blanks
#   PORT995_POLICY_REF    protected branch or commit that profiles and waivers are read from
#   PORT995_ARGS          more options of `port995 audit`, separated by blanks
#   PORT995_FORMATS       more formats, separated by commas; PORT995_FLAVOUR: of JUnit
#   PORT995_OUT           folder of the run (port995-run)
#   PORT995_LOCK          file that keeps two runs on one machine apart; PORT995_LOCK_SECONDS: how long to wait for it
#
# Ends with 0 passed, 1 failed, 2 wrong usage, 3 incomplete (also: another run holds the lock), 4 can't be vouched for.
set -u
out=${PORT995_OUT:-port995-run}
lock=${PORT995_LOCK:-${TMPDIR:-/tmp}/port995.lock}
seconds=${PORT995_LOCK_SECONDS:-600}

say() {
    echo "port995-ci: $*" >&2
}

end() {
    case $1 in
        0) say "passed: all is proven to be as it should be"; exit 0 ;;
        1) word="failed: something is not as it should be" ;;
        2) word="wrong usage: nothing was sent" ;;
        3) word="incomplete: not all was seen, so nothing is passed" ;;
        *) word="can't be vouched for (exit $1)" ;;
    esac
    say "$word"
    [ -z "${GITHUB_ACTIONS:-}" ] || echo "::error title=POP3S::$word"
    [ -z "${TF_BUILD:-}" ] || echo "##vso[task.logissue type=error]POP3S $word"
    case $1 in
        1 | 2 | 3) exit "$1" ;;
        *) exit 4 ;;
    esac
}

if [ -n "${PORT995_INVENTORY:-}" ] && [ -n "${PORT995_TARGETS:-}" ]; then
    say "set PORT995_INVENTORY or PORT995_TARGETS, not both"
    end 2
fi
if [ -z "${PORT995_INVENTORY:-}${PORT995_TARGETS:-}" ]; then
    say "set PORT995_INVENTORY or PORT995_TARGETS: whom to audit"
    end 2
fi
case $seconds in
    '' | *[!0-9]*)
        say "PORT995_LOCK_SECONDS is '$seconds', a whole number is expected"
        end 2
        ;;
esac
# What an earlier job left in this workspace must not be taken for this one's.
if [ -e "$out" ]; then
    if [ ! -f "$out/run.json" ]; then
        say "$out is there and is no run: remove it, or set PORT995_OUT"
        end 2
    fi
    rm -rf "$out" || end 4
fi

# Two runs at one time look to a server like one that asks too often.
if command -v flock >/dev/null; then
    exec 9>>"$lock" || end 4
    waited=0
    until flock -n 9; do
        if [ "$waited" -ge "$seconds" ]; then
            say "another run holds $lock: nothing was looked at"
            end 3
        fi
        sleep 1
        waited=$((waited + 1))
    done
else
    say "there is no flock here: what keeps runs apart is the CI alone"
fi

set -f # 192.0.2.* is a range, not a pattern of files.
# shellcheck disable=SC2086  # Lists of words.
set -- --out "$out" --format "${PORT995_FORMATS:-markdown}" --junit-flavour "${PORT995_FLAVOUR:-jenkins}" \
    ${PORT995_ARGS:-}
[ -z "${PORT995_POLICY_REF:-}" ] || set -- "$@" --policy-ref "$PORT995_POLICY_REF"
if [ -n "${PORT995_INVENTORY:-}" ]; then
    set -- "$@" --inventory "$PORT995_INVENTORY"
else
    # shellcheck disable=SC2086
    set -- "$@" -- $PORT995_TARGETS
fi
port995 audit "$@"
code=$?
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || [ ! -f "$out/summary.md" ] || cat "$out/summary.md" >>"$GITHUB_STEP_SUMMARY"
case $code in
    2)
        end 2
        ;;
    0 | 1 | 3)
        # The verdict counts only if the files that it rests on are those that will be kept.
        port995 gate "$out" >/dev/null
        gate=$?
        if [ "$gate" -ne "$code" ]; then
            say "the audit said $code and its files say $gate"
            end 4
        fi
        ;;
esac
end "$code"
