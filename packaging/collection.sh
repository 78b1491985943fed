#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Stage the collection and build its tarball: packaging/collection.sh BIN OUTPUT_FOLDER
set -eu
bin=$1
mkdir -p "$2"
output=$(cd "$2" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
"$bin/python" "$root/packaging/stage.py" "$stage/pop3s"
"$bin/ansible-galaxy" collection build --force --output-path "$output" "$stage/pop3s"
