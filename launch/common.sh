# shellcheck shell=bash
# What the launch scripts share; sourced, not run.

# The program: $TRIREME, the build beside this folder, or the one in PATH.
find_trireme() {
  local here
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  if [ -n "${TRIREME:-}" ]; then
    [ -x "$TRIREME" ] || { echo "TRIREME=$TRIREME is not a program" >&2; return 2; }
    echo "$TRIREME"
  elif [ -x "$here/../build/trireme" ]; then
    (cd "$here/../build" && echo "$PWD/trireme")
  elif command -v trireme; then
    return 0
  else
    echo "trireme was not found: build it (cmake --preset release && cmake --build build), or set TRIREME=/path/to/trireme" >&2
    return 2
  fi
}

# MPIRUN_COMMON: what every job gets. TRIREME_KILL_GRACE: seconds from SIGTERM to SIGKILL, in which a job that
# is told to end can save. mpirun also waits twice as long before it returns when a rank ended with an error.
mpirun_common() {
  MPIRUN_COMMON=(--mca odls_base_sigkill_timeout "${TRIREME_KILL_GRACE:-30}")
  # mpirun puts a pipe between the ranks and the terminal: rank 0 draws its bar if it is told how wide that is.
  if [ -t 2 ]; then MPIRUN_COMMON+=(-x "TRIREME_COLUMNS=$(tput cols 2>/dev/null || echo 80)"); fi
  if [ "$(id -u)" -eq 0 ]; then MPIRUN_COMMON+=(--allow-run-as-root); fi
}
