#!/usr/bin/env bash
# Holds Trireme against PyTorch, ONNX, onnxruntime, safetensors, TensorBoard and scikit-learn, live.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source-path=SCRIPTDIR source=../launch/steps.sh
. launch/steps.sh

usage() {
  cat <<'TEXT'
Usage: peers.sh [--install]

Needs 6 GB of disk: the packages of tests/peers/requirements.txt go into .venv-peers/, once. The program is $TRIREME,
or build/trireme, which is built where it is absent. The last line is "N passed, N failed".

  --install   only the packages
TEXT
}
case ${1:-} in -h | --help) usage; exit 0 ;; esac

only_install=
case ${1:-} in
  '') ;;
  --install) only_install=1 ;;
  *) usage >&2; exit 2 ;;
esac

# Once per version of the list: the stamp is written when all of it is there.
install_peers() {
  python3 -m venv .venv-peers &&
    .venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir -r tests/peers/requirements.txt &&
    cp tests/peers/requirements.txt .venv-peers/installed.txt
}
mkdir -p build
if [ -z "$only_install" ] && [ -z "${TRIREME:-}" ]; then
  step "Set-up" build/setup.log launch/setup.sh
  step "Build in build/" build/build.log build build trireme -- -DCMAKE_BUILD_TYPE=Release
fi
if ! cmp -s tests/peers/requirements.txt .venv-peers/installed.txt; then
  step "Peers into .venv-peers/ (5 GB)" build/peers.log install_peers
fi
if [ -n "$only_install" ]; then exit 0; fi
export CUDA_VISIBLE_DEVICES=  # both sides on the CPU; launch/gpu_check.sh looks at GPUs
export PYTHONDONTWRITEBYTECODE=1 TF_CPP_MIN_LOG_LEVEL=3
exec .venv-peers/bin/python -W ignore tests/peers/run.py
