#!/usr/bin/env bash
# refusals.sh TRIREME MPIEXEC FAKES: the program beside one fake plugin after the other (or none) says in one
# sentence why there is no CUDA device; training with run.device = cuda ends with exit code 4 on all ranks.
set -euo pipefail
trireme=$1 mpiexec=$2 fakes=$3
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
work=$(mktemp -d "$(dirname "$trireme")/refusals.XXXXXX")
trap 'rm -rf "$work"' EXIT
ln "$trireme" "$work/trireme"
failed=0

try() {  # try FAKE SENTENCE: FAKE is a file name in the folder of fakes, or none
  local fake=$1 sentence=$2 output code=0
  rm -f "$work/libtrireme_cuda.so"
  [ "$fake" = none ] || ln -s "$fakes/$fake.so" "$work/libtrireme_cuda.so"
  output=$("$work/trireme" devices 2>&1) || code=$?
  [ "$code" -eq 0 ] || { echo "devices, $fake: exit code $code, 0 expected"; failed=1; }
  grep -qF -- "$sentence" <<<"$output" || { echo "devices, $fake: no \"$sentence\" in: $output"; failed=1; }
  code=0
  output=$("$mpiexec" --oversubscribe --bind-to none -n 2 "$work/trireme" train configs/mnist_cnn.ini \
    --run.device=cuda --run.dir="$work/runs" 2>&1) || code=$?
  [ "$code" -eq 4 ] || { echo "train, $fake: exit code $code, 4 expected: $output"; failed=1; }
  [ "$(grep -cF "run.device = cuda: " <<<"$output")" -eq 1 ] ||
    { echo "train, $fake: not one sentence: $output"; failed=1; }
  grep -qF -- "$sentence" <<<"$output" || { echo "train, $fake: no \"$sentence\" in: $output"; failed=1; }
}

try none "there is no plugin at $work/libtrireme_cuda.so"
try no_symbol "it lacks trireme_cuda_plugin"
try other_build "is of another build"
try no_device "no CUDA device: a reason from the plugin"
try devices "compute capability 7.0 is too old"
exit "$failed"
