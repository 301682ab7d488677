#!/usr/bin/env bash
# own_pace.sh TRIREME: workers at their own pace with local steps and delay compensation, through the program: bounds
# hold, signals and limits of time meet where all of them push, and a checkpoint goes on.
. "$(dirname "$0")/common.sh"
job=
trap '[ -z "$job" ] || kill "$job"; rm -rf "$folder"' EXIT

start() {  # start NAME RANKS [OPTIONS]
  local name=$1 ranks=$2
  shift 2
  exec mpirun --oversubscribe --bind-to none -n "$ranks" "$trireme" train configs/digits_mlp.ini \
    --run.dir="$folder/$name" --run.lanes=1 --exchange.name=parameter_server --export.formats= "$@" >"$folder/$name.log" 2>&1
}
train() {  # likewise; the exit code
  local code=0
  (start "$@") || code=$?
  echo "$code"
}
short=(--train.max_epochs=0 --train.max_steps)

[ "$(train bounded 4 "${short[@]}=120" --exchange.consistency=bounded --exchange.staleness=2 --exchange.push_every=4 \
  --exchange.delay_compensation=0.5 --debug.stall=0.2 --debug.stall_ms=2 --debug.repeat_messages=0.3 \
  --debug.delay_messages_ms=1)" = 0 ] || fail bounded "local steps did not train"
most=$(grep -o '"exchange/staleness_max":[0-9.]*' "$folder/bounded"/*/metrics.jsonl | tail -1 | cut -d: -f2)
[ "${most%.*}" -le 2 ] || fail bounded "staleness $most, not within 2"
pushes=$(grep 'slowest worker was behind' "$folder/bounded.log" |
  grep -o ': [0-9]*[,)]' | awk '{ sum += $2 } END { print sum }')
[ "$pushes" = 90 ] || fail bounded "$pushes steps took weights, 30 of each of 3 workers expected"
grep -q "for the weights that each of 3 workers has" "$folder/bounded"/*/rank-3.log ||
  fail bounded "the memory of delay compensation is not told"

# Records are of all workers: rank 0 is the slowest, which the others are ahead of.
[ "$(train slow 3 "${short[@]}=60" --exchange.consistency=bounded --exchange.staleness=2 --debug.kill_rank=0 \
  --debug.slow_rank_ms=10)" = 0 ] || fail slow "a slow worker did not train"
grep -q '"exchange/staleness":[0-9.]*[1-9][0-9.]*,"exchange/staleness_max":[12]' "$folder/slow"/*/metrics.jsonl ||
  fail slow "no record has the worker that runs ahead"

# A worker hears a signal: all save at a step at which they push. Then on from there, and an end by time.
pace=(--exchange.consistency=async --exchange.push_every=7)
start signal 4 "${pace[@]}" --train.max_epochs=1000000 --train.eval_every=0 --checkpoint.every_epochs=0 &
job=$!
for _ in $(seq 300); do
  grep -qs '"kind":"step"' "$folder/signal"/*/metrics.jsonl && break
  sleep 0.1
done
kill -TERM "$(pgrep -P "$job" | sed -n 2p)"
code=0
wait "$job" || code=$?
job=
[ "$code" = 75 ] || fail signal "exit code $code after a signal, 75 expected"
saved=$(grep -o 'saved at step [0-9]*' "$folder/signal.log" | head -1 | grep -o '[0-9]*$')
[ $((saved % 7)) = 0 ] || fail signal "they met at step $saved"
[ "$(train signal 3 "${pace[@]}" --train.max_epochs=1000000 --train.eval_every=0 --checkpoint.every_epochs=0 \
  --train.max_time=1.5 --resume auto)" = 0 ] || fail signal "it does not go on to the end of its time"

code=0
mpirun --oversubscribe --bind-to none -n 2 "$trireme" train configs/synthetic_tables.ini --run.dir="$folder/rows" \
  --exchange.name=parameter_server "${pace[@]}" --train.clip_norm=0 >"$folder/rows.log" 2>&1 || code=$?
[ "$code" = 2 ] || fail rows "local steps with tables were not refused"
grep -q "set exchange.push_every = 1" "$folder/rows.log" || fail rows "the refusal does not say what to do"
