#!/usr/bin/env bash
# tables.sh TRIREME PLUGIN [TOLERANCE]: a model with embedding tables trains with --run.device=cuda: weights and rows are the CPU's but for
# rounding; those of a run without recorded steps, and of one that was stopped and resumed, are equal. A checkpoint goes on on
# the CPU.
. "$(dirname "$0")/device.sh"

# Gradient descent, in which a small difference stays small.
file=(configs/synthetic_tables.ini --optimizer.name=sgd --data.samples=1000 --data.validation_samples=100
  --train.max_epochs=0 --train.max_steps=8 --train.batch_size=50 --export.formats=)

stopped() {  # stopped NAME: a copy of the device's run that stopped after step 5
  cp -r "$work/device" "$work/$1"
  rm -r "$(last "$1")"
}
resume() {  # resume NAME OPTIONS...
  train "$1" "${file[@]}" --resume="$(run_of "$1")" "${@:2}"
  grep -q "step-00000005" "$work/$1.log" || fail "$1" "it did not go on from step 5"
}

both device "${file[@]}" --checkpoint.every_steps=5
near cpu-device device
train eager "${file[@]}" --run.device=cuda --cuda.graph=false
equal device eager

stopped resumed
resume resumed --run.device=cuda
equal device resumed
stopped moved
resume moved --run.device=cpu
near cpu-device moved
