#!/usr/bin/env bash
# servers.sh TRIREME: parameter servers, through the program: the weights of one rank, the export by the last, resuming
# on other numbers of ranks, and the end of a job that loses a worker or a server.
. "$(dirname "$0")/common.sh"
experiment=configs/digits_cnn.ini

# train NAME RANKS [OPTIONS]: 30 steps; the exit code
train() { job "$1" "$2" "$experiment" --train.max_steps=30 --train.max_epochs=0 "${@:3}"; }
equal() {  # equal NAME OTHER: their last checkpoints
  "$trireme" ckpt diff "$folder/$1"/*/checkpoints/step-00000030 "$folder/$2"/*/checkpoints/step-00000030 >"$folder/diff"
}
served=(--exchange.name=parameter_server --exchange.servers)

[ "$(train one 1)" = 0 ] || fail one "one rank did not train"
[ "$(train two-one 3 "${served[@]}=1")" = 0 ] || fail two-one "2 workers and 1 server did not train"
[ "$(train three-two 5 "${served[@]}=2" --debug.repeat_messages=0.3 --debug.delay_messages_ms=2)" = 0 ] ||
  fail three-two "3 workers and 2 servers did not train"
# Blocks of few elements that come late and in any order: forward begins before all weights are there, and lanes pack them.
[ "$(lanes=2 train late 3 "${served[@]}=1" --exchange.bucket_mib=0.015625 --debug.delay_messages_ms=3)" = 0 ] ||
  fail late "late blocks did not train"
for name in two-one three-two late; do
  equal one "$name" || fail "$name" "other weights than one rank's"
  grep -q "model.onnx" "$folder/$name"/*/export/SHA256SUMS || fail "$name" "no export"
  grep -q "parameters: .* server 0 has" "$folder/$name.log" || fail "$name" "the placement was not printed"
done

# A worker dies, a server dies, a server fails: exit code 5 or the cause's, and the sentence.
[ "$(train lost-worker 4 "${served[@]}=2" --checkpoint.every_steps=5 --debug.kill_rank=1 --debug.kill_step=12)" != 0 ] ||
  fail lost-worker "a dead worker was not noticed"
grep -q "rank 1 (host .* died" "$folder/lost-worker.log" || fail lost-worker "the dead worker is not named"
[ "$(train lost-server 4 "${served[@]}=2" --checkpoint.every_steps=5 --debug.kill_rank=3 --debug.kill_step=12)" != 0 ] ||
  fail lost-server "a dead server was not noticed"
grep -q "rank 3 (host .* died" "$folder/lost-server.log" || fail lost-server "the dead server is not named"
[ "$(train bad-server 3 "${served[@]}=1" --debug.kill_rank=2 --debug.kill_step=4 --debug.kill_how=throw)" = 3 ] ||
  fail bad-server "exit code 3 of the server expected"

# The newest whole checkpoint of each goes on with other ranks, to the weights of one rank.
[ "$(train lost-server 3 "${served[@]}=1" --resume auto)" = 0 ] || fail lost-server "it does not resume on 2 workers and 1 server"
equal one lost-server || fail lost-server "resumed on a server: other weights"
[ "$(train lost-worker 2 --resume auto)" = 0 ] || fail lost-worker "it does not resume without servers"
equal one lost-worker || fail lost-worker "resumed without servers: other weights"

# At their own pace: they finish, stay within the bound, and say how far they were apart. batch_norm is refused.
experiment=configs/digits_mlp.ini
[ "$(train bounded 4 "${served[@]}=1" --exchange.consistency=bounded --exchange.staleness=2 --debug.stall=0.3 --debug.stall_ms=3)" = 0 ] ||
  fail bounded "bounded did not train"
grep -q "steps that the slowest worker was behind: " "$folder/bounded.log" || fail bounded "no staleness told"
most=$(grep -o '"exchange/staleness_max":[0-9.]*' "$folder/bounded"/*/metrics.jsonl | tail -1 | cut -d: -f2)
[ "${most%.*}" -le 2 ] || fail bounded "staleness $most, not within 2"
[ "$(train async 4 "${served[@]}=2" --exchange.consistency=async)" = 0 ] || fail async "async did not train"
[ "$(train few 1 "${served[@]}=1")" = 2 ] || fail few "a job without workers was not refused"
grep -q "none is left to train" "$folder/few.log" || fail few "the refusal does not say why"
