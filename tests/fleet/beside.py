# SPDX-License-Identifier: GPL-3.0-or-later
"""What serves beside a host's mail server: Dovecot beside Courier, which Debian's packages do not let be; stunnel and nginx
in front of Dovecot."""

from __future__ import annotations

import dataclasses
import io
import tarfile

from tests.peers import chroots

from . import image
from .lab import Host
from .mail_host import BY_NAME, CERTIFICATE, KEY

BEHIND = dataclasses.replace(BY_NAME["dovecot-2.3.19"], name="dovecot-behind", release=image.BESIDE)
"""Dovecot, on the image that has more beside it."""

BEHIND_ONLY = """\
printf 'listen = 127.0.0.1\\nssl = no\\n' >> /etc/dovecot/local.conf
systemctl restart dovecot
"""
"""Leave 995 to what stands in front, which hands on in clear text on the host itself."""

STUNNEL = f"""set -e
{BEHIND_ONLY}
cat > /etc/stunnel/pop3s.conf <<'END'
pid = /run/stunnel-pop3s.pid
[pop3s]
accept = :::995
connect = 127.0.0.1:110
cert = {CERTIFICATE}
key = {KEY}
sslVersionMin = TLSv1.2
ciphers = ECDHE+AESGCM
END
systemctl restart stunnel4
"""

NGINX = f"""set -e
{BEHIND_ONLY}
cat >> /etc/nginx/nginx.conf <<'END'
stream {{
    server {{
        listen 995 ssl;
        listen [::]:995 ssl;
        proxy_pass 127.0.0.1:110;
        ssl_certificate {CERTIFICATE};
        ssl_certificate_key {KEY};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers ECDHE+AESGCM;
    }}
}}
END
rm -f /etc/nginx/sites-enabled/default
systemctl restart nginx
"""


def put_dovecot(host: Host) -> None:
    """Put Dovecot onto a host on which another mail server is installed, as the files of another image, and start it on
    the host's IPv6 address; on the IPv4 one it leaves the ports to the other."""
    host.console("tar -C / -xf -", data=_packed(image.BOOKWORM, host.release), timeout=120)
    host.console(f"""set -e
ldconfig
adduser --quiet --system --group --home /usr/lib/dovecot --no-create-home dovecot
adduser --quiet --system --group --home /nonexistent --no-create-home dovenull
printf 'listen = {host.ipv6}\\nmail_location = maildir:~/Maildir\\n' > /etc/dovecot/local.conf
systemctl daemon-reload
systemctl enable --quiet --now dovecot""")


def _packed(release: chroots.Release, beside: chroots.Release) -> bytes:
    """The files of packages that one image has and the other one lacks, and Dovecot's configuration."""
    lists = "var/lib/dpkg/info"
    there = {path.name for path in (beside.folder / lists).glob("*.list")}
    wanted = [path for path in (release.folder / lists).glob("*.list") if path.name not in there]
    names = {line for path in wanted for line in path.read_text().splitlines()}
    # What the packages' scripts make, and no list has.
    for folder in ("etc/dovecot", "usr/share/dovecot/protocols.d"):
        names |= {"/" + str(path.relative_to(release.folder)) for path in (release.folder / folder).rglob("*")}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in sorted(names):
            path = release.folder / name.lstrip("/")
            if path.is_symlink() or path.is_file():
                archive.add(path, name.lstrip("/"), recursive=False)
    return packed.getvalue()
