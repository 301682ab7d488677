#!/usr/bin/env bash
# verify_holds.sh TRIREME: verify proves an experiment and leaves nothing behind.
set -euo pipefail
trireme=$1
command -v mpirun >/dev/null || { echo "SKIPPED: needs mpirun"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

TMPDIR=$folder "$trireme" verify configs/digits_mlp.ini --verify.steps=6 >"$folder/table"
cat "$folder/table"
hashes=$(grep -oE '[0-9a-f]{16}' "$folder/table")
[ "$(wc -l <<<"$hashes")" -eq 9 ] || { echo "9 hashes of weights expected"; exit 1; }
[ "$(sort -u <<<"$hashes" | wc -l)" -eq 1 ] || { echo "one hash expected"; exit 1; }
[ "$(grep -cE '  equal( |$)' "$folder/table")" -ge 8 ] || { echo "8 equal runs expected"; exit 1; }
grep -q "^Holds: 9 trainings" "$folder/table"
if [ "$(awk '{ if (length > most) most = length } END { print most }' "$folder/table")" -gt 100 ]; then
  echo "the table is wider than 100 columns"
  exit 1
fi
if compgen -G "$folder/trireme-verify-*"; then echo "the runs were to be removed"; exit 1; fi
