#!/usr/bin/env bash
# several_inputs.sh TRIREME: a model with two inputs ends with the same weights on 1 and on 2 ranks, and
# both exports predict from the rows of the data.
. "$(dirname "$0")/common.sh"
experiment=configs/digits_two_inputs.ini

train() {  # train RANKS: the SHA-256 of the last checkpoint's tensors
  local run=$folder/run-$1
  mpirun --oversubscribe --bind-to none -n "$1" "$trireme" train "$experiment" --run.dir="$run" \
    --train.max_steps=30 --train.max_epochs=0 >"$folder/log-$1" 2>&1 || { cat "$folder/log-$1" >&2; exit 1; }
  cat "$run"/*/checkpoints/step-00000030/*.safetensors | sha256sum | cut -d' ' -f1
}

one=$(train 1)
two=$(train 2)
[ "$one" = "$two" ] || { echo "weights of 1 rank: $one, of 2 ranks: $two"; exit 1; }
exported=$(echo "$folder"/run-2/*/export)
zcat data/digits/digits.csv.gz | head -n 20 >"$folder/rows.csv" || true  # head closes the pipe
for what in "$exported" "$exported/model.onnx"; do
  "$trireme" predict "$what" --input "$folder/rows.csv" | tee "$folder/predictions"
  [ "$(wc -l <"$folder/predictions")" -ge 19 ] || { echo "$what: a line for each row expected"; exit 1; }
done
