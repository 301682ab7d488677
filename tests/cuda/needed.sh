#!/usr/bin/env bash
# needed.sh FILE PATTERN...: FILE needs no shared library whose name matches one of the patterns, and has no
# undefined symbol of the CUDA driver.
set -euo pipefail
file=$1 failed=0
shift
dynamic=$(readelf -d "$file")
grep -q NEEDED <<<"$dynamic" || { echo "$file: readelf shows no NEEDED entry"; exit 1; }
for pattern in "$@"; do
  if grep NEEDED <<<"$dynamic" | grep -E "\[$pattern"; then
    echo "$file needs $pattern"
    failed=1
  fi
done
if nm -D --undefined-only "$file" | grep -E ' cu[A-Z][A-Za-z]*$'; then
  echo "$file leaves symbols of the CUDA driver undefined"
  failed=1
fi
exit "$failed"
