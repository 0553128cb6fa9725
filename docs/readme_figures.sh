#!/usr/bin/env bash
# readme_figures.sh: brings README.md up to date: what its examples print, and the short tables of
# docs/accuracy.md between their marks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The examples: each command after `$ `, run again, as many paragraphs of it as stand there.
for n in 1 2; do
  awk -v n=$n '/^\$ build\/release\/tightrope plan/ {on = ++at == n} /^```/ {on = 0} on' README.md \
    >"$folder/block"
  command=$(awk '{sub(/^\$ /, ""); print} !/\\$/ {exit}' "$folder/block")
  paragraphs=$(awk 'BEGIN {RS = ""} END {print NR}' "$folder/block")
  bash -c "$command" | awk -v most="$paragraphs" '/^$/ {++seen} seen < most' >"$folder/example$n"
done

{
  echo "Rows that the fit has seen, errors in percent:"
  echo
  awk '/^By kind of model/ {on = 1} /^## Rows that/ {on = 0} on && /^\|/' docs/accuracy.md
  echo
  echo "All rows as fits say them that had not seen them, and the share inside the bands:"
  echo
  awk '/^## Rows that/ {on = 1} /^## Error bands/ {on = 0}
       on && /^\|/ && (!/^\| [a-z]/)' docs/accuracy.md | sed 's/\*\*//g'
} >"$folder/figures"

awk -v example="$folder/example" -v figures="$folder/figures" '
  function show(file, line) { while ((getline line < file) > 0) print line }
  /^\$ build\/release\/tightrope plan/ {inside = ++n}
  inside && !skip {print; if (!/\\$/) {show(example inside); skip = 1}; next}
  inside && /^```/ {inside = 0; skip = 0}
  /<!-- figures -->/ {print; show(figures); skip = 1; next}
  /<!-- end of figures -->/ {skip = 0}
  !skip' README.md >"$folder/readme"
cat "$folder/readme" >README.md
