#!/usr/bin/env bash
# resume_earlier.sh TRIREME: a run resumed at an earlier checkpoint goes on from there for whoever asks for the run later;
# while one process trains it, no second one does.
set -euo pipefail
trireme=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/exp.ini" <<'INI'
[data]
reader = synthetic
shape = 4
classes = 2
samples = 64
[model]
preset = mlp
[train]
batch_size = 8
max_epochs = 0
max_steps = 8
[run]
lanes = 1
[checkpoint]
every_steps = 2
every_epochs = 0
keep = 2
INI
train() { "$trireme" train "$folder/exp.ini" --run.dir="$folder/runs" "$@" 2>"$folder/log"; }
fail() { echo "$1"; cat "$folder/log"; ls "$folder"/runs/*/checkpoints; exit 1; }

train --checkpoint.keep=9 || fail "training failed"
run=$(echo "$folder"/runs/exp-*)
train --train.max_steps=6 --resume "$run/checkpoints/step-00000002" || fail "resuming failed"
names=$(cd "$run/checkpoints" && echo step-????????)
[ "$names" = "step-00000004 step-00000006" ] || fail "checkpoints: $names"
[ -d "$run/checkpoints/step-00000008.aside" ] || fail "what came after is gone"
"$trireme" ckpt verify "$run" >"$folder/log" || fail "not whole"
train --train.max_steps=7 --resume "$run" || fail "resuming the run failed"
grep -qF "resuming from $run/checkpoints/step-00000006" "$folder/log" || fail "another checkpoint was taken"

"$trireme" train "$folder/exp.ini" --train.max_steps=1000000 --run.name=long --run.dir="$folder/runs" \
  --debug.kill_rank=0 --debug.slow_rank_ms=20 2>/dev/null &
pid=$!
until long=$(compgen -G "$folder/runs/long-*/checkpoints/step-????????" | tail -n 1); do sleep 0.1; done
code=0
train --train.max_steps=1000001 --resume "${long%/checkpoints/*}" || code=$?
kill -9 "$pid"
[ "$code" -eq 3 ] || fail "two at once: exit code $code"
grep -qF "is being written by another process" "$folder/log" || fail "two at once: another reason"
