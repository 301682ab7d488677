# Sourced by the tests beside it that start jobs: their first argument is the program; $folder goes in the end.
set -euo pipefail
trireme=$1
command -v mpirun >/dev/null || { echo "SKIPPED: needs mpirun"; exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_odls_base_sigkill_timeout=2  # survivors get to say who died on a loaded machine, too
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# job NAME RANKS FILE [OPTIONS]: trains on ranks of one lane (or $lanes), in $folder/NAME; what it says is in $folder/NAME.log. Prints the
# exit code.
job() {
  local name=$1 ranks=$2 file=$3 code=0
  shift 3
  mpirun --oversubscribe --bind-to none -n "$ranks" "$trireme" train "$file" --run.dir="$folder/$name" --run.lanes="${lanes:-1}" "$@" \
    >"$folder/$name.log" 2>&1 || code=$?
  echo "$code"
}
fail() {  # fail NAME WHY: with what job NAME said
  echo "$2"
  cat "$folder/$1.log"
  exit 1
}
