# Sourced by the tests beside it that start jobs: their first argument is the program; $folder goes in the end.
set -euo pipefail
trireme=$1
command -v mpirun >/dev/null || { echo "SKIPPED: needs mpirun"; exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
