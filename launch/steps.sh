# shellcheck shell=bash
# What the scripts that run several steps share; sourced, not run. Each step's output goes to its own log.

# step NAME LOG COMMAND...: prints a line with the time it took; on failure the log's end, and stops.
step() {
  local name=$1 log=$2 begin=$SECONDS code=0
  shift 2
  printf '%-44s ' "$name"
  "$@" >"$log" 2>&1 || code=$?
  STEP_TIMES+=("$(printf '%-44s %5d s' "$name" $((SECONDS - begin)))")
  if [ "$code" -ne 0 ]; then
    echo "failed (exit code $code) after $((SECONDS - begin)) s"
    echo "--- the end of $log:" >&2
    tail -n 40 "$log" >&2
    exit 1
  fi
  echo "done in $((SECONDS - begin)) s"
}
STEP_TIMES=()

# build FOLDER TARGETS -- OPTIONS...: in the current folder, configures and builds with Ninja; no targets: all of them.
build() {
  local folder=$1 targets=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do targets+=("$1"); shift; done
  shift
  cmake -S . -B "$folder" -G Ninja "$@" && ninja -C "$folder" "${targets[@]}"
}
