# The CUDA plugin, libtrireme_cuda.so, beside the program. TRIREME_CUDA: auto builds it where nvcc is found,
# on demands it, off leaves it out. The program itself never links CUDA.
if(NOT TRIREME_CUDA MATCHES "^(auto|on|off)$")
  message(FATAL_ERROR "TRIREME_CUDA is ${TRIREME_CUDA}: auto, on or off")
endif()
if(TRIREME_CUDA STREQUAL "off")
  message(STATUS "CUDA plugin: off")
  return()
endif()
find_program(TRIREME_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin /usr/local/cuda/bin)
if(NOT TRIREME_NVCC)
  if(TRIREME_CUDA STREQUAL "on")
    message(FATAL_ERROR "TRIREME_CUDA is on, but nvcc was not found: put it into PATH, or set TRIREME_NVCC")
  endif()
  message(STATUS "CUDA plugin: not built, nvcc was not found")
  return()
endif()

set(CMAKE_CUDA_COMPILER ${TRIREME_NVCC})
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80 90 CACHE STRING "Compute capabilities of the CUDA plugin")
endif()
enable_language(CUDA)
foreach(kind STANDARD EXTENSION)  # CMake 3.25 does not know that nvcc 12 and later take C++20
  if(NOT CMAKE_CUDA20_${kind}_COMPILE_OPTION)
    set(CMAKE_CUDA20_${kind}_COMPILE_OPTION -std=c++20)
  endif()
endforeach()
message(STATUS "CUDA plugin: ${TRIREME_NVCC} ${CMAKE_CUDA_COMPILER_VERSION}")

file(GLOB_RECURSE cuda_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/cuda/*.cu)
add_library(trireme_cuda SHARED ${cuda_sources})
target_include_directories(trireme_cuda PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(trireme_cuda PRIVATE
  $<TARGET_PROPERTY:trireme_kernels,INTERFACE_COMPILE_DEFINITIONS>)  # the build id that both must have
target_compile_options(trireme_cuda PRIVATE -Werror all-warnings -Xcompiler=-Wall,-Wextra,-Werror)
set_target_properties(trireme_cuda PROPERTIES CUDA_RUNTIME_LIBRARY Static
  CUDA_VISIBILITY_PRESET hidden LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
install(TARGETS trireme_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_BINDIR})
