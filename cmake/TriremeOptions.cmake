# Compiler flags that hold for every target. Kernel files add their instruction level on top.
include(GNUInstallDirs)
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER  # the cache works with precompiled headers where it is told so
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

add_library(trireme_flags INTERFACE)
target_compile_options(trireme_flags INTERFACE -Wall -Wextra -Werror -ffp-contract=off)
if(CCACHE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(trireme_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)  # the cache asks for it
endif()
target_include_directories(trireme_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
if(TRIREME_SANITIZE)
  target_compile_options(trireme_flags INTERFACE -fsanitize=${TRIREME_SANITIZE} -fno-omit-frame-pointer -g)
  # GCC's own notes warn of false positives of its warnings under sanitizers: they are shown, not fatal.
  target_compile_options(trireme_flags INTERFACE -Wno-error)
  target_link_options(trireme_flags INTERFACE -fsanitize=${TRIREME_SANITIZE})
endif()

# For files where GCC 12 sees std::string overlap or write beyond its end and it does not (GCC bug 105651 and its like).
set(TRIREME_NO_STRING_ALARMS -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
