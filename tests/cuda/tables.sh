#!/usr/bin/env bash
# tables.sh TRIREME FAKES: a model with embedding tables trains with --run.device=cuda, our CUDA kernels run by the shim
# behind a plugin: weights and rows are the CPU's but for rounding; those of a run without recorded steps, and of one that was
# stopped and resumed, are equal.
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

cpu=$(train cpu --run.device=cpu)
device=$(train device --run.device=cuda --checkpoint.every_steps=5)
grep -q "cuda 0 (the shim)" "$work/device.log" || { cat "$work/device.log"; exit 1; }
code=0
"$work/trireme" ckpt diff "$(last "$cpu")" "$(last "$device")" >"$work/differences" || code=$?
cat "$work/differences"
[ "$code" -eq 1 ] || { echo "ckpt diff ended with $code: CUDA kernels do not round as the CPU's do"; exit 1; }
awk '/^(model|optimizer|table)\./ && ($2 != "values" || !($5 < 1e-5)) { print "too far apart: " $0; bad = 1 } END { exit bad }' \
  "$work/differences"

eager=$(train eager --run.device=cuda --cuda.graph=false)
"$work/trireme" ckpt diff "$(last "$device")" "$(last "$eager")"

# A run that stopped after step 5.
cp -r "$device" "$work/resumed"
rm -r "$(last "$work/resumed/")"
"$work/trireme" train configs/synthetic_tables.ini "${common[@]}" --run.device=cuda --resume="$work/resumed" >"$work/log" 2>&1 ||
  { cat "$work/log"; exit 1; }
grep -q "step-00000005" "$work/log" || { cat "$work/log"; exit 1; }
"$work/trireme" ckpt diff "$(last "$device")" "$(last "$work/resumed/")"
