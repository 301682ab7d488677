# The CUDA plugin, libtrireme_cuda.so, beside the program. TRIREME_CUDA: auto builds it where nvcc, cuDNN and the
# cudnn-frontend headers are found, on demands it, off leaves it out. The program itself never links CUDA.
# CMAKE_CUDA_ARCHITECTURES: what the plugin has code for; one is enough, and quicker, while developing (90-real).
if(NOT TRIREME_CUDA MATCHES "^(auto|on|off)$")
  message(FATAL_ERROR "TRIREME_CUDA is ${TRIREME_CUDA}: auto, on or off")
endif()
if(TRIREME_CUDA STREQUAL "off")
  message(STATUS "CUDA plugin: off")
  return()
endif()

# trireme_cuda_missing(WHAT REMEDY): the plugin cannot be built.
macro(trireme_cuda_missing what remedy)
  if(TRIREME_CUDA STREQUAL "on")
    message(FATAL_ERROR "TRIREME_CUDA is on, but ${what} was not found: ${remedy}")
  endif()
  message(STATUS "CUDA plugin: not built, ${what} was not found")
  return()
endmacro()

find_program(TRIREME_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin /usr/local/cuda/bin)
if(NOT TRIREME_NVCC)
  trireme_cuda_missing("nvcc" "put it into PATH, or set TRIREME_NVCC")
endif()
set(cudnn_frontend_root ${PROJECT_SOURCE_DIR}/.deps/cudnn-frontend CACHE PATH "cudnn-frontend prefix (headers)")
find_path(CUDNN_FRONTEND_INCLUDE cudnn_frontend.h PATHS ${cudnn_frontend_root}/include)
if(NOT CUDNN_FRONTEND_INCLUDE)
  trireme_cuda_missing("cudnn_frontend.h" "launch/setup.sh fetches it, or set cudnn_frontend_root")
endif()
cmake_path(GET TRIREME_NVCC PARENT_PATH cuda_bin)
find_path(CUDNN_INCLUDE cudnn.h HINTS ${cuda_bin}/../include)
find_library(CUDNN_LIBRARY cudnn HINTS ${cuda_bin}/../lib64 ${cuda_bin}/../lib)
find_library(NVRTC_LIBRARY nvrtc HINTS ${cuda_bin}/../lib64 ${cuda_bin}/../lib)  # CUDA::nvrtc brings the driver's stub along
if(NOT CUDNN_INCLUDE OR NOT CUDNN_LIBRARY OR NOT NVRTC_LIBRARY)
  trireme_cuda_missing("cuDNN 9 with NVRTC" "install it, or set CUDNN_INCLUDE, CUDNN_LIBRARY and NVRTC_LIBRARY")
endif()
find_path(NCCL_INCLUDE nccl.h HINTS ${cuda_bin}/../include)
find_library(NCCL_LIBRARY nccl HINTS ${cuda_bin}/../lib64 ${cuda_bin}/../lib)
if(NOT NCCL_INCLUDE OR NOT NCCL_LIBRARY)
  trireme_cuda_missing("NCCL" "install 2.28 or newer, or set NCCL_INCLUDE and NCCL_LIBRARY")
endif()
set(CMAKE_CUDA_COMPILER ${TRIREME_NVCC})
set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 100 CACHE STRING "Compute capabilities of the CUDA plugin")
if(CCACHE)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE})
endif()
enable_language(CUDA)
foreach(kind STANDARD EXTENSION)  # CMake 3.25 does not know that nvcc 12 and later take C++20
  if(NOT CMAKE_CUDA20_${kind}_COMPILE_OPTION)
    set(CMAKE_CUDA20_${kind}_COMPILE_OPTION -std=c++20)
  endif()
endforeach()
find_package(CUDAToolkit REQUIRED)

# The oldest capability that there is code for, for the message to owners of older devices.
set(oldest 10000)
foreach(architecture ${CMAKE_CUDA_ARCHITECTURES})
  string(REGEX MATCH "^[0-9]+" capability ${architecture})
  if(capability AND capability LESS oldest)
    set(oldest ${capability})
  endif()
endforeach()
message(STATUS "CUDA plugin: ${TRIREME_NVCC} ${CMAKE_CUDA_COMPILER_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}")

file(GLOB cuda_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/cuda/*.cu
  ${PROJECT_SOURCE_DIR}/src/kernels/cuda/*.cpp ${PROJECT_SOURCE_DIR}/src/kernels/cuda/own/*.cu
  ${PROJECT_SOURCE_DIR}/src/kernels/cuda/own/*.cpp)
set(graph_sources conv_graph conv_plans conv_timing kept_plan last_error plan_store)
list(TRANSFORM graph_sources REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/src/kernels/cuda/\\1.cpp")
list(REMOVE_ITEM cuda_sources ${graph_sources})
list(APPEND graph_sources ${PROJECT_SOURCE_DIR}/src/base/xxh64.cpp)

# What needs only a description of a device, and takes long to compile: for the plugin and for the planning test.
set(cxx_flags -Wall -Wextra -Wshadow -Werror -ffp-contract=off)
add_library(trireme_cuda_graphs OBJECT ${graph_sources})
target_include_directories(trireme_cuda_graphs PUBLIC ${PROJECT_SOURCE_DIR}/src)
target_include_directories(trireme_cuda_graphs SYSTEM PRIVATE ${CUDNN_FRONTEND_INCLUDE} PUBLIC ${CUDNN_INCLUDE} ${CUDAToolkit_INCLUDE_DIRS})
target_compile_options(trireme_cuda_graphs PRIVATE ${cxx_flags})
target_link_libraries(trireme_cuda_graphs PUBLIC CUDA::cudart_static ${CUDNN_LIBRARY} ${NVRTC_LIBRARY})
set_target_properties(trireme_cuda_graphs PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

# What brings ranks together: for the plugin and for the test of what it says without a driver.
set(collective_sources ${PROJECT_SOURCE_DIR}/src/kernels/cuda/nccl_collectives.cpp ${PROJECT_SOURCE_DIR}/src/kernels/cuda/nccl_group.cpp)
list(REMOVE_ITEM cuda_sources ${collective_sources})
add_library(trireme_cuda_collectives OBJECT ${collective_sources})
target_include_directories(trireme_cuda_collectives PUBLIC ${PROJECT_SOURCE_DIR}/src)
target_include_directories(trireme_cuda_collectives SYSTEM PUBLIC ${NCCL_INCLUDE} ${CUDNN_INCLUDE} ${CUDAToolkit_INCLUDE_DIRS})
target_compile_options(trireme_cuda_collectives PRIVATE ${cxx_flags})
target_link_libraries(trireme_cuda_collectives PUBLIC CUDA::cudart_static ${NCCL_LIBRARY} Threads::Threads)
set_target_properties(trireme_cuda_collectives PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

# The update of an element must not depend on how many of them a thread takes, nor batch norm's gradient on how it is known where
# ReLU was open: the compiler contracts nothing there.
foreach(source optimizer batch_norm batch_norm_backward batch_norm_channels)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/kernels/cuda/own/${source}.cu PROPERTIES COMPILE_OPTIONS -fmad=false)
endforeach()
add_library(trireme_cuda MODULE ${cuda_sources})
target_link_libraries(trireme_cuda PRIVATE trireme_contract)  # the build id that both must have
target_compile_definitions(trireme_cuda PRIVATE TRIREME_CUDA_OLDEST=${oldest})
target_compile_options(trireme_cuda PRIVATE
  "$<$<COMPILE_LANGUAGE:CXX>:${cxx_flags}>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings;-Xptxas=-warn-spills,-warn-lmem-usage,-Werror>"
  $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wshadow,-Werror>)
# The driver library is never linked: it belongs to the machine, and a machine without it gets a sentence.
target_link_options(trireme_cuda PRIVATE LINKER:--no-undefined LINKER:--exclude-libs,ALL LINKER:--as-needed)
set_target_properties(trireme_cuda PROPERTIES CUDA_RUNTIME_LIBRARY Static
  C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden CUDA_VISIBILITY_PRESET hidden
  VISIBILITY_INLINES_HIDDEN ON PREFIX lib LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
  INSTALL_RPATH_USE_LINK_PATH ON)
target_link_libraries(trireme_cuda PRIVATE trireme_cuda_graphs trireme_cuda_collectives CUDA::cublasLt)
install(TARGETS trireme_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_BINDIR})
