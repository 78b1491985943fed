# SPDX-License-Identifier: GPL-3.0-or-later
"""The back ends beside nftables, each on a host where it is in use and lets 22, 110 and 995 in; one row a back end."""

from __future__ import annotations

import dataclasses

from tests.peers import chroots

from . import image

RULES = """\
*filter
:INPUT %s [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
%s-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 110 -j ACCEPT
%sCOMMIT
"""
LET_IN = "-A INPUT -p tcp -m tcp --dport 995 -j ACCEPT\n"
PING = "-A INPUT -p ipv6-icmp -j ACCEPT\n"


def _saved(policy: str, more: str) -> str:
    four, six = RULES % (policy, "", more), RULES % (policy, PING, more)
    return (
        f"cat > /etc/iptables/rules.v4 <<'E'\n{four}E\ncat > /etc/iptables/rules.v6 <<'E'\n{six}E\n"
        "systemctl restart netfilter-persistent"
    )


@dataclasses.dataclass(frozen=True)
class Backend:
    """One back end, with what an administrator has done and does."""

    name: str
    release: chroots.Release
    lets_in: str
    """Makes the firewall run and let 995 in."""
    shuts: str
    """The same, but 995 is not let in."""
    conflict: str
    """What a plan says of the rule that still lets the port in."""
    harmless: tuple[str, ...]
    """After each of them the port is shut, and it was never open."""
    reopening: tuple[str, ...]
    """Those that open everything for a moment, whatever rules there are; after each the port is shut."""
    foreign: str
    """Adds a rule of somebody else."""
    foreign_there: str
    """Succeeds where that is there."""
    foreign_away: str
    shown: str
    """How an administrator looks at our rule."""
    rules: str
    """Lists all rules that run, without counters."""
    limit: float = 4.0
    """Seconds until a change is taken back that is killed after it was written to disk: longer than writing takes."""


IPTABLES_RULES = "for x in iptables ip6tables; do $x-save | sed 's/^#.*//; s/\\[[0-9:]*\\]//'; done"

IPTABLES = Backend(
    "iptables",
    image.PERSISTENT,
    _saved("DROP", LET_IN),
    _saved("DROP", ""),
    "-A INPUT -p tcp -m tcp --dport 995 -j ACCEPT",
    ("netfilter-persistent reload", "systemctl restart netfilter-persistent",
     "systemctl stop netfilter-persistent; systemctl start netfilter-persistent",
     "iptables-restore < /etc/iptables/rules.v4", "systemctl restart port995-iptables; systemctl stop port995-iptables"),
    ("netfilter-persistent flush",),
    "iptables -A INPUT -p tcp --dport 7 -j DROP",
    "iptables -C INPUT -p tcp --dport 7 -j DROP",
    "iptables -D INPUT -p tcp --dport 7 -j DROP",
    "iptables -S port995; iptables -S INPUT | grep port995",
    IPTABLES_RULES,
)  # fmt: skip

UFW = Backend(
    "ufw",
    image.UFW,
    "ufw allow 22/tcp; ufw allow 110/tcp; ufw allow 995/tcp; ufw allow 'Dovecot Secure POP3'; ufw --force enable",
    "ufw allow 22/tcp; ufw allow 110/tcp; ufw deny 995/tcp; ufw --force enable",
    "Dovecot Secure POP3",
    ("ufw deny 9/tcp", "ufw delete deny 9/tcp", "systemctl reload ufw; true"),
    ("ufw reload", "ufw disable; ufw --force enable", "systemctl restart ufw"),
    "ufw deny 7/tcp",
    "ufw status | grep -q ^7/tcp",
    "ufw delete deny 7/tcp",
    "ufw status | grep port995",
    IPTABLES_RULES,
)

FIREWALLD = Backend(
    "firewalld",
    image.FIREWALLD,
    "for service in pop3 pop3s ssh; do firewall-cmd --quiet --permanent --add-service=$service; done; firewall-cmd --reload",
    "for service in pop3 ssh; do firewall-cmd --quiet --permanent --add-service=$service; done; firewall-cmd --reload",
    "public (service pop3s)",
    ("firewall-cmd --reload", "systemctl reload firewalld; sleep 2"),
    ("firewall-cmd --complete-reload", "systemctl restart firewalld", "systemctl stop firewalld; systemctl start firewalld"),
    "firewall-cmd --add-port=7/tcp",
    "firewall-cmd --query-port=7/tcp",
    "firewall-cmd --remove-port=7/tcp",
    "firewall-cmd --list-rich-rules",
    "firewall-cmd --list-all-zones; nft list ruleset | grep -v '^# ' || true",
    limit=40.0,
)

BACKENDS = {backend.name: backend for backend in (IPTABLES, UFW, FIREWALLD)}
