#!/usr/bin/env bash
# threads.sh PROGRAM ARGUMENTS: runs the program with 1, 2 and 8 threads and compares the bytes.
set -euo pipefail
program=$1
read -ra arguments <<<"$2"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for threads in 1 2 8; do
  "$program" "${arguments[@]}" --threads $threads >"$folder/$threads"
  cmp "$folder/1" "$folder/$threads"
done
[ -s "$folder/1" ] || { echo "printed nothing: $2" >&2; exit 1; }
