#!/usr/bin/env bash
# table_life.sh TRIREME: rows of tables that are admitted, expire and are evicted, through the program: the same checkpoint
# from one rank, two, and workers with servers; from a resumed run; the counts in metrics; and a budget that is too small.
. "$(dirname "$0")/common.sh"

# train NAME RANKS [OPTIONS]: the exit code
train() {
  job "$1" "$2" configs/synthetic_tables.ini --data.samples=4000 --data.validation_samples=200 --data.ids_range=2000 --train.max_epochs=0 \
    --train.max_steps="${steps:-24}" --checkpoint.every_steps=10 --tables.expire_after=8 "${@:3}"
}
equal() {  # equal NAME OTHER: their last checkpoints, tables by key
  "$trireme" ckpt diff "$folder/$1"/*/checkpoints/step-00000024 "$folder/$2"/*/checkpoints/step-00000024 >"$folder/diff"
}
metric() {  # metric NAME TABLE COUNT: of the last step
  grep '"kind":"step"' "$folder/$1"/*/metrics.jsonl | tail -1 | grep -oE "\"table/$2/$3\":[0-9]+" | cut -d: -f2
}
served=(--exchange.name=parameter_server --exchange.servers)
lru=(--tables.admit_after=2 --tables.budget_mib=0.25)
lfu=(--tables.budget_mib=0.2 --tables.evict=lfu)

same() {  # same NAME OTHER
  equal "$1" "$2" || fail "$2" "another checkpoint than that of $1"
  for what in rows candidates admitted expired evicted; do
    [ "$(metric "$1" emb $what)" = "$(metric "$2" emb $what)" ] || fail "$2" "other $what than those of $1"
  done
}
adds_up() {
  local rows expired evicted
  rows=$(metric "$1" emb rows) expired=$(metric "$1" emb expired) evicted=$(metric "$1" emb evicted)
  echo "$1: $rows rows, $expired expired, $evicted evicted"
  [ "$expired" -gt 0 ] && [ "$evicted" -gt 0 ] && [ "$rows" -gt 0 ] || fail "$1" "nothing expired or nothing was evicted"
  [ "$(metric "$1" emb admitted)" = $((rows + expired + evicted)) ] || fail "$1" "counts do not add up"
  [ "$(metric "$1" emb bytes)" -le 262144 ] || fail "$1" "more bytes than the budget"
  grep -q "table emb: $rows rows in .*; [0-9]* rows admitted, $expired expired, $evicted evicted" "$folder/$1.log" ||
    fail "$1" "the log does not say what became of rows"
  "$trireme" ckpt inspect "$folder/$1"/*/checkpoints/step-00000024 >"$folder/inspected"
  grep -q "^table emb: $rows rows of 8 values" "$folder/inspected" ||
    fail "$1" "the checkpoint has other rows"
}
from_the_middle() {  # from_the_middle NAME: a copy that lost its last checkpoints
  cp -r "$folder/$1" "$folder/again-$1"
  rm -r "$folder/again-$1"/*/checkpoints/step-00000020 "$folder/again-$1"/*/checkpoints/step-00000024
}

[ "$(train lru 1 "${lru[@]}")" = 0 ] || fail lru "one rank did not train"
[ "$(train two 2 "${lru[@]}")" = 0 ] || fail two "two ranks did not train"
[ "$(train served-1 3 "${lru[@]}" "${served[@]}=1")" = 0 ] || fail served-1 "2 workers and 1 server did not train"
[ "$(train served-2 4 "${lru[@]}" "${served[@]}=2")" = 0 ] || fail served-2 "2 workers and 2 servers did not train"
[ "$(train mixed 4 "${lru[@]}" "${served[@]}=2" --exchange.dense=all_reduce)" = 0 ] || fail mixed "rows alone on servers did not train"
[ "$(train lfu 1 "${lfu[@]}")" = 0 ] || fail lfu "one rank did not train"
[ "$(train served-lfu 4 "${lfu[@]}" "${served[@]}=2")" = 0 ] || fail served-lfu "2 workers and 2 servers did not train"
adds_up lru
adds_up lfu
for name in two served-1 served-2 mixed; do same lru $name; done
same lfu served-lfu

# From the middle, on others than those who began.
for name in two served-2 served-lfu; do from_the_middle $name; done
[ "$(train again-two 3 "${lru[@]}" "${served[@]}=1" --resume auto)" = 0 ] || fail again-two "it does not resume on servers"
[ "$(train again-served-2 1 "${lru[@]}" --resume auto)" = 0 ] || fail again-served-2 "it does not resume without servers"
[ "$(train again-served-lfu 3 "${lfu[@]}" "${served[@]}=1" --resume auto)" = 0 ] || fail again-served-lfu "it does not resume on another server"
for name in again-two again-served-2; do same lru $name; done
same lfu again-served-lfu
[ "$(metric lru emb candidates)" -gt 0 ] || fail lru "no key waits"
! equal lru lfu || fail lfu "lru and lfu keep the same rows"
grep -q "table emb: [1-9][0-9]* rows here, .*evicted" "$folder/served-2"/*/rank-3.log || fail served-2 "the last server says nothing of its rows"

# At their own pace, and exports hold the rows that are left.
[ "$(train async 4 "${lru[@]}" "${served[@]}=2" --exchange.consistency=async --train.clip_norm=0)" = 0 ] || fail async "async did not train"
grep -q "table emb: [1-9][0-9]* rows" "$folder/async.log" || fail async "the log does not say what became of rows"
grep -q "model.onnx" "$folder/lru"/*/export/SHA256SUMS || fail lru "no export"

[ "$(train small 1 --tables.budget_mib=0.05)" = 2 ] || fail small "a budget without a row for each shard was not refused"
grep -q "set tables.budget_mib = 0\.[0-9]* or more" "$folder/small.log" || fail small "the refusal does not name the least budget"
least=$(grep -oE "tables.budget_mib = [0-9.]+" "$folder/small.log" | tail -1 | grep -oE "[0-9.]+$")
[ "$(steps=2 train least 1 --tables.budget_mib="$least")" = 0 ] || fail least "the least budget is refused, too"
