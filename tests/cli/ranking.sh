#!/usr/bin/env bash
# ranking.sh TRIREME: matrix factorisation on made-up ratings ranks held-out items far above their popularity, alike on one
# rank and with two workers and a server, and its export ranks as the run did.
. "$(dirname "$0")/common.sh"
experiment=configs/movielens_style_mf.ini
by_popularity=32.2  # as data/ratings/make_ratings.py says

"$trireme" train "$experiment" --run.dir="$folder/one" >"$folder/one.log" 2>&1 || { cat "$folder/one.log"; exit 1; }
mpirun --oversubscribe --bind-to none -n 3 "$trireme" train "$experiment" --run.dir="$folder/served" \
  --exchange.name=parameter_server >"$folder/served.log" 2>&1 || { cat "$folder/served.log"; exit 1; }

values() { grep -oE 'validation loss .*' "$folder/$1.log" | tail -1; }
[ "$(values one)" = "$(values served)" ] || { echo "one rank: $(values one); served: $(values served)"; exit 1; }
hits=$(values one | grep -oE 'hit_rate_10 [0-9.]+' | cut -d' ' -f2)
awk -v a="$hits" -v b="$by_popularity" 'BEGIN { exit !(a >= b + 25) }' || { echo "hit rate $hits %, by popularity $by_popularity %"; exit 1; }
values one | grep -qE 'ndcg_10 [0-9.]+%' || { echo "no NDCG: $(values one)"; exit 1; }

run=$(echo "$folder"/served/*)
measured=$("$trireme" eval "$run" | grep -E '^  ')
for what in "$run/export" "$run/export/model.safetensors"; do
  [ "$("$trireme" eval "$what" | grep -E '^  ')" = "$measured" ] || { echo "$what: not $measured"; exit 1; }
done
