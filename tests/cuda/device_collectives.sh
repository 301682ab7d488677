#!/usr/bin/env bash
# device_collectives.sh MPIEXEC RANKS PROGRAM [hang]: the collectives on this machine's devices; 77 where there is none.
set -euo pipefail
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
exec "$1" --oversubscribe --bind-to none -n "$2" "${@:3}"
