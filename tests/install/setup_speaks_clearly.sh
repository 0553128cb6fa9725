#!/usr/bin/env bash
# setup_speaks_clearly.sh ROOT: ./setup refuses what it does not know before it touches anything, and
# the package lists have the form it reads.
set -euo pipefail
cd "$1"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() { echo "$1" >&2; exit 1; }

# expect CODE PATTERN COMMAND...: exit code and a line of the output.
expect() {
  local wanted=$1 pattern=$2 code=0
  shift 2
  "$@" >"$folder/output" 2>&1 || code=$?
  [ $code -eq "$wanted" ] || fail "exit $code, not $wanted: $*"
  grep -q -- "$pattern" "$folder/output" || fail "no line like '$pattern': $*"
}

printf 'ID=fedora\nVERSION_ID=42\n' >"$folder/fedora"
printf 'ID=debian\nVERSION_ID="11"\n' >"$folder/debian11"
printf 'ID=ubuntu\nVERSION_ID="22.04"\n' >"$folder/ubuntu22"
for system in fedora debian11 ubuntu22 absent; do
  expect 1 "knows Debian 12 and Ubuntu 24.04" env TIGHTROPE_OS_RELEASE="$folder/$system" ./setup
  grep -q '^  ninja-build$' "$folder/output" || fail "the packages are not listed"
done
expect 2 "unknown option --fast" ./setup --fast
expect 0 "--no-run" ./setup --help

for list in packages.apt packages-dev.apt; do
  if grep -vE '^#|^[a-z0-9.+-]+ +# .+' $list; then fail "$list: write 'package  # reason'"; fi
done
