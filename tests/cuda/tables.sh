#!/usr/bin/env bash
# tables.sh TRIREME FAKES: a model with embedding tables trains with --run.device=cuda, our CUDA kernels run by the shim
# behind a plugin: weights and rows are the CPU's but for rounding; those of a run without recorded steps, and of one that was
# stopped and resumed, are equal. A checkpoint goes on on the CPU.
set -euo pipefail
trireme=$1 fakes=$2
work=$(mktemp -d "$(dirname "$trireme")/tables.XXXXXX")
trap 'rm -rf "$work"' EXIT
ln "$trireme" "$work/trireme"
ln -s "$fakes/shim.so" "$work/libtrireme_cuda.so"

# One lane with one leaf, as a device has; gradient descent, in which a small difference stays small.
common=(--run.lanes=1 --train.virtual_shards=1 --optimizer.name=sgd --data.samples=1000 --data.validation_samples=100
  --train.max_epochs=0 --train.max_steps=8 --train.batch_size=50 --export.formats=)
train() {  # train NAME ARGUMENTS...: the run's folder
  local name=$1
  shift
  "$work/trireme" train configs/synthetic_tables.ini "${common[@]}" --run.dir="$work/$name" "$@" >"$work/$name.log" 2>&1 ||
    { cat "$work/$name.log"; exit 1; }
  echo "$work/$name"/*/
}
last() { echo "$1"checkpoints/step-* | tr ' ' '\n' | tail -1; }

near() {  # near A B: no weight, moment or row of the two runs' last checkpoints is further apart than rounding
  "$work/trireme" ckpt diff "$(last "$1")" "$(last "$2")" >"$work/differences" || [ "$?" -eq 1 ]
  cat "$work/differences"
  awk '/^(model|optimizer|table)\./ && ($2 != "values" || !($5 < 1e-5)) { print "too far apart: " $0; bad = 1 } END { exit bad }' \
    "$work/differences"
}
equal() { "$work/trireme" ckpt diff "$(last "$1")" "$(last "$2")"; }
stopped() {  # stopped NAME: a copy of the device's run that stopped after step 5
  cp -r "$device" "$work/$1"
  rm -r "$(last "$work/$1/")"
}
resume() {  # resume NAME ARGUMENTS...
  "$work/trireme" train configs/synthetic_tables.ini "${common[@]}" --resume="$work/$1" "${@:2}" >"$work/$1.log" 2>&1 ||
    { cat "$work/$1.log"; exit 1; }
  grep -q "step-00000005" "$work/$1.log" || { cat "$work/$1.log"; exit 1; }
}

cpu=$(train cpu --run.device=cpu)
device=$(train device --run.device=cuda --checkpoint.every_steps=5)
grep -q "cuda 0 (the shim)" "$work/device.log" || { cat "$work/device.log"; exit 1; }
near "$cpu" "$device"
eager=$(train eager --run.device=cuda --cuda.graph=false)
equal "$device" "$eager"

stopped resumed
resume resumed --run.device=cuda
equal "$device" "$work/resumed/"
stopped moved
resume moved --run.device=cpu
near "$cpu" "$work/moved/"
