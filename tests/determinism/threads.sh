#!/usr/bin/env bash
# threads.sh PROGRAM CASE: runs a case of cases.txt with 1, 2 and 8 threads and compares the bytes.
set -euo pipefail
cases=$(dirname "${BASH_SOURCE[0]}")/cases.txt
line=$(sed -n "s/^$2: //p" "$cases")
[ -n "$line" ] || { echo "no case $2 in $cases" >&2; exit 2; }
eval "arguments=($line)"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for threads in 1 2 8; do
  "$1" "${arguments[@]}" --threads $threads >"$folder/$threads"
  cmp "$folder/1" "$folder/$threads"
done
[ -s "$folder/1" ] || { echo "printed nothing: $line" >&2; exit 1; }
