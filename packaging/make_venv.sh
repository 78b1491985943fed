#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Make the environment that everything else runs in: packaging/make_venv.sh FOLDER
set -eu
folder=$1
root=$(cd "$(dirname "$0")/.." && pwd)

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }
can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

python=
for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3; do
    if new_enough "$candidate"; then
        python=$(command -v "$candidate")
        has_venv "$python" && break
    fi
done
if { [ -z "$python" ] || ! has_venv "$python"; } && can_install; then
    echo "installing python3-venv, which Debian ships apart"
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-venv
    new_enough python3 && python=$(command -v python3)
fi
if [ -z "$python" ]; then
    echo "No Python 3.11 or later was found. Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2
    exit 1
fi
if ! has_venv "$python"; then
    echo "$python can't make environments. Install its venv package (Debian: python3-venv), or name another: make PYTHON=..." >&2
    exit 1
fi

echo "making $folder with $("$python" --version)"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install -q --disable-pip-version-check --use-pep517 -e "$root[dev]"
# The checkout is the collection: a link, so that a change is there at once.
site=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p "$site/ansible_collections/port995"
ln -sfn "$root" "$site/ansible_collections/port995/pop3s"
touch "$folder/.ready"
