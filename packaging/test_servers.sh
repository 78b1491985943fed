#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Install the real servers and tools that tests work with, where that is possible; never fail: tests that miss one skip
# and say so.
set -u
PATH="$PATH:/usr/sbin:/sbin"
missing=
while read -r command package; do
    command -v "$command" >/dev/null || missing="$missing $package"
done <<TOOLS
dovecot dovecot-pop3d
nmap nmap
ndiff ndiff
xmllint libxml2-utils
openssl openssl
stunnel stunnel4
gnutls-cli gnutls-bin
sslscan sslscan
fail2ban-client fail2ban
knotd knot
unbound unbound
nft nftables
iptables iptables
ip iproute2
javac default-jdk-headless
debootstrap debootstrap
systemd-nspawn systemd-container
ssh openssh-client
promtool prometheus
chromium chromium
TOOLS
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed:$missing (needs root on Debian or Ubuntu); the tests that want them skip"
    exit 0
fi
echo "installing$missing for the tests"
# The packages start their services at once, and at every boot; here nobody asked for an open port or a ban.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 </dev/null; }
apt-get update -q >/dev/null 2>&1
# shellcheck disable=SC2086  # A list of words.
if ! install $missing; then
    # One that this release does not have must not cost the others.
    for package in $missing; do
        install "$package" || echo "could not install $package; the tests that want it skip"
    done
fi
if command -v systemctl >/dev/null; then
    for package in $missing; do
        case $package in
        dovecot-pop3d) systemctl disable --quiet dovecot.service dovecot.socket ;;
        stunnel4 | fail2ban | prometheus | nftables | knot | unbound) systemctl disable --quiet "$package.service" ;;
        esac 2>/dev/null
    done
fi
exit 0
