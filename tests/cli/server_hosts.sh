#!/usr/bin/env bash
# server_hosts.sh TRIREME: workers and servers on different hosts (network namespaces, TCP between them) give the checkpoint
# of one rank: dense parameters, and rows of tables. Skips where tests/hosts.sh may not make hosts.
set -euo pipefail
trireme=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
short=(--train.max_steps=8 --train.max_epochs=0 --train.eval_every=0 --export.formats=)

for try in "digits_cnn 1" "synthetic_tables 2"; do
  read -r experiment servers <<<"$try"
  "$trireme" train "configs/$experiment.ini" "${short[@]}" --run.dir="$folder/one-$experiment" >"$folder/log" 2>&1 ||
    { cat "$folder/log"; exit 1; }
  code=0
  # Ranks 0 and 1 on the first host; the last, or the last two, each on one of its own, are servers.
  tests/hosts.sh "$trireme" train "$PWD/configs/$experiment.ini" "${short[@]}" --run.dir="$folder/hosts-$experiment" --run.lanes=1 \
    --exchange.name=parameter_server --exchange.servers="$servers" >"$folder/log" 2>&1 || code=$?
  [ "$code" -ne 77 ] || { tail -n 1 "$folder/log"; exit 77; }
  [ "$code" -eq 0 ] || { echo "$experiment on three hosts ended with $code"; cat "$folder/log"; exit 1; }
  grep -q "$((4 - servers)) workers and $servers server" "$folder/log"
  "$trireme" ckpt diff "$folder/one-$experiment"/* "$folder/hosts-$experiment"/*
done
