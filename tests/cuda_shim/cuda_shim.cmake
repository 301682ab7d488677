# Runs CUDA kernels on this machine: no CUDA is needed. Its launch.h comes before the plugin's in the include
# path.
find_package(Boost REQUIRED COMPONENTS context)
set(shim ${CMAKE_CURRENT_LIST_DIR})
add_library(cuda_shim STATIC ${shim}/fibers.cpp ${shim}/execution.cpp)
target_include_directories(cuda_shim BEFORE PRIVATE ${shim} PUBLIC ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(cuda_shim PUBLIC trireme_kernels PRIVATE Boost::context)

add_executable(cuda_shim_tests ${shim}/execution_test.cpp)
target_include_directories(cuda_shim_tests BEFORE PRIVATE ${shim} ${PROJECT_SOURCE_DIR}/tests)
target_link_libraries(cuda_shim_tests PRIVATE cuda_shim GTest::gmock GTest::gtest_main)
gtest_discover_tests(cuda_shim_tests TEST_PREFIX cuda_shim. DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
