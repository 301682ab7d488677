#!/bin/sh
# check_isa_leaks.sh BUILD_DIR: the kernel objects that are compiled for a newer instruction level may
# define symbols of their own namespace only. Any other weak or global definition (a template or inline
# function of the standard library, say) could be the copy that the linker keeps for the whole program,
# which would then fail on older machines.
set -eu
build=${1:?usage: check_isa_leaks.sh BUILD_DIR}
checked=0
leaks=0
for level in baseline v3 v4; do
  folder=$build/src/kernels/CMakeFiles/trireme_kernels_$level.dir
  [ -d "$folder" ] || continue
  namespace="trireme::cpu::$level::"
  for object in $(find "$folder" -name '*.o'); do
    checked=$((checked + 1))
    found=$(nm --defined-only --extern-only --demangle "$object" |
      sed -n 's/^[0-9a-fA-F]* [A-Za-z] //p' | grep -v "$namespace" || true)
    if [ -n "$found" ]; then
      leaks=$((leaks + 1))
      echo "$object defines symbols outside $namespace" >&2
      echo "$found" | sed 's/^/  /' >&2
    fi
  done
done
if [ "$checked" -eq 0 ]; then
  echo "no kernel objects below $build: build trireme_kernels first" >&2
  exit 2
fi
echo "$checked kernel objects checked, $leaks with leaks"
[ "$leaks" -eq 0 ]
