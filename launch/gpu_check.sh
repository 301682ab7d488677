#!/usr/bin/env bash
# Checks everything that needs a GPU, on this machine, and writes what it saw as one Markdown section.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
here=$PWD
cd "$root"
# shellcheck source-path=SCRIPTDIR source=steps.sh
. launch/steps.sh

usage() {
  cat <<'TEXT'
Usage: gpu_check.sh [--build DIR] [--only PART]... [--out FILE] [--torch PYTHON]

Builds in build/ (or takes what was built in DIR), then runs on the GPU: the kernel tests in every precision, the
gradients of the shipped experiments against the CPU's, run-to-run and resumed bits, short trainings, fp16's loss scale,
two ranks by NCCL on one device and a wait for one that does not come, embedding tables, early stopping, averages and
saving on a signal, what a checkpoint holds up, the time to the first step, memory planned and in use, compute-sanitizer
where it is there, and benchmarks, beside PyTorch's where PYTHON has it. Takes some minutes. Needs python3 with numpy and
safetensors. Parts: device kernels gradients bits training ranks tables features fp16 checkpoint start memory hang sanitizer
benchmarks.
TEXT
}
build=
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --build) build=$(realpath "$2"); shift 2 ;;
    --out) arguments+=(--out "$(cd "$here" && realpath -m "$2")"); shift 2 ;;
    --only | --torch) arguments+=("$1" "$2"); shift 2 ;;
    *) usage >&2; exit 2 ;;
  esac
done
if ! python3 -c 'import numpy, safetensors' 2>/dev/null; then
  echo "gpu_check.sh: python3 lacks numpy or safetensors (python3 -m pip install numpy safetensors)" >&2
  exit 2
fi
if [ -z "$build" ]; then
  mkdir -p build
  step "Set-up" build/setup.log launch/setup.sh
  step "Build in build/" build/build.log build build -- -DCMAKE_BUILD_TYPE=Release -DTRIREME_CUDA=on -DTRIREME_BENCH=ON
  build=$root/build
fi
export PYTHONDONTWRITEBYTECODE=1
exec python3 tests/gpu/check.py --build "$build" "${arguments[@]}"
