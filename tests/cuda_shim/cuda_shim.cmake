# Our CUDA kernels, compiled for this machine and run by the shim: no CUDA is needed. In this folder's
# scope a .cu is C++; the shim's launch.h comes before the plugin's in the include path.
find_package(Boost REQUIRED COMPONENTS context)
set(shim ${CMAKE_CURRENT_LIST_DIR})
file(GLOB own_cuda_kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/kernels/cuda/own/*.cu)
set_source_files_properties(${own_cuda_kernels} PROPERTIES LANGUAGE CXX)
add_library(cuda_shim STATIC ${shim}/fibers.cpp ${shim}/execution.cpp ${shim}/recording.cpp ${shim}/table.cpp
  ${own_cuda_kernels})
target_include_directories(cuda_shim BEFORE PRIVATE ${shim} PUBLIC ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(cuda_shim PUBLIC trireme_kernels PRIVATE trireme_contract Boost::context)
# Kernels look at elements several at a time, which nvcc allows.
target_compile_options(cuda_shim PRIVATE -fno-strict-aliasing -Wno-unknown-pragmas)

add_executable(cuda_shim_tests ${shim}/execution_test.cpp ${shim}/bias_test.cpp ${shim}/batch_norm_elements_test.cpp)
target_include_directories(cuda_shim_tests BEFORE PRIVATE ${shim} ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(cuda_shim_tests PRIVATE cuda_shim GTest::gmock GTest::gtest_main)
gtest_discover_tests(cuda_shim_tests TEST_PREFIX cuda_shim. DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
