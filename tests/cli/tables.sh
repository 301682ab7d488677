#!/usr/bin/env bash
# tables.sh TRIREME: a model with embedding tables learns, verify proves it, and what tables are not for is refused.
set -euo pipefail
trireme=$1
command -v mpirun >/dev/null || { echo "SKIPPED: needs mpirun"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
experiment=configs/synthetic_tables.ini

"$trireme" train "$experiment" --run.dir="$folder" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
accuracy=$(grep -oE 'accuracy [0-9.]+' "$folder/log" | tail -1 | cut -d' ' -f2)
awk -v a="$accuracy" 'BEGIN { exit !(a >= 85) }' || { echo "accuracy $accuracy, 85 or more expected"; exit 1; }
checkpoint=$(echo "$folder"/synthetic_tables-*/checkpoints/step-* | tr ' ' '\n' | tail -1)
"$trireme" ckpt inspect "$checkpoint" | grep -E '^table (emb|wide): [0-9]+ rows of (8|1) values'
"$trireme" ckpt inspect "$checkpoint" >"$folder/inspected"
for words in 'norm of a row      min [0-9]' 'updates of a row   min [0-9].*% of rows have one' 'most updated keys  -?[0-9]+ \([0-9]+\)' \
  'steps untouched    min 0 '; do
  [ "$(grep -cE "^  $words" "$folder/inspected")" -eq 2 ] || { echo "not of both tables: $words"; cat "$folder/inspected"; exit 1; }
done

run=$(dirname "$(dirname "$checkpoint")")
first=$(echo "$run"/checkpoints/step-* | tr ' ' '\n' | head -1)
code=0
"$trireme" ckpt diff "$first" "$checkpoint" >"$folder/differences" || code=$?
[ "$code" -eq 1 ] || { echo "ckpt diff ended with $code, 1 expected"; exit 1; }
grep -E '^table emb: 0 keys only in A, [0-9]+ only in B, [0-9]+ in both, of which [0-9]+ rows differ' "$folder/differences"
measured=$("$trireme" eval "$run" | grep -E '^  (loss|accuracy)')
for what in "$run/export" "$run/export/model.safetensors"; do
  [ "$("$trireme" eval "$what" | grep -E '^  (loss|accuracy)')" = "$measured" ] || { echo "$what: not $measured"; exit 1; }
done

TMPDIR=$folder "$trireme" verify "$experiment" --verify.steps=6 >"$folder/table"
cat "$folder/table"
grep -q "^Holds: 10 trainings" "$folder/table"

refused() {  # refused WORDS ARGUMENTS...
  local code=0 words=$1
  shift
  "$trireme" train "$experiment" --run.dir="$folder" "$@" >"$folder/log" 2>&1 || code=$?
  [ "$code" -eq 2 ] || { echo "$*: exit code $code, 2 expected"; cat "$folder/log"; exit 1; }
  grep -q "$words" "$folder/log" || { echo "$*: no word of '$words'"; cat "$folder/log"; exit 1; }
}
refused "train.ema has no averages" --train.ema=0.9
