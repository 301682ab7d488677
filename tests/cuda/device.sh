# Sourced by the tests beside it that train with --run.device=cuda. Their arguments: the program; a plugin, as the fake whose
# device is host memory and our CUDA kernels run by the shim; how far from the CPU's a value may be, 1e-5 where that is not
# given. $work goes in the end.
set -euo pipefail
work=$(mktemp -d "$(dirname "$1")/device.XXXXXX")
trap 'rm -rf "$work"' EXIT
ln "$1" "$work/trireme"
ln -s "$2" "$work/libtrireme_cuda.so"
trireme=$work/trireme tolerance=${3:-1e-5}

fail() {  # fail NAME WHY: with what training NAME said
  echo "$1: $2"
  cat "$work/$1.log"
  exit 1
}
# train NAME FILE OPTIONS...: in $work/NAME, with one lane and one leaf, as a device has; what it says is in $work/NAME.log. Its
# exit code must be $expect, 0 where that is not set.
train() {
  local name=$1 code=0
  "$trireme" train "$2" --run.dir="$work/$name" --run.lanes=1 --train.virtual_shards=1 "${@:3}" >"$work/$name.log" 2>&1 || code=$?
  [ "$code" -eq "${expect:-0}" ] || fail "$name" "exit code $code, ${expect:-0} expected"
}
# both NAME FILE OPTIONS...: on the CPU as cpu-NAME, on the device as NAME.
both() {
  train "cpu-$1" "${@:2}" --run.device=cpu
  train "$1" "${@:2}" --run.device=cuda
  grep -q "cuda 0 (" "$work/$1.log" || fail "$1" "not trained on the device"
}
run_of() { echo "$work/$1"/*/; }  # the folder of a training
last() { echo "$work/$1"/*/checkpoints/step-* | tr ' ' '\n' | tail -1; }
# near A B: no weight, moment or row of the two trainings' last checkpoints is further apart than rounding.
near() {
  "$trireme" ckpt diff "$(last "$1")" "$(last "$2")" >"$work/differences" || [ "$?" -eq 1 ]
  awk -v name="$2" -v tolerance="$tolerance" '/^(model|optimizer|ema|table)\./ {
      if ($2 != "values" || !($5 < tolerance)) { print "too far apart: " $0; bad = 1 }
      if ($5 > most) most = $5
    }
    END { print name ": at most " most + 0 " apart"; exit bad }' "$work/differences"
}
equal() { "$trireme" ckpt diff "$(last "$1")" "$(last "$2")"; }
