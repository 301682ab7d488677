#!/usr/bin/env bash
# Trains on several hosts, without a batch system.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
Usage: run_hosts.sh --hostfile FILE [-n RANKS] [--cores PER_RANK] [--network CIDR] [--dry-run]
                    EXPERIMENT.ini [--section.key=value ...]

Runs `trireme train EXPERIMENT.ini --resume auto` under mpirun on the hosts of FILE (see hostfile.example).
Every host needs the same program, experiment and data at the same paths, and ssh without a password.

  --hostfile FILE   one host a line: NAME slots=RANKS_THERE
  -n RANKS          how many ranks in all; default: all slots
  --cores N         cores of each rank, each with one lane; default 1
  --network CIDR    the network that ranks talk over, such as 10.0.0.0/24; default: what mpirun finds
  --dry-run         print the command instead of running it
  --help            this text

The program is $TRIREME, or build/trireme beside this folder, or trireme in PATH.
Ctrl-C and SIGTERM let the job save and end with exit code 75; the second ends it at once.
Exit codes are trireme's: 0 done, 2 bad config, 3 bad data, 5 communication, 75 saved and wants to run again.
TEXT
}

need() { [ "$1" -ge 2 ] || { echo "$2 needs a value" >&2; exit 2; }; }
hostfile='' ranks='' cores=1 network='' dry_run=''
while [ $# -gt 0 ]; do
  case $1 in
    --hostfile) need $# "$1"; hostfile=$2; shift 2 ;;
    -n) need $# "$1"; ranks=$2; shift 2 ;;
    --cores) need $# "$1"; cores=$2; shift 2 ;;
    --network) need $# "$1"; network=$2; shift 2 ;;
    --dry-run) dry_run=1; shift ;;
    -h | --help) usage; exit 0 ;;
    *) break ;;
  esac
done
[ -n "$hostfile" ] || { echo "--hostfile is missing" >&2; usage >&2; exit 2; }
[ -r "$hostfile" ] || { echo "the hostfile $hostfile cannot be read" >&2; exit 2; }
[ $# -ge 1 ] || { usage >&2; exit 2; }

program=$(find_trireme)
mpirun_common
command=(mpirun "${MPIRUN_COMMON[@]}" --hostfile "$hostfile" --map-by "slot:PE=$cores" --bind-to core)
[ -z "$ranks" ] || command+=(-n "$ranks")
[ -z "$network" ] || command+=(--mca btl_tcp_if_include "$network" --mca oob_tcp_if_include "$network")
command+=("$program" train "$@")
resume_by_itself
if [ -n "$dry_run" ]; then show; exit 0; fi
run_and_forward "${command[@]}"
