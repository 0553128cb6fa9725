#!/usr/bin/env bash
# compilers.sh: builds the program with g++ and with clang and compares what both print.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if ! command -v clang++-19 >/dev/null; then
  echo "determinism: skipped, clang++-19 is not installed (./setup --dev)"
  exit 0
fi
for preset in release clang; do
  cmake --preset $preset >/dev/null
  cmake --build --preset $preset --target tightrope | tail -n 1
done
failed=0
while IFS=: read -r name arguments; do
  # The version names the compiler, so it differs by intent.
  case $name in '' | '#'* | version) continue ;; esac
  eval "words=($arguments)"
  gcc=$(build/release/tightrope "${words[@]}" | sha256sum)
  clang=$(build/clang/tightrope "${words[@]}" | sha256sum)
  if [ "$gcc" = "$clang" ]; then
    echo "same    $name"
  else
    echo "DIFFERS $name"
    failed=1
  fi
done <tests/determinism/cases.txt
exit $failed
