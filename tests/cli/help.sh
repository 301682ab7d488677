#!/usr/bin/env bash
# help.sh TRIREME: every command explains itself on one screen: exit code 0, 24 lines of 100 columns at
# most, no option twice.
set -euo pipefail
trireme=$1
failed=0

check() {  # check NAME ARGUMENTS...
  local name=$1 text code=0
  shift
  text=$("$trireme" "$@" 2>&1) || code=$?
  local lines width twice
  lines=$(wc -l <<<"$text")
  width=$(awk '{ if (length > most) most = length } END { print most }' <<<"$text")
  twice=$(grep -oE '^  --[a-z._-]+' <<<"$text" | sort | uniq -d || true)
  if [ "$code" -ne 0 ]; then echo "$name: exit code $code, 0 expected"; failed=1; fi
  if [ "$lines" -gt 24 ]; then echo "$name: $lines lines, at most 24 expected"; failed=1; fi
  if [ "$width" -gt 100 ]; then echo "$name: $width columns, at most 100 expected"; failed=1; fi
  if [ -n "$twice" ]; then echo "$name: shown twice:$twice"; failed=1; fi
  if ! grep -q "^Usage: .*trireme" <<<"$text"; then echo "$name: no line that begins with Usage:"; failed=1; fi
}

commands=$("$trireme" --help | sed -n 's/^  \([a-z]*\)  *[a-z].*/\1/p' | grep -v -e trireme -e mpirun)
for expected in train eval predict export verify gradients config ckpt devices; do
  grep -qx "$expected" <<<"$commands" || { echo "trireme --help does not list $expected"; failed=1; }
done
check trireme --help
check "trireme -h" -h
for command in $commands; do
  check "$command --help" "$command" --help
  check "$command -h" "$command" -h
done
exit "$failed"
