#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# ansible-test sanity on the staged tree, with every Python at hand that this ansible-core tests with. Its environments
# are made without a network, under a home of their own: packaging/sanity.sh BIN
set -eu
bin=$1
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree="$work/ansible_collections/port995/pop3s"
"$bin/python" "$root/packaging/stage.py" "$tree"

# ansible-test makes its environments with a script that it would download; what Python brings along does as well.
mkdir -p "$work/home/.ansible/test/cache"
for name in get_pip_20_3_4 get_pip_21_3_1 get_pip_24_2 get_pip_25_2 get_pip_25_3 get_pip_26_0; do
    printf 'import ensurepip\nensurepip.bootstrap()\n' >"$work/home/.ansible/test/cache/$name.py"
done

pythons=
for version in 3.9 3.10 3.11 3.12 3.13 3.14; do
    for candidate in "python$version" "$HOME/.pyenv/versions/$version".*/bin/"python$version"; do
        if path=$(command -v "$candidate" 2>/dev/null) && "$path" -c 'import ensurepip, venv' 2>/dev/null; then
            mkdir -p "$work/path"
            ln -sf "$path" "$work/path/python$version"
            pythons="$pythons $version"
            break
        fi
    done
done
echo "Pythons at hand:$pythons"
case " $pythons " in *" 3.9 "*) ;; *) echo "SKIPPED: no Python 3.9: what travels to managed hosts is not compiled with it here" ;; esac

cd "$tree"
# The tree is no checkout; ansible-test finds its files by itself then. It takes every Python that it finds.
{
    code=0
    HOME="$work/home" PATH="$work/path:$bin:$PATH" PYTHONWARNINGS='' PIP_DISABLE_PIP_VERSION_CHECK=1 \
        "$bin/ansible-test" sanity --color no ${SANITY_ARGS:-} || code=$?
    echo "$code" >"$work/code"
} 2>&1 | tee "$work/said"
[ "$(cat "$work/code")" = 0 ] || exit 1
[ -n "${SANITY_ARGS:-}" ] && exit 0
known=$("$bin/ansible-test" sanity --help 2>/dev/null)
for version in $pythons; do
    case "$known" in *"$version"*) ;; *) continue ;; esac
    grep -q "^Running sanity test \"import\" on Python $version\$" "$work/said" || {
        echo "sanity: Python $version was not used" >&2
        exit 1
    }
done
echo "sanity: clean under$pythons"
