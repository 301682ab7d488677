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

# MPIRUN_COMMON: what every job gets.
mpirun_common() {
  MPIRUN_COMMON=()
  # mpirun puts a pipe between the ranks and the terminal: rank 0 draws its bar if it is told how wide that is.
  if [ -t 2 ]; then MPIRUN_COMMON+=(-x "TRIREME_COLUMNS=$(tput cols 2>/dev/null || echo 80)"); fi
  if [ "$(id -u)" -eq 0 ]; then MPIRUN_COMMON+=(--allow-run-as-root); fi
}

# command: goes on with the newest run of this experiment, unless the user said something else.
resume_by_itself() { [[ " ${command[*]} " == *" --resume"* ]] || command+=(--resume auto); }

# show: prints `command` as a shell would read it.
show() { printf '%q ' "${command[@]}"; echo; }

# run_and_forward COMMAND...: runs mpirun and returns its exit code. A signal that asks for an end (SIGINT, SIGTERM,
# SIGUSR1) reaches the ranks as SIGUSR1, which mpirun passes on and waits for: trireme saves and exits with 75. A
# second SIGINT or SIGTERM ends the job at once. In a session of its own mpirun does not get the terminal's Ctrl-C.
run_and_forward() {
  local pid code asked=0
  setsid "$@" &
  pid=$!
  trap 'kill -USR1 "$pid" 2>/dev/null' USR1
  trap 'asked=$((asked + 1)); [ "$asked" -eq 1 ] && kill -USR1 "$pid" 2>/dev/null || kill -TERM "$pid" 2>/dev/null' INT TERM
  # wait returns early, with a code above 128, whenever a trap ran.
  while wait "$pid"; code=$?; [ "$code" -gt 128 ] && kill -0 "$pid" 2>/dev/null; do :; done
  trap - USR1 INT TERM
  return "$code"
}
