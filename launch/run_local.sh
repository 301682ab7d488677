#!/usr/bin/env bash
# Trains on this machine, with several ranks.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
Usage: run_local.sh [-n RANKS] [--dry-run] EXPERIMENT.ini [--section.key=value ...]

Runs `trireme train EXPERIMENT.ini --resume auto` under mpirun on this host. Each rank gets its own
cores (all cores / RANKS, at least one) and runs one lane on each of them.

  -n RANKS    how many ranks; default: one for every two cores, at least 1
  --dry-run   print the command instead of running it
  --help      this text

The program is $TRIREME, or build/trireme beside this folder, or trireme in PATH.
Ctrl-C and SIGTERM let the job save and end with exit code 75; the second ends it at once.
Exit codes are trireme's: 0 done, 2 bad config, 3 bad data, 5 communication, 75 saved and wants to run again.
TEXT
}

# nproc counts what this shell may use (affinity, cgroup), not what the machine has.
cores=$(nproc)
ranks=$((cores / 2 > 0 ? cores / 2 : 1))
dry_run=
while [ $# -gt 0 ]; do
  case $1 in
    -n) [ $# -ge 2 ] || { echo "-n needs a number of ranks" >&2; exit 2; }; ranks=$2; shift 2 ;;
    --dry-run) dry_run=1; shift ;;
    -h | --help) usage; exit 0 ;;
    *) break ;;
  esac
done
[[ $ranks =~ ^[1-9][0-9]*$ ]] || { echo "-n takes a number of ranks, got '$ranks'" >&2; exit 2; }
[ $# -ge 1 ] || { usage >&2; exit 2; }

program=$(find_trireme)
mpirun_common
command=(mpirun "${MPIRUN_COMMON[@]}" -n "$ranks")
if [ "$ranks" -gt "$cores" ]; then
  command+=(--oversubscribe --bind-to none)
else
  command+=(--map-by "slot:PE=$((cores / ranks))" --oversubscribe --bind-to core)
fi
command+=("$program" train "$@")
resume_by_itself
if [ -n "$dry_run" ]; then show; exit 0; fi
run_and_forward "${command[@]}"
