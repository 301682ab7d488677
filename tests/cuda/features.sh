#!/usr/bin/env bash
# features.sh TRIREME PLUGIN [TOLERANCE]: what a training does besides its steps, with --run.device=cuda as on the CPU: averages, clipping,
# schedules, frozen parameters, weights to start from, a step that is not finite, early stopping, saving on a signal.
. "$(dirname "$0")/device.sh"
experiment=$(dirname "$0")/features.ini
file=("$experiment" --train.max_steps=12)

metric() {  # metric NAME KEY: of every step or evaluation that has it
  grep -ohE "\"$2\":[^,}]+" "$work/$1"/*/metrics.jsonl
}
same() {  # same NAME KEY: on the CPU and on the device
  [ "$(metric "cpu-$1" "$2")" = "$(metric "$1" "$2")" ] || fail "$1" "$2 is not as on the CPU: $(metric "cpu-$1" "$2" | tr '\n' ' ')"
}

for settings in "average --train.ema=0.9" "clip_value --train.clip_value=0.01" "clip_norm --train.clip_norm=0.1" \
  "cosine --schedule.name=cosine --schedule.unit=steps --schedule.warmup=3" \
  "step --schedule.name=step --schedule.unit=steps --schedule.step_size=4 --schedule.gamma=0.5" \
  "polynomial --schedule.name=polynomial --schedule.power=2" "frozen --train.freeze=conv.*,norm.weight"; do
  read -r -a words <<<"$settings"
  both "${words[0]}" "${file[@]}" "${words[@]:1}"
  near "cpu-${words[0]}" "${words[0]}"
  same "${words[0]}" train/learning_rate
done
"$trireme" ckpt inspect "$(last average)" | grep -q "ema\.conv\.weight" || fail average "the checkpoint has no average"
[ "$(metric cosine train/learning_rate | sort -u | wc -l)" -gt 8 ] || fail cosine "the learning rate stays"

# What is frozen is as it was after four steps, the rest is not.
train early "$experiment" --run.device=cuda --train.max_steps=4 "--train.freeze=conv.*,norm.weight"
"$trireme" ckpt diff "$(last early)" "$(last frozen)" >"$work/moved" && fail frozen "nothing moved"
grep -qE "^model\.out\.weight" "$work/moved" || fail frozen "out.weight did not move: $(cat "$work/moved")"
! grep -E "^model\.(conv|norm\.weight)" "$work/moved" || fail frozen "it moved"

both begun "${file[@]}" "--model.init_from=$(last average)" --optimizer.lr=0.001
near cpu-begun begun
[ "$(metric begun train/loss | head -1)" != "$(metric average train/loss | head -1)" ] || fail begun "it began anew"

both skipped "${file[@]}" --debug.nan_step=3 --train.non_finite=skip
near cpu-skipped skipped
culprits() { grep -ohE "Samples of the batch.*: [0-9,]{20,}" "$1" | head -1; }
[ -n "$(culprits "$work/skipped.log")" ] || fail skipped "it does not name the samples"
for how in cpu cuda; do
  expect=1 train "stopped-$how" "${file[@]}" --debug.nan_step=3 --run.device=$how
  [ "$(culprits "$work/stopped-$how.log")" = "$(culprits "$work/skipped.log")" ] || fail "stopped-$how" "it names other samples"
  [ -z "$(ls -d "$work/stopped-$how"/*/checkpoints/step-* 2>/dev/null)" ] || fail "stopped-$how" "it saved a state that it had refused"
done

both patient "$experiment" --train.max_steps=200 --optimizer.lr=1e-30 --train.early_stopping=2 --train.ema=0.5
same patient "stopped early[^\"]*"
grep -q "stopped early: 2 evaluations without improvement of validation/loss" "$work/patient.log" || fail patient "it did not stop"
[ "$(basename "$(last patient)")" = step-00000030 ] || fail patient "it stopped at $(last patient)"
near cpu-patient patient

# On a signal: exit code 75, and the bits of a training that was left alone.
train whole "$experiment" --run.device=cuda --train.max_steps=60 --train.ema=0.9
for signal in USR1 TERM; do
  "$trireme" train "$experiment" --run.dir="$work/$signal" --run.lanes=1 --train.virtual_shards=1 --run.device=cuda \
    --train.max_steps=60 --train.ema=0.9 --debug.stall=1 --debug.stall_ms=20 >"$work/$signal.log" 2>&1 &
  pid=$! code=0
  for _ in $(seq 100); do
    if grep -qs '"kind":"step"' "$work/$signal"/*/metrics.jsonl; then break; fi
    sleep 0.05
  done
  kill "-$signal" $pid
  wait $pid || code=$?
  [ "$code" -eq 75 ] || fail "$signal" "exit code $code, 75 expected"
  grep -q "saved at step .* on a signal" "$work/$signal.log" || fail "$signal" "it does not say that it saved"
  [ "$(basename "$(last "$signal")")" != step-00000060 ] || fail "$signal" "it had come to its end"
  train "$signal" "$experiment" --run.device=cuda --train.max_steps=60 --train.ema=0.9 --resume="$(run_of "$signal")"
  equal whole "$signal" || fail "$signal" "another state than that of a training that was left alone"
done

expect=2 train rounded "${file[@]}" --run.device=cpu --run.reproducible=false --cuda.reduce_type=bf16
grep -q "cuda.reduce_type = bf16 is of gradients between devices" "$work/rounded.log" || fail rounded "it does not say why"
