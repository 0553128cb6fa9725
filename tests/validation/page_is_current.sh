#!/usr/bin/env bash
# page_is_current.sh PROGRAM: docs/accuracy.md is what the program says today, but for the chart.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" validate training --leave-out --markdown "$folder/accuracy.md" >/dev/null 2>&1
without_chart() { sed '/^!\[/d' "$1" | cat -s; }
diff <(without_chart docs/accuracy.md) <(without_chart "$folder/accuracy.md") || {
  echo "docs/accuracy.md is out of date: make accuracy" >&2
  exit 1
}
