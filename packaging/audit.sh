#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# make audit: the embedded lab, or the hosts in INVENTORY, or TARGETS. Ends with the gate's exit code, and for the lab
# with 0 only when every server got exactly the verdicts that are true.
set -u
bin=$1
inventory=${INVENTORY:-}
targets=${TARGETS:-}
out=${OUT:-port995-runs/$(date -u +%Y%m%dT%H%M%SZ)-$$}
PATH="$bin:$PATH"
export PATH

if [ -n "$inventory" ] && [ -n "$targets" ]; then
    echo "give INVENTORY or TARGETS, not both" >&2
    exit 2
fi
if [ -n "$targets" ]; then
    set -f # 192.0.2.* is a range, not a pattern of files.
    # shellcheck disable=SC2086  # A list of words.
    port995 audit --out "$out" ${AUDIT_ARGS:-} -- $targets
    code=$?
    echo "gate's exit code: $code"
    exit $code
fi
if [ -n "$inventory" ]; then
    # shellcheck disable=SC2086
    ansible-playbook -i "$inventory" port995.pop3s.audit -e "audit_out='$out'" ${AUDIT_ARGS:-}
    echo
    port995 gate "$out"
    code=$?
    echo "gate's exit code: $code"
    exit $code
fi
echo "no INVENTORY and no TARGETS: auditing the embedded lab, whose servers are wrong on purpose"
# The gate must fail here; what counts is that it fails for exactly the right reasons.
# shellcheck disable=SC2016  # The inner shell expands them: the lab sets them.
port995 lab -- sh -c '
    ansible-playbook -i "$PORT995_LAB_INVENTORY" port995.pop3s.audit -e "audit_out=\"$1\"" \
        -e "audit_ca_file=\"$PORT995_LAB_CA\"" \
        -e "{audit_source_addresses: [127.0.0.1, 127.0.0.2], audit_tls_timeout: 3, audit_pop3_timeout: 3}" \
        -e audit_gate=false' sh "$out" || exit 4
echo
port995 gate "$out" >/dev/null
echo "gate's exit code: $? (1 is right here: most of the lab is wrong on purpose)"
port995 lab --compare "$out"
