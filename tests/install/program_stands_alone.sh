#!/usr/bin/env bash
# program_stands_alone.sh BUILD: the installed program works from an empty folder, with nothing of
# the repository beside it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake --install "$1" --prefix "$folder/prefix" >/dev/null
mkdir "$folder/empty"
cd "$folder/empty"
# Nothing of the caller's environment, but for what keeps a sanitizer quiet about libraries.
bare() { env -i ${TSAN_OPTIONS:+"TSAN_OPTIONS=$TSAN_OPTIONS"} "$@"; }
bare "$folder/prefix/bin/tightrope" --version | grep -q '^catalog [0-9a-f]\{16\}$'
bare "$folder/prefix/bin/tightrope" validate training | grep 'rows, .* expressed' >/dev/null
[ -z "$(ls -A .)" ] || { echo "the program left files behind" >&2; exit 1; }
