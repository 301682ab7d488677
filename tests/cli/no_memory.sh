#!/usr/bin/env bash
# no_memory.sh TRIREME: what is larger than memory ends with exit code 4 and says so, at once.
set -euo pipefail
trireme=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/exp.ini" <<'INI'
[data]
reader = synthetic
shape = 4
classes = 2
[model]
preset = mlp
[train]
max_steps = 2
INI
ulimit -v 8000000
failed=0
expect() {  # expect OPTIONS...
  local output code=0
  output=$("$trireme" train "$folder/exp.ini" --run.dir="$folder/runs" --run.lanes=1 "$@" 2>&1) || code=$?
  [ "$code" -eq 4 ] || { echo "$*: exit code $code, 4 expected: $output"; failed=1; }
  grep -qF "there is not enough memory" <<<"$output" || { echo "$*: says $output"; failed=1; }
}
expect --data.samples=1000000000000
expect --data.shape=16777216x16777216x4096
expect --data.samples=1000000 --data.ids_features=65536 --data.ids_values=65536
exit "$failed"
