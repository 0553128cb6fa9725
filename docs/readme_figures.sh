#!/usr/bin/env bash
# readme_figures.sh: puts the short tables of docs/accuracy.md between the marks in README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
figures=$(mktemp)
trap 'rm -f "$figures" "$figures.md"' EXIT
{
  echo "Rows that the fit has seen, errors in percent:"
  echo
  awk '/^By kind of model/ {on = 1} /^## Rows that/ {on = 0} on && /^\|/' docs/accuracy.md
  echo
  echo "All rows as fits say them that had not seen them, and the share inside the bands:"
  echo
  awk '/^## Rows that/ {on = 1} /^## Error bands/ {on = 0}
       on && /^\|/ && (!/^\| [a-z]/)' docs/accuracy.md | sed 's/\*\*//g'
} >"$figures"
awk -v file="$figures" '
  /<!-- figures -->/ {print; while ((getline line < file) > 0) print line; skip = 1; next}
  /<!-- end of figures -->/ {skip = 0}
  !skip' README.md >"$figures.md"
cat "$figures.md" >README.md
