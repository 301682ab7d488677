#!/bin/sh
# check_format.sh [--fix]: every C++ and CUDA file of the repository is laid out as .clang-format says.
# --fix rewrites those that are not. Versions of clang-format differ in details: 14 is the one that counts.
set -eu
cd "$(dirname "$0")/.."
program=${CLANG_FORMAT:-clang-format}
command -v "$program" >/dev/null || {
  echo "check_format.sh needs clang-format (launch/setup.sh --dev installs it), or CLANG_FORMAT=PROGRAM" >&2
  exit 2
}
list_files() {
  find src tests bench -name '*.h' -o -name '*.cpp' -o -name '*.cc' -o -name '*.cuh' -o -name '*.cu' | sort
}
if [ "${1:-}" = --fix ]; then
  list_files | xargs "$program" -i
  exit 0
fi
wrong=$(list_files | xargs -P "$(nproc)" -n 40 "$program" --dry-run 2>&1 | sed -n 's/^\([^: ]*\):[0-9]*:[0-9]*: .*/\1/p' | sort -u)
if [ -n "$wrong" ]; then
  echo "$wrong" | sed 's/$/ is not laid out as .clang-format says/' >&2
  echo "cmake/check_format.sh --fix rewrites these files" >&2
  exit 1
fi
echo "$(list_files | wc -l) files are laid out as .clang-format says"
