#!/usr/bin/env bash
# page_is_current.sh PROGRAM: docs/accuracy.md is what the program says today. Sections that need no
# fit without a group are compared, so that the test takes no time.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" validate training --markdown "$folder/accuracy.md" >/dev/null 2>&1
sections() {
  awk '/^##/ {on = /^## (Beside|Which|Peak|Worst)/ || /^### By precision/} on' "$1"
}
sections docs/accuracy.md >"$folder/written"
[ -s "$folder/written" ] || { echo "docs/accuracy.md has none of its sections" >&2; exit 1; }
diff "$folder/written" <(sections "$folder/accuracy.md") || {
  echo "docs/accuracy.md is out of date: make accuracy" >&2
  exit 1
}
