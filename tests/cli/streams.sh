#!/usr/bin/env bash
# streams.sh TRIREME: output that does not arrive is an error; what is printed never lands in a file of the run.
set -euo pipefail
trireme=$1
experiment=configs/digits_mlp.ini
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# expect_lost WHAT: exit code 3 in $code, and the reason in $folder/errors.
expect_lost() {
  [ "$code" -eq 3 ] || { echo "$1: exit code $code, 3 expected"; failed=1; }
  grep -qF "cannot write to standard output" "$folder/errors" || { echo "$1: says $(cat "$folder/errors")"; failed=1; }
  ! grep -qF "bug" "$folder/errors" || { echo "$1: says $(cat "$folder/errors")"; failed=1; }
}
for words in "--help" "devices" "config --schema" "config $experiment" "train --help"; do
  code=0
  # shellcheck disable=SC2086  # words, not one
  "$trireme" $words >/dev/full 2>"$folder/errors" || code=$?
  expect_lost "trireme $words, to a full disk"
  code=0
  # shellcheck disable=SC2086
  "$trireme" $words 2>"$folder/errors" >&- || code=$?
  expect_lost "trireme $words, to nobody"
done

"$trireme" train "$experiment" --train.max_epochs=1 --run.dir="$folder/runs" --run.lanes=1 <&- >&- 2>&- ||
  { echo "train with closed streams: exit code $?"; failed=1; }
holders=$(cd "$folder"/runs/*/ && grep -rlaF "  validation loss " .)
[ "$holders" = ./rank-0.log ] || { echo "what was printed lies in:"; echo "$holders"; failed=1; }
exit "$failed"
