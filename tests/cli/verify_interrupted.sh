#!/usr/bin/env bash
# verify_interrupted.sh TRIREME: Ctrl-C ends verify with its ranks, and removes its runs.
set -euo pipefail
trireme=$1
command -v mpirun >/dev/null || { echo "SKIPPED: needs mpirun"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR=$folder

# Long enough to be met in the middle of the first training.
"$trireme" verify configs/digits_mlp.ini --verify.steps=900000 >"$folder/table" 2>"$folder/errors" &
verify=$!
ranks() { grep -lazs -- "--run.dir=$folder/trireme-verify-" /proc/[0-9]*/cmdline || true; }
for _ in $(seq 200); do
  compgen -G "$folder/trireme-verify-*/reference/digits_mlp-*/rank-0.log" >/dev/null && break
  sleep 0.1
done
[ -n "$(ranks)" ] || { echo "the training was to be running"; exit 1; }
kill -INT "$verify"
code=0
wait "$verify" || code=$?
[ "$code" -eq 130 ] || { echo "exit code $code, 130 expected"; cat "$folder/errors"; exit 1; }
[ -z "$(ranks)" ] || { echo "left running: $(ranks)"; exit 1; }
grep -q "interrupted; nothing is left running" "$folder/errors"
if compgen -G "$folder/trireme-verify-*"; then echo "the runs were to be removed"; exit 1; fi
