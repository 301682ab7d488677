#!/usr/bin/env bash
# codecs.sh TRIREME: gradients that travel to servers in a codec, through the program: it learns, tells what it saved, and
# checkpoints lose nothing.
. "$(dirname "$0")/common.sh"

# train NAME RANKS STEPS [OPTIONS]: the exit code
train() {
  job "$1" "$2" configs/digits_mlp.ini --run.reproducible=false --train.max_steps="$3" --train.max_epochs=0 --export.formats= "${@:4}"
}
coded=(--exchange.name=parameter_server --exchange.servers=1 --exchange.top_k=0.05 --exchange.codec)
troubles=(--debug.repeat_messages=0.3 --debug.delay_messages_ms=1)

for codec in int8 top_k; do
  [ "$(train "$codec" 3 200 "${coded[@]}=$codec" "${troubles[@]}" --checkpoint.every_steps=100)" = 0 ] ||
    fail "$codec" "it does not train"
  accuracy=$(grep -oE 'accuracy [0-9.]+' "$folder/$codec.log" | tail -1 | cut -d' ' -f2)
  awk -v a="$accuracy" 'BEGIN { exit !(a >= 80) }' || fail "$codec" "accuracy $accuracy, 80 or more expected"
  grep -q "400 pushes in $codec" "$folder/$codec.log" || fail "$codec" "nothing told of what was saved"
  grep -q '"exchange/codec_saved_bytes":[1-9].*"exchange/codec_error":0\.[0-9]' "$folder/$codec"/*/metrics.jsonl ||
    fail "$codec" "no metrics"
done
[ "$(train bf16 3 40 "${coded[@]}=bf16" --exchange.consistency=bounded)" = 0 ] ||
  fail bf16 "it does not train at its own pace"
grep -q '"exchange/codec_saved_bytes":[1-9]' "$folder/bf16"/*/metrics.jsonl || fail bf16 "no metrics"

# Other numbers of workers go on with what was left out; without a codec it is dropped, and they say so.
"$trireme" ckpt inspect "$folder"/top_k/*/checkpoints | grep -q "exchange.residual\." ||
  fail top_k "the checkpoint has no residuals"
cp -r "$folder/top_k" "$folder/plain"
[ "$(train top_k 2 220 "${coded[@]}=top_k" --resume auto)" = 0 ] || fail top_k "it does not resume on one worker"
! grep -q "is dropped\|are not in the checkpoint" "$folder/top_k.log" || fail top_k "it warns although nothing is dropped"
[ "$(train plain 2 220 --resume auto)" = 0 ] || fail plain "it does not resume on an all-reduce"
grep -q "left out so far is dropped" "$folder/plain.log" || fail plain "it does not say what is dropped"
