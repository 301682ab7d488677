#!/usr/bin/env bash
# From a clean clone to a trained, exported and used model.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source-path=SCRIPTDIR source=steps.sh
. launch/steps.sh

usage() {
  cat <<'TEXT'
Usage: quickstart.sh [--section.key=value ...]

Installs what is missing, builds Trireme, trains configs/digits_cnn.ini with two ranks, and predicts one digit
with the export. Options go to the training, as --train.max_epochs=2.
TEXT
}
case ${1:-} in -h | --help) usage; exit 0 ;; esac

logs=$root/build/quickstart
mkdir -p "$logs"
step "Set-up" "$logs/setup.log" launch/setup.sh
step "Build (minutes, the first time)" "$logs/build.log" build build trireme -- -DCMAKE_BUILD_TYPE=Release

echo
echo "Training: launch/run_local.sh -n 2 configs/digits_cnn.ini"
begin=$SECONDS
# An empty --resume: a new run each time.
launch/run_local.sh -n 2 configs/digits_cnn.ini --resume= "$@" 2>&1 | tee "$logs/train.log" | sed 's/^/  /' || {
  echo "training failed: see above, and $logs/train.log" >&2
  exit 1
}
run=$(sed -n 's/.*run directory: //p' "$logs/train.log" | tail -1)
[ -d "$run/export" ] || { echo "training left no export in '$run': see $logs/train.log" >&2; exit 1; }
echo "done in $((SECONDS - begin)) s"

echo
echo "Prediction: trireme predict $run/export --input digit.csv"
digit=$logs/digit.csv
gzip -dc data/digits/digits.csv.gz | sed -n '1p;6p' >"$digit"
prediction=$(build/trireme predict "$run/export" --input "$digit" --top 3) ||
  { echo "the prediction failed: see above" >&2; exit 1; }
printf '  %s\n' "${prediction//$'\n'/$'\n'  }"
echo "  (the label of this row is $(sed -n 2p "$digit" | cut -d, -f1))"

echo
echo "run      $run"
echo "parity   $(sed -n 's/.*exported to [^:]*: //p' "$logs/train.log" | tail -1)"
echo "export   $run/export (model.onnx, model.safetensors)"
echo "report   $run/report.html"
