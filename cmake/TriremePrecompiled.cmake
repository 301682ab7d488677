# Precompiled headers: half of most files' compile time was spent in reading those of the standard library, fmt and
# GoogleTest. One for each set of flags, since GCC takes one only under the flags it was made with. Every file still
# includes what it uses; -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON shows whether it does.
set(TRIREME_COMMON_HEADERS <algorithm> <array> <atomic> <chrono> <cmath> <cstdint> <cstring> <deque> <functional> <limits>
  <map> <memory> <mutex> <numeric> <optional> <set> <span> <string> <string_view> <unordered_map> <utility> <vector>
  <fmt/format.h>)

# trireme_precompiled(NAME HEADERS... [LINK ...] [OPTIONS ...]): for targets with the flags of LINK and OPTIONS.
function(trireme_precompiled name)
  cmake_parse_arguments(arg "" "" "LINK;OPTIONS" ${ARGN})
  set(empty ${CMAKE_BINARY_DIR}/${name}.cpp)
  file(GENERATE OUTPUT ${empty} CONTENT "")
  add_library(${name} OBJECT ${empty})
  target_link_libraries(${name} PRIVATE trireme_flags spdlog::spdlog ${arg_LINK})
  target_compile_options(${name} PRIVATE ${arg_OPTIONS})
  target_precompile_headers(${name} PRIVATE ${arg_UNPARSED_ARGUMENTS})
endfunction()

trireme_precompiled(trireme_headers ${TRIREME_COMMON_HEADERS})
trireme_precompiled(trireme_headers_openmp ${TRIREME_COMMON_HEADERS} LINK OpenMP::OpenMP_CXX)
