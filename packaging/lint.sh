#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every static check; all of them run, and one that fails fails the whole: packaging/lint.sh BIN
set -u
cd "$(dirname "$0")/.." || exit 1
bin=$1
PATH="$bin:$PATH"
export PATH
failed=
check() {
    echo "== $*"
    "$@" || failed="$failed $1"
}
check ruff check --quiet --output-format concise .
check mypy
check yamllint --strict .
check antsibull-changelog lint
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
python packaging/stage.py "$stage/ansible_collections/port995/pop3s" || exit 1
cp .yamllint "$stage/ansible_collections/port995/pop3s/"
# On the staged tree: that is what Galaxy's importer looks at.
echo "== ansible-lint"
(cd "$stage/ansible_collections/port995/pop3s" && ANSIBLE_COLLECTIONS_PATH="$stage" ansible-lint --offline --strict \
    --profile production -c "$OLDPWD/.config/ansible-lint.yml" --project-dir . .) || failed="$failed ansible-lint"
[ -z "$failed" ] && echo "lint: all clean" && exit 0
echo "lint: failed:$failed" >&2
exit 1
