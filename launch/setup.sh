#!/usr/bin/env bash
# Installs what building and running Trireme needs. Does nothing, quickly, where all is there.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
  cat <<'TEXT'
Usage: setup.sh [--dev]

Installs compilers and libraries with apt-get (Debian, Ubuntu; as root or through sudo), and oneDNN 3 into .deps/
where the distribution's is older. Where there is nvcc, also the headers of cudnn-frontend. On other systems, or without
root, it lists what has to be provided.

  --dev    also what the checks of .ci/run need: clang-format, clang-tidy, shellcheck; where nvcc is, cuobjdump and
           nvdisasm
  --help   this text
TEXT
}

# What cmake/TriremeDependencies.cmake looks for, and what builds and fetches it.
packages=(g++ cmake ninja-build ccache pkg-config git binutils python3 python3-venv python3-pip ca-certificates
  libopenmpi-dev openmpi-bin libboost-program-options-dev libssl-dev libdeflate-dev libjpeg-dev libpng-dev
  libarchive-dev nlohmann-json3-dev libfmt-dev libspdlog-dev protobuf-compiler libprotobuf-dev libonnx-dev
  libgtest-dev libgmock-dev libbenchmark-dev libboost-context-dev)
dev_packages=(clang-format clang-tidy shellcheck)

dev=
case ${1:-} in
  '') ;;
  --dev) dev=1 ;;
  -h | --help) usage; exit 0 ;;
  *) echo "setup.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
esac
[ -z "$dev" ] || packages+=("${dev_packages[@]}")

stop() { echo "setup.sh: $1" >&2; exit 1; }

# Packages that are not installed, one a line. A virtual package counts when another one provides it.
missing_packages() {
  local installed package
  installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' | sed -n 's/^installed //p' |
    sed 's/([^)]*)//g; s/,/ /g' | tr '\n' ' ') "
  for package in "$@"; do
    [[ $installed == *" $package "* ]] || echo "$package"
  done
}

install_packages() {
  local missing run=()
  mapfile -t missing < <(missing_packages "${packages[@]}")
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "installing: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      stop "these packages are missing, and there is neither root nor sudo. Have them installed: ${missing[*]}"
    run=(sudo)
  fi
  run+=(env DEBIAN_FRONTEND=noninteractive)
  "${run[@]}" apt-get update -qq || stop "apt-get update failed: see above"
  "${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    stop "apt-get could not install ${missing[*]}: see above"
}

# Elsewhere the build says what it does not find; here, only the plain list.
explain_packages() {
  echo "This is not Debian or Ubuntu: provide these yourself, under your system's names:"
  echo "  C++20 compiler (g++ >= 12), CMake >= 3.25, Ninja, pkg-config, Python 3 with pip and venv"
  echo "  Open MPI >= 4.1, Boost (Program_options, Context), OpenSSL, libdeflate, libjpeg, libpng, libarchive, nlohmann-json, fmt, spdlog"
  echo "  protobuf, libonnx (>= 1.12, with onnx/onnx_pb.h), GoogleTest with gmock, Google Benchmark"
}

# True where the compiler's own search path has oneDNN of version 3 or later.
system_has_onednn() {
  local version
  version=$(echo '#include <oneapi/dnnl/dnnl_version.h>
DNNL_VERSION_MAJOR' | c++ -E -P -x c++ - 2>/dev/null | tail -1) || return 1
  [[ $version =~ ^[0-9]+$ ]] && [ "$version" -ge 3 ]
}

# A Python that has pip: the system's, or one in a folder of our own.
find_pip() {
  if python3 -m pip --version >/dev/null 2>&1; then
    python3_with_pip=python3
  else
    python3 -m venv "$root/.deps/venv" || stop "python3 has neither pip nor venv: install python3-pip or python3-venv"
    python3_with_pip=$root/.deps/venv/bin/python
  fi
}

# oneDNN 3.2 from its PyPI packages: headers from one, the library from the other.
fetch_onednn() {
  local work=$root/.deps/onednn.tmp version=2023.2.0 library
  case $(uname -m) in
    x86_64) ;;
    *) stop "there is no package of oneDNN 3 for $(uname -m): build it and give CMake -Donednn_root=PREFIX" ;;
  esac
  echo "fetching oneDNN 3.2 into .deps/onednn"
  rm -rf "$work" && mkdir -p "$work"
  find_pip
  "$python3_with_pip" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
    "onednn-cpu-gomp==$version" "onednn-devel-cpu-gomp==$version" ||
    stop "pip could not download oneDNN: see above; or give CMake -Donednn_root=PREFIX of an installed oneDNN >= 3"
  local wheel
  for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$work/unpacked"; done
  library=$(find "$work/unpacked" -name 'libdnnl.so.3*' -type f | sort | tail -1)
  [ -n "$library" ] || stop "the packages hold no libdnnl.so.3"
  mkdir -p "$work/onednn/lib"
  cp -R "$(dirname "$(find "$work/unpacked" -name dnnl.hpp -path '*/include/dnnl.hpp' | head -1)")" "$work/onednn/include"
  # A wheel has no links: it holds the same 54 MB under three names.
  mv "$library" "$work/onednn/lib/libdnnl.so.3.2"
  ln -s libdnnl.so.3.2 "$work/onednn/lib/libdnnl.so.3"
  ln -s libdnnl.so.3 "$work/onednn/lib/libdnnl.so"
  rm -rf "$root/.deps/onednn"
  mv "$work/onednn" "$root/.deps/onednn"
  rm -rf "$work"
}

# True where the CUDA plugin can be built: cmake/TriremeCuda.cmake looks in the same places.
has_nvcc() {
  command -v nvcc >/dev/null || [ -x "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" ] || [ -x "${CUDA_PATH:-/usr/local/cuda}/bin/nvcc" ]
}

# The headers of cudnn-frontend, from its PyPI package, without its Python part and its dependencies.
fetch_cudnn_frontend() {
  local work=$root/.deps/cudnn-frontend.tmp version=1.32.0
  echo "fetching the headers of cudnn-frontend $version into .deps/cudnn-frontend"
  rm -rf "$work" && mkdir -p "$work"
  find_pip
  "$python3_with_pip" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
    "nvidia-cudnn-frontend==$version" ||
    stop "pip could not download cudnn-frontend: see above; or give CMake -Dcudnn_frontend_root=PREFIX"
  python3 -m zipfile -e "$work"/*.whl "$work/unpacked"
  [ -e "$work/unpacked/include/cudnn_frontend.h" ] || stop "the package holds no include/cudnn_frontend.h"
  mkdir "$work/cudnn-frontend"
  mv "$work/unpacked/include" "$work/cudnn-frontend/include"
  rm -rf "$root/.deps/cudnn-frontend"
  mv "$work/cudnn-frontend" "$root/.deps/cudnn-frontend"
  rm -rf "$work"
}

# Readers of the machine code in the CUDA plugin, from their PyPI packages (the toolkit may lack them).
fetch_cuda_tools() {
  local work=$root/.deps/cuda-tools.tmp version=13.5.37
  echo "fetching cuobjdump and nvdisasm into .deps/cuda-tools"
  rm -rf "$work" && mkdir -p "$work/cuda-tools"
  find_pip
  "$python3_with_pip" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
    "nvidia-cuda-cuobjdump==$version" "nvidia-cuda-nvdisasm==$version" ||
    stop "pip could not download cuobjdump and nvdisasm: see above"
  local wheel
  for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$work/unpacked"; done
  find "$work/unpacked" -type f \( -name cuobjdump -o -name nvdisasm \) -exec mv {} "$work/cuda-tools" \;
  chmod +x "$work/cuda-tools"/*
  rm -rf "$root/.deps/cuda-tools"
  mv "$work/cuda-tools" "$root/.deps/cuda-tools"
  rm -rf "$work"
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  install_packages
else
  explain_packages
fi
if ! { [ -e "$root/.deps/onednn/lib/libdnnl.so" ] && [ -e "$root/.deps/onednn/include/dnnl.hpp" ]; } && ! system_has_onednn; then
  fetch_onednn
fi
if has_nvcc && [ ! -e "$root/.deps/cudnn-frontend/include/cudnn_frontend.h" ]; then fetch_cudnn_frontend; fi
if [ -n "$dev" ] && has_nvcc && [ ! -e "$root/.deps/cuda-tools/cuobjdump" ]; then fetch_cuda_tools; fi
echo "all that Trireme needs is there"
