#!/usr/bin/env bash
# Builds the benchmarks and PyTorch's environment where they are absent, measures, and rewrites the figures in
# docs/benchmarks.md.
set -euo pipefail
export CUDA_VISIBLE_DEVICES=  # all of this is about the CPU; launch/gpu_check.sh looks at GPUs
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source-path=SCRIPTDIR source=../launch/steps.sh
. launch/steps.sh

usage() {
  cat <<'TEXT'
Usage: run.sh [--quick] [--only steps|allreduce|data_parallel|checkpoint|start] [--pairs N] [--seconds S]

Takes about half an hour on two cores, a few minutes with --quick; nothing else should run meanwhile. Figures go into
docs/benchmarks.md, except with --quick or --only. PyTorch is taken from $TRIREME_PEERS (a Python), else from
.venv-peers/, which tests/peers.sh --install makes (5 GB).
TEXT
}
case ${1:-} in -h | --help) usage; exit 0 ;; esac

mkdir -p build
step "Set-up" build/setup.log launch/setup.sh
step "Build in build/" build/build.log build build step_bench allreduce_bench checkpoint_bench roof empty_mpi -- \
  -DCMAKE_BUILD_TYPE=Release -DTRIREME_BENCH=ON
if [ -z "${TRIREME_PEERS:-}" ] && [ ! -x .venv-peers/bin/python ]; then tests/peers.sh --install; fi
exec python3 bench/run.py "$@"
