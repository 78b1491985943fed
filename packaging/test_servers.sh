#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Install the real servers and the scanner that tests look at, where that is possible; never fail: tests that miss one
# skip and say so.
set -u
missing=
command -v dovecot >/dev/null || [ -x /usr/sbin/dovecot ] || missing="$missing dovecot-pop3d"
command -v nmap >/dev/null || missing="$missing nmap"
command -v openssl >/dev/null || missing="$missing openssl"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed:$missing (needs root on Debian or Ubuntu); the tests that want them skip"
    exit 0
fi
echo "installing$missing for the tests"
# The packages start their services at once; here nobody asked for an open port.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get update -q >/dev/null 2>&1
# shellcheck disable=SC2086  # A list of words.
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1 ||
    echo "could not install$missing; the tests that want them skip"
exit 0
