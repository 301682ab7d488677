#!/usr/bin/env bash
# All set-up, the build, and the ordinary tests. The last line is ctest's.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source-path=SCRIPTDIR source=../launch/steps.sh
. launch/steps.sh

usage() {
  cat <<'TEXT'
Usage: run.sh [--asan | --tsan] [CTEST ARGUMENTS...]

  --asan   with the address and undefined-behaviour sanitizers, in build-asan/
  --tsan   with the thread sanitizer, in build-tsan/
  others   go to ctest, as -R comm or -L mpi
TEXT
}
folder=build options=(-DCMAKE_BUILD_TYPE=Release)
sanitized=(-DCMAKE_BUILD_TYPE=RelWithDebInfo -DTRIREME_BENCH=OFF)
case ${1:-} in
  -h | --help) usage; exit 0 ;;
  --asan) shift; folder=build-asan; options=("${sanitized[@]}" "-DTRIREME_SANITIZE=address,undefined") ;;
  --tsan) shift; folder=build-tsan; options=("${sanitized[@]}" -DTRIREME_SANITIZE=thread) ;;
esac
# mpirun and the libraries below it never free all: leaks are not what is looked for.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0} UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
if [ "$(id -u)" -eq 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi

mkdir -p "$folder"
step "Set-up" "$folder/setup.log" launch/setup.sh
step "Build in $folder/" "$folder/build.log" build "$folder" -- "${options[@]}"
ctest --test-dir "$folder" --output-on-failure -j "$(nproc)" --no-tests=error "$@" | {
  # "Total Test time" comes after the summary; the summary shall be last.
  summary=
  while IFS= read -r line; do
    case $line in *"tests passed, "*) summary=$line ;; *) printf '%s\n' "$line" ;; esac
  done
  printf '%s\n' "$summary"
}
