#!/usr/bin/env bash
# wrong_export.sh TRIREME: an export whose experiment is damaged ends with exit code 3, as an export that is wrong.
set -euo pipefail
trireme=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
"$trireme" train configs/digits_mlp.ini --train.max_epochs=1 --run.dir="$folder/runs" --run.lanes=1 \
  --export.formats=onnx,safetensors 2>"$folder/log" || { cat "$folder/log"; exit 1; }
export=$(echo "$folder"/runs/*/export)

# expect TEXT FILE: evaluation of that file of the export fails with that text.
expect() {
  local output code=0
  output=$("$trireme" eval "$export/$2" 2>&1) || code=$?
  [ "$code" -eq 3 ] || { echo "$2: exit code $code, 3 expected: $output"; failed=1; }
  grep -qF "$1" <<<"$output" || { echo "$2: no \"$1\" in: $output"; failed=1; }
}
sed -i 's/^delay_messages_ms = /delay_messages_mz = /' "$export/experiment.ini"
expect "export/experiment.ini: experiment.ini:" model.safetensors
rm "$export/SHA256SUMS"
sed -i 's/delay_messages_ms = /delay_messages_mz = /' "$export/model.onnx"
expect "export/model.onnx: its experiment:" model.onnx
exit "$failed"
