# The kernel tests, compiled once: kernels_tests runs them on the CPU and in the shim, kernels_device_tests on a GPU.
file(GLOB cases CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/kernels/*_test.cpp)
set(cpu_only ${PROJECT_SOURCE_DIR}/tests/kernels/table_test.cpp ${PROJECT_SOURCE_DIR}/tests/kernels/cpu_device_test.cpp)
list(REMOVE_ITEM cases ${cpu_only})
add_library(kernel_cases OBJECT ${cases})
target_link_libraries(kernel_cases PUBLIC trireme_kernels cuda_shim GTest::gmock)
target_include_directories(kernel_cases PRIVATE ${PROJECT_SOURCE_DIR}/tests)
target_compile_options(kernel_cases PRIVATE $<$<CONFIG:Release>:-O1>)
target_compile_definitions(kernel_cases PRIVATE TRIREME_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
trireme_tests(kernels LINK kernel_cases SOURCES ${cpu_only} ${PROJECT_SOURCE_DIR}/tests/kernels/devices.cpp)

if(NOT TARGET trireme_cuda)
  return()
endif()
set(device ${CMAKE_CURRENT_LIST_DIR})
add_executable(kernels_device_tests ${device}/device_main.cc ${device}/arena.cpp ${device}/arena_test.cpp
  ${device}/observed_table.cpp ${device}/operator_new.cpp)
target_link_libraries(kernels_device_tests PRIVATE trireme_flags kernel_cases)
target_include_directories(kernels_device_tests PRIVATE ${PROJECT_SOURCE_DIR}/tests)
add_test(NAME kernels_device.cuda COMMAND kernels_device_tests $<TARGET_FILE:trireme_cuda>)
set_tests_properties(kernels_device.cuda PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77)
# Proves the program itself: its memory, its stack, the observed table.
add_test(NAME kernels_device.stand_in COMMAND kernels_device_tests --stand-in)
set_tests_properties(kernels_device.stand_in PROPERTIES TIMEOUT 300)
