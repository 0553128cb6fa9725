#!/bin/sh
# Instructions a mapping by callgrind, which counts the same on a loaded machine as on an idle one.
# usage: bench/search/instructions.sh [build folder, default build/bench]
set -eu
build=${1:-build/bench}
command -v valgrind >/dev/null || { echo "valgrind is not installed: apt-get install valgrind"; exit 1; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
printf '%-6s %-8s %14s %12s %12s %14s %14s\n' \
  case mode instructions mappings carried per_mapping per_carried
for case in 0 1 2; do
  for mode in bounds singly; do
    counts=$(valgrind --tool=callgrind --callgrind-out-file="$out/$case.$mode" \
      --collect-atstart=no --toggle-collect='tightrope::search::search_mappings*' \
      "$build/bench_search" --case "$case" --mode "$mode" 2>"$out/log")
    total=$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$out/log")
    echo "$case $mode $total $counts" | awk '{
      printf "%-6s %-8s %14.0f %12d %12d %14.1f %14.1f\n", $1, $2, $3, $4, $5, $3 / $4, $3 / $5 }'
  done
done
