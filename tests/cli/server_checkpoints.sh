#!/usr/bin/env bash
# server_checkpoints.sh TRIREME: servers write what they hold into checkpoints beside the steps, and read it again: moments
# in files that they share and rows in a file of each, or all through worker 0, as one rank has them; and what is left when
# everything is killed in the middle of a write.
. "$(dirname "$0")/common.sh"
# train NAME RANKS [OPTIONS]: the exit code
train() {
  job "$1" "$2" configs/synthetic_tables.ini --data.samples=12000 --data.validation_samples=0 --data.ids_range=20000 --data.ids_skew=0 \
    --train.batch_size=1000 --train.max_epochs=0 --train.max_steps=12 --export.formats= --checkpoint.every_epochs=0 \
    --checkpoint.every_steps=4 --checkpoint.keep=9 "${@:3}"
}
checkpoints() { echo "$folder/$1"/*/checkpoints; }
equal() {  # equal NAME OTHER STEP
  "$trireme" ckpt diff "$(checkpoints "$1")/step-000000$3" "$(checkpoints "$2")/step-000000$3" >"$folder/diff"
}
values() { tail -c "+$(($(od -An -t u8 -N 8 "$1") + 9))" "$1"; }  # what is before them names the run
hash_of() { "$trireme" ckpt inspect "$(checkpoints "$1")/step-00000012" | grep "sha256 of the weights"; }
served=(--exchange.name=parameter_server --exchange.servers)

[ "$(train one 1)" = 0 ] || fail one "one rank did not train"
[ "$(train two 4 "${served[@]}=2")" = 0 ] || fail two "2 workers and 2 servers did not train"
[ "$(train through 4 "${served[@]}=2" --checkpoint.servers_write=false)" = 0 ] ||
  fail through "rows that pass through worker 0 did not train"
for step in 04 08 12; do
  for name in two through; do equal one $name $step || fail $name "step $step: other rows than one rank's"; done
done
for name in two through; do
  [ "$(hash_of one)" = "$(hash_of $name)" ] || fail $name "another hash of the weights than one rank's"
  "$trireme" ckpt verify "$(checkpoints $name)/step-00000008" >"$folder/verified" || fail $name "a checkpoint is not whole"
done
for name in one two; do
  "$trireme" export "$(checkpoints $name)/step-00000008" --out "$folder/exported-$name" --format safetensors >"$folder/said" ||
    fail $name "a checkpoint in the middle is not exported"
done
cmp -s <(values "$folder/exported-one/model.safetensors") <(values "$folder/exported-two/model.safetensors") ||
  fail two "another export than one rank's"
grep -q "servers write their rows and moments" "$folder/two.log" || fail two "who writes was not printed"
[ "$(cd "$(checkpoints two)/step-00000008" && echo tables-*)" = "tables-00001-of-00002.safetensors tables-00002-of-00002.safetensors" ] ||
  fail two "not every server has written a file"
[ -f "$(checkpoints two)/step-00000008/optimizer-00001-of-00001.safetensors" ] || fail two "servers have written no moments"
! ls "$(checkpoints through)"/*/{tables,optimizer}-* >"$folder/files" 2>&1 || fail through "servers wrote what they should not"
! ls -d "$(checkpoints two)"/*.tmp-* "$(checkpoints two)"/.seen* >"$folder/files" 2>&1 || fail two "something was left behind"

# At the workers' own pace everybody meets: pushes of all are in it, or of none.
[ "$(train async 4 "${served[@]}=2" --exchange.consistency=async --train.clip_norm=0)" = 0 ] || fail async "async did not train"
"$trireme" ckpt verify "$(checkpoints async)/step-00000008" >"$folder/verified" || fail async "its checkpoint is not whole"
[ -f "$(checkpoints async)/step-00000012/tables-00002-of-00002.safetensors" ] || fail async "the servers have written no files"

# Everything dies while rows are written; what was sealed goes on with other servers and without.
everybody_dies() {  # everybody_dies NAME: 0 where a write was under way
  local job code=0
  train "$1" 4 "${served[@]}=2" >"$folder/$1.code" &
  job=$!
  until compgen -G "$folder/$1/*/checkpoints/step-00000008.tmp-*/tables-*" >/dev/null; do
    kill -0 $job 2>/dev/null || return 1
  done
  # The job is a shell, whose child is mpirun, whose children are the ranks.
  kill -9 $(pgrep -P "$(pgrep -P $job -x mpirun)") 2>/dev/null || true
  wait $job || true
  compgen -G "$folder/$1/*/checkpoints/step-00000008.tmp-*" >/dev/null
}
for try in 1 2 3 4 5; do
  rm -rf "$folder/killed"
  if everybody_dies killed; then break; fi
  [ $try -lt 5 ] || fail killed "no write was met in $try tries"
done
[ ! -e "$(checkpoints killed)/step-00000008" ] || fail killed "what was not whole got its name"
"$trireme" ckpt verify "$(checkpoints killed)/step-00000004" >"$folder/verified" || fail killed "the checkpoint before is not whole"
cp -r "$folder/killed" "$folder/alone"
cp -r "$folder/killed" "$folder/sent"
[ "$(train killed 4 "${served[@]}=1" --resume auto)" = 0 ] || fail killed "it does not resume on 3 workers and 1 server"
grep -q "the server has read its state" "$folder/killed.log" || fail killed "who read was not printed"
[ "$(train sent 4 "${served[@]}=2" --resume auto --checkpoint.servers_write=false)" = 0 ] ||
  fail sent "it does not resume from what worker 0 sends"
! grep -q "read their state" "$folder/sent.log" || fail sent "servers read what they should not"
[ "$(train alone 1 --resume auto)" = 0 ] || fail alone "it does not resume without servers"
for name in killed sent alone; do
  equal one $name 12 || fail $name "resumed: other rows than one rank's"
  ! compgen -G "$(checkpoints $name)/*.tmp-*" >/dev/null || fail $name "leftovers stay"
done

# Weights whose memory is in another order than their tensors, with an average, in files of 0.1 MiB and blocks of one chunk.
dense() {
  job "$1" "$2" configs/digits_cnn.ini --optimizer.name=adam --optimizer.lr=0.001 --train.ema=0.9 --train.max_epochs=0 --train.max_steps=8 \
    --train.eval_every=0 --export.formats= --checkpoint.every_epochs=0 --checkpoint.every_steps=4 --checkpoint.max_shard_mib=0.1 \
    --exchange.bucket_mib=0.016 "${@:3}"
}
[ "$(dense dense-one 1)" = 0 ] || fail dense-one "one rank did not train"
[ "$(dense dense 5 "${served[@]}=3")" = 0 ] || fail dense "2 workers and 3 servers did not train"
[ -f "$(checkpoints dense)/step-00000008/optimizer-00002-of-00002.safetensors" ] || fail dense "moments are not in two files"
rm -r "$(checkpoints dense)/step-00000008"
[ "$(dense dense 3 "${served[@]}=1" --resume auto)" = 0 ] || fail dense "it does not resume on 2 workers and 1 server"
equal dense-one dense 08 || fail dense "resumed: another state than one rank's"
