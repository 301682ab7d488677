#!/usr/bin/env bash
# wrong_data.sh TRIREME: data and folders that fail end a job of three ranks with the cause and its exit code, and
# leave no run directory where training had not begun.
set -euo pipefail
trireme=$1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
failed=0 skipped=0
as=()  # who starts the job

cat >"$folder/exp.ini" <<'INI'
[data]
reader = csv
train = data.csv
[model]
preset = mlp
[train]
max_epochs = 2
[run]
lanes = 1
timeout = 20
INI
for i in $(seq 40); do echo "$i,$((i % 2))"; done | sed '1i x,label' >"$folder/data.csv"
sed '7s/,/x,/' "$folder/data.csv" >"$folder/cell.csv"
gzip -c "$folder/data.csv" | head -c 60 >"$folder/cut.csv.gz"
mkdir -p "$folder/images/cat" "$folder/runs"
chmod 777 "$folder/runs"

# expect CODE TEXT OPTIONS...: a job of three ranks ends with that exit code, that text and a hint.
expect() {
  local code=$1 text=$2 output got=0
  shift 2
  output=$("${as[@]}" timeout 120 mpirun --oversubscribe --bind-to none -n 3 "$trireme" train "$folder/exp.ini" \
    --run.dir="$folder/runs" "$@" 2>&1 </dev/null) || got=$?
  [ "$got" -eq "$code" ] || { echo "$*: exit code $got, $code expected: $output"; failed=1; }
  grep -qF -- "$text" <<<"$output" || { echo "$*: no \"$text\" in: $output"; failed=1; }
  grep -q 'hint: ' <<<"$output" || { echo "$*: no hint in: $output"; failed=1; }
}

expect 3 "cell.csv:7: column x holds '6x', which is not a number" --data.train="$folder/cell.csv"
expect 3 "cut.csv.gz is not a whole gzip file" --data.train="$folder/cut.csv.gz"
expect 3 "images has no .jpg, .jpeg or .png files" --data.reader=folder --data.train="$folder/images"
expect 3 "no.safetensors: No such file" --model.init_from="$folder/no.safetensors"
expect 3 "none: there is no such folder" --resume="$folder/none"
expect 2 "command line: train.monitor: there is no metric validation/acuracy" --data.validation_split=0.3 --train.monitor=validation/acuracy
[ -z "$(ls "$folder/runs")" ] || { echo "run directories are left: $(ls "$folder/runs")"; failed=1; }

# One rank alone meets these, in training: its own exit code is the job's, not that of those who lost it.
expect 3 "debug.kill_how = throw" --debug.kill_rank=1 --debug.kill_step=1 --debug.kill_how=throw
expect 3 "debug.kill_how = throw" --debug.kill_rank=0 --debug.kill_step=1 --debug.kill_how=throw
if unshare --mount true 2>/dev/null; then
  as=(unshare --mount sh -c 'mount -t tmpfs -o size=256k tmpfs "$0" && exec "$@"' "$folder/runs")
  expect 3 "No space left on device" --model.hidden=200,200
  as=()
else
  echo "skipped: no right to mount a small disk, so a full one is not tried"
  skipped=77
fi

chmod 000 "$folder/images/cat"
if [ "$(id -u)" -eq 0 ]; then as=(setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$folder/runs"); fi
if "${as[@]}" test -x "$trireme"; then
  expect 3 "cannot read $folder/images/cat: Permission denied" --data.reader=folder --data.train="$folder/images"
else
  echo "skipped: nobody may not run $trireme, so unreadable folders are not tried"
  skipped=77
fi

[ "$failed" -eq 0 ] || exit 1
exit "$skipped"
