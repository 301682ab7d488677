#!/usr/bin/env bash
# driver_reasons.sh TRIREME MPIEXEC STUBS: what the real plugin says without a driver, with one that is too old and with
# one that has no device. STUBS holds a folder with a libcuda.so.1 for each of the latter two.
set -euo pipefail
trireme=$1 mpiexec=$2 stubs=$3
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

try() {  # try FOLDER SENTENCE
  local output code=0
  export LD_LIBRARY_PATH=$1
  output=$("$trireme" devices 2>&1) || code=$?
  [ "$code" -eq 0 ] || { echo "devices with $1: exit code $code, 0 expected"; failed=1; }
  grep -qF -- "not usable: $2" <<<"$output" || { echo "devices with $1: no \"$2\" in: $output"; failed=1; }
  code=0
  output=$("$mpiexec" --oversubscribe --bind-to none -n 2 "$trireme" train configs/mnist_cnn.ini --run.device=cuda \
    --run.dir="$work" 2>&1) || code=$?
  [ "$code" -eq 4 ] || { echo "train with $1: exit code $code, 4 expected: $output"; failed=1; }
  [ "$(grep -cF "run.device = cuda: $2" <<<"$output")" -eq 1 ] ||
    { echo "train with $1: not once \"$2\" in: $output"; failed=1; }
}

try "$stubs/old" "the driver is too old: it knows CUDA 12.0, the plugin was built with "
try "$stubs/no_device" "no CUDA device: the driver is there"
if ldconfig -p | grep -q 'libcuda\.so\.1'; then
  echo "this machine has a driver: the sentence for none was not tried"
else
  try "" "no CUDA driver on this machine"
fi
exit "$failed"
