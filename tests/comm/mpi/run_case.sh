#!/usr/bin/env bash
# run_case.sh MPIRUN RANKS PROGRAM CASE 'REGEX|||REGEX...'
# Runs one case of comm_mpi. It must end within 20 s with the right kind of exit code, print a line for each
# expression, and leave no process behind.
set -u
mpirun=$1 ranks=$2 program=$3 case=$4 expected=$5
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# A copy with its own name tells this run's processes from those of a test that runs beside it.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
ln -s "$program" "$folder/rank"

output=$(timeout --kill-after=5 20 "$mpirun" --oversubscribe -n "$ranks" "$folder/rank" "$case" 2>&1)
code=$?
echo "$output"
failures=0
fail() { echo "FAILED: $*"; failures=1; }

[ "$SECONDS" -lt 20 ] || fail "the job did not end within 20 s"
if [ "$case" = good ]; then
  [ "$code" -eq 0 ] || fail "exit code $code, expected 0"
elif [ "$case" = throws ]; then  # the first cause is bad data, whatever the others say then
  [ "$code" -eq 3 ] || fail "exit code $code, expected 3"
elif [ "$case" = hangs ]; then
  [ "$code" -eq 5 ] || fail "exit code $code, expected 5"
else
  [ "$code" -ne 0 ] || fail "exit code 0, expected another"
fi
while [ -n "$expected" ]; do
  expression=${expected%%|||*}
  grep -Eq -- "^$expression" <<<"$output" || fail "no line matches: $expression"
  [ "$expression" = "$expected" ] && break
  expected=${expected#*|||}
done
sleep 0.2
if pgrep -f -- "^$folder/rank" >/dev/null; then fail "processes are left: $(pgrep -a -f -- "^$folder/rank")"; fi
exit $failures
