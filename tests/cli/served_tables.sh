#!/usr/bin/env bash
# served_tables.sh TRIREME: embedding tables whose rows live on servers, through the program: the checkpoint of one rank,
# the export by the last, resuming with and without servers, workers at their own pace, and the death of a server.
. "$(dirname "$0")/common.sh"
cat >"$folder/clicks.ini" <<'END'
[data]
reader = synthetic
shape = 4
target = class
classes = 2
samples = 2000
validation_samples = 200
ids_features = 5
ids_values = 2
ids_range = 300
[model]
input = x: 4
input = ids: 5x2 dtype=int64
layer = emb: embedding_bag from=ids dim=8 mode=mean
layer = wide: embedding_bag from=ids dim=1 flat=true init=zeros
layer = bottom: dense from=x units=8 activation=relu
layer = dots: dot_interaction from=bottom,emb
layer = all: concat from=dots,wide
layer = out: dense units=1
loss = sigmoid_cross_entropy
[train]
batch_size = 128
max_steps = 12
max_epochs = 0
clip_norm = 0.5
clip_table_norm = 0.4
clip_row_norm = 0.1
[optimizer]
name = adam
lr = 0.01
[export]
formats = onnx, safetensors
END

# train NAME RANKS [OPTIONS]: the exit code
train() { job "$1" "$2" "$folder/clicks.ini" --checkpoint.every_steps=5 "${@:3}"; }
equal() {  # equal NAME OTHER: their last checkpoints, tables by key
  "$trireme" ckpt diff "$folder/$1"/*/checkpoints/step-00000012 "$folder/$2"/*/checkpoints/step-00000012 >"$folder/diff"
}
exported() {  # the tensors; what is before them names the run
  local file
  file=$(echo "$folder/$1"/*/export/model.safetensors)
  tail -c "+$(($(od -An -t u8 -N 8 "$file") + 9))" "$file" | sha256sum
}
served=(--exchange.name=parameter_server --exchange.servers)

[ "$(train one 1)" = 0 ] || fail one "one rank did not train"
[ "$(train two-two 4 "${served[@]}=2")" = 0 ] || fail two-two "2 workers and 2 servers did not train"
[ "$(train three-one 4 "${served[@]}=1" --debug.repeat_messages=0.3 --debug.delay_messages_ms=2)" = 0 ] ||
  fail three-one "3 workers and 1 server did not train"
[ "$(train replicated 4 "${served[@]}=2" --exchange.tables=replicated)" = 0 ] ||
  fail replicated "rows on every worker beside servers did not train"
# Rows on servers, all else by all-reduce among the workers.
mixed=(--exchange.dense=all_reduce "${served[@]}")
[ "$(train mixed 5 "${mixed[@]}=2" --debug.repeat_messages=0.3 --debug.delay_messages_ms=2)" = 0 ] ||
  fail mixed "3 workers by all-reduce and 2 servers for rows did not train"
[ "$(train single 2 "${mixed[@]}=1")" = 0 ] || fail single "one worker and one server for its rows did not train"
grep -q "3 workers and 2 servers (sync) and all-reduce" "$folder/mixed.log" || fail mixed "the roles were not printed"
for name in two-two three-one replicated mixed single; do
  equal one "$name" || fail "$name" "another checkpoint than one rank's"
  [ "$(exported one)" = "$(exported "$name")" ] || fail "$name" "another export than one rank's"
done
[ -f "$folder/single"/*/checkpoints/step-00000012/tables-00001-of-00001.safetensors ] || fail single "the server has written no file"
grep -q "tables: rows of 2 on 2 servers" "$folder/two-two.log" || fail two-two "where rows live was not printed"
grep -q "gave [1-9][0-9]* rows of tables, [1-9][0-9]* of them" "$folder/two-two"/*/rank-3.log ||
  fail two-two "no row came ahead of its step"
grep -q "table emb: [1-9][0-9]* rows here" "$folder/two-two"/*/rank-3.log || fail two-two "the last server has no rows"

# Clipped by row and by table; a model without tables refuses that.
clips=(--train.clip_row_norm=0.001 --train.clip_table_norm=0.01)
[ "$(train clipped 1 "${clips[@]}")" = 0 ] || fail clipped "one rank did not train with clipped rows"
[ "$(train clipped-served 4 "${served[@]}=2" "${clips[@]}")" = 0 ] || fail clipped-served "servers did not train with clipped rows"
[ "$(train clipped-copies 2 "${clips[@]}")" = 0 ] || fail clipped-copies "two ranks did not train with clipped rows"
! equal clipped one || fail clipped "clipping changed nothing"
for name in clipped-served clipped-copies; do
  equal clipped "$name" || fail "$name" "another checkpoint than one rank's"
done
code=0
"$trireme" train configs/digits_mlp.ini --run.dir="$folder/none" --train.clip_row_norm=1 >"$folder/none.log" 2>&1 || code=$?
[ "$code" = 2 ] || fail none "clipping of rows was not refused by a model without tables"
grep -q "has none" "$folder/none.log" || fail none "the refusal does not say why"

# A dead server ends the job; its last checkpoint goes on with servers and without.
[ "$(train lost 4 "${served[@]}=2" --debug.kill_rank=3 --debug.kill_step=7)" != 0 ] || fail lost "a dead server was not noticed"
cp -r "$folder/lost" "$folder/alone"
[ "$(train lost 3 "${served[@]}=1" --resume auto)" = 0 ] || fail lost "it does not resume on 2 workers and 1 server"
[ "$(train alone 2 --resume auto)" = 0 ] || fail alone "it does not resume without servers"
[ "$(train split 4 "${mixed[@]}=2" --debug.kill_rank=1 --debug.kill_step=8)" != 0 ] || fail split "a dead worker was not noticed"
[ "$(train split 3 "${mixed[@]}=1" --resume auto)" = 0 ] || fail split "it does not resume with all-reduce and 1 server"
for name in lost alone split; do
  equal one "$name" || fail "$name" "resumed: another checkpoint than one rank's"
done

[ "$(train hung 4 "${mixed[@]}=2" --debug.kill_rank=2 --debug.kill_step=7 --debug.kill_how=hang --run.timeout=3)" = 5 ] ||
  fail hung "a hung server of rows did not end the job with 5"
grep -q "rank 2" "$folder/hung.log" || fail hung "the hung server was not named"
[ "$(train pace 3 "${mixed[@]}=1" --exchange.consistency=async --train.clip_norm=0 --train.clip_table_norm=0)" = 2 ] ||
  fail pace "all-reduce at the workers' own pace was not refused"

# At their own pace.
pace=(--train.clip_norm=0 --train.clip_table_norm=0 --exchange.consistency)
[ "$(train bounded 4 "${served[@]}=1" "${pace[@]}=bounded" --exchange.staleness=2 --debug.stall=0.3 --debug.stall_ms=3)" = 0 ] ||
  fail bounded "bounded did not train"
[ "$(train async 4 "${served[@]}=2" "${pace[@]}=async")" = 0 ] || fail async "async did not train"
for name in bounded async; do
  grep -q "model.onnx" "$folder/$name"/*/export/SHA256SUMS || fail "$name" "no export"
done
[ "$(train drift 4 "${served[@]}=2" "${pace[@]}=async" --exchange.tables=replicated)" = 2 ] ||
  fail drift "rows on every worker were not refused"
grep -q "exchange.tables = served" "$folder/drift.log" || fail drift "the refusal does not say what to do"
