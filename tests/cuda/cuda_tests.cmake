# The CUDA plugin from outside. The fakes need no CUDA, so that these run in every build.
set(fakes ${PROJECT_BINARY_DIR}/tests/fakes)
foreach(fake no_symbol other_build no_device devices shim)
  add_library(fake_${fake} MODULE ${CMAKE_CURRENT_LIST_DIR}/fakes/${fake}.cpp)
  target_link_libraries(fake_${fake} PRIVATE trireme_flags trireme_contract)
  target_include_directories(fake_${fake} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  set_target_properties(fake_${fake} PROPERTIES PREFIX "" OUTPUT_NAME ${fake} LIBRARY_OUTPUT_DIRECTORY ${fakes})
  list(APPEND fake_targets fake_${fake})
endforeach()
target_link_libraries(fake_devices PRIVATE trireme_tensor)
target_link_libraries(fake_shim PRIVATE cuda_shim)
target_sources(fake_shim PRIVATE ${CMAKE_CURRENT_LIST_DIR}/fakes/shared_collectives.cpp)

# matmul_layout and plan_store need no CUDA.
trireme_tests(cuda LINK trireme_worker SOURCES ${CMAKE_CURRENT_LIST_DIR}/plugin_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/matmul_layout_test.cpp ${PROJECT_SOURCE_DIR}/src/kernels/cuda/matmul_layout.cpp
  ${CMAKE_CURRENT_LIST_DIR}/plan_store_test.cpp ${PROJECT_SOURCE_DIR}/src/kernels/cuda/plan_store.cpp)
target_compile_definitions(cuda_tests PRIVATE TRIREME_FAKES="${fakes}")
add_dependencies(cuda_tests ${fake_targets})

add_test(NAME cuda.refusals COMMAND ${CMAKE_CURRENT_LIST_DIR}/refusals.sh $<TARGET_FILE:trireme>
  ${MPIEXEC_EXECUTABLE} ${fakes} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
set_tests_properties(cuda.refusals PROPERTIES LABELS mpi TIMEOUT 120)
foreach(script tables features ranks experiments)
  add_test(NAME cuda.${script} COMMAND ${CMAKE_CURRENT_LIST_DIR}/${script}.sh $<TARGET_FILE:trireme> ${fakes}/shim.so
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(cuda.${script} PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
endforeach()
set(cuda_libraries libcuda libcudart libcublas libcudnn libnccl libnvrtc)
add_test(NAME cuda.program_needs_nothing_of_cuda
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/needed.sh $<TARGET_FILE:trireme> ${cuda_libraries})

if(NOT TARGET trireme_cuda)
  return()
endif()
add_test(NAME cuda.plugin_does_not_need_the_driver
  COMMAND ${CMAKE_CURRENT_LIST_DIR}/needed.sh $<TARGET_FILE:trireme_cuda> libcuda\\.so libcudart)

# add_stub_driver(NAME VERSION): a libcuda.so.1 in a folder of its own.
function(add_stub_driver name version)
  add_library(stub_driver_${name} SHARED ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/stub_driver.cpp)
  target_link_libraries(stub_driver_${name} PRIVATE trireme_flags)
  target_compile_definitions(stub_driver_${name} PRIVATE STUB_DRIVER_VERSION=${version})
  set_target_properties(stub_driver_${name} PROPERTIES OUTPUT_NAME cuda SOVERSION 1
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/stub_drivers/${name})
endfunction()
add_stub_driver(old 12000)
add_stub_driver(no_device 13000)
add_test(NAME cuda.driver_reasons COMMAND ${CMAKE_CURRENT_LIST_DIR}/driver_reasons.sh $<TARGET_FILE:trireme>
  ${MPIEXEC_EXECUTABLE} ${PROJECT_BINARY_DIR}/tests/stub_drivers WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
set_tests_properties(cuda.driver_reasons PROPERTIES LABELS mpi TIMEOUT 120)

# What plans without a device. The stub is the driver that cuDNN finds; it looks for one by name only.
trireme_tests(cuda_graph LINK trireme_cuda_graphs -Wl,--no-as-needed stub_driver_no_device
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/conv_graph_test.cpp ${CMAKE_CURRENT_LIST_DIR}/conv_plans_test.cpp)

# The collectives, as far as they go without a device.
trireme_tests(cuda_collectives LINK trireme_cuda_collectives trireme_cuda_graphs CUDA::cublasLt
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/collectives_test.cpp)

# Their threads and failures, over a stand-in for NCCL: of CUDA this needs the headers.
set(cuda_sources ${PROJECT_SOURCE_DIR}/src/kernels/cuda)
trireme_tests(nccl_group LINK Threads::Threads SOURCES ${CMAKE_CURRENT_LIST_DIR}/nccl_group_test.cpp
  ${CMAKE_CURRENT_LIST_DIR}/fake_nccl.cpp ${cuda_sources}/nccl_group.cpp ${cuda_sources}/nccl_collectives.cpp
  ${cuda_sources}/last_error.cpp)
target_include_directories(nccl_group_tests PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_include_directories(nccl_group_tests SYSTEM PRIVATE ${NCCL_INCLUDE} ${CUDNN_INCLUDE} ${CUDAToolkit_INCLUDE_DIRS})

# The same on devices, where there are any. It lies beside the plugin.
add_executable(cuda_device_collectives ${CMAKE_CURRENT_LIST_DIR}/device_collectives.cc)
target_link_libraries(cuda_device_collectives PRIVATE trireme_flags trireme_comm trireme_kernels)
set_target_properties(cuda_device_collectives PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
foreach(case 1 2 "2 hang")
  separate_arguments(words UNIX_COMMAND "${case}")
  list(POP_FRONT words ranks)
  string(REPLACE " " "_" name ${case})
  add_test(NAME cuda.device_collectives_${name}
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/device_collectives.sh ${MPIEXEC_EXECUTABLE} ${ranks}
      $<TARGET_FILE:cuda_device_collectives> ${words})
  set_tests_properties(cuda.device_collectives_${name} PROPERTIES LABELS mpi TIMEOUT 300 SKIP_RETURN_CODE 77)
endforeach()

# Plans the convolutions of every experiment in configs/ for devices that are only described.
add_executable(cuda_planning ${CMAKE_CURRENT_LIST_DIR}/planning/planning_main.cc
  ${CMAKE_CURRENT_LIST_DIR}/planning/config_convolutions.cpp)
target_include_directories(cuda_planning PRIVATE ${PROJECT_SOURCE_DIR}/tests)
target_compile_definitions(cuda_planning PRIVATE TRIREME_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_link_libraries(cuda_planning PRIVATE trireme_flags trireme_model GTest::gmock trireme_cuda_graphs
  -Wl,--no-as-needed stub_driver_no_device)
set(planning ${CMAKE_CURRENT_LIST_DIR}/planning)
add_custom_target(update_engines)
foreach(precision fp32 tf32 bf16 fp16)
  set(engines "")  # tf32 and fp16: that there is an engine for everything
  if(EXISTS ${planning}/engines_${precision}.txt)
    set(engines ${planning}/engines_${precision}.txt)
    add_custom_target(update_engines_${precision} COMMAND cuda_planning ${precision} ${planning}/devices ${engines} --update)
    add_dependencies(update_engines update_engines_${precision})
  endif()
  add_test(NAME cuda.engines_${precision} COMMAND cuda_planning ${precision} ${planning}/devices ${engines})
  set_tests_properties(cuda.engines_${precision} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
endforeach()

# Writes the description of this machine's device, for planning/devices.
add_executable(cuda_dump_device ${CMAKE_CURRENT_LIST_DIR}/planning/dump_device_main.cc)
target_include_directories(cuda_dump_device SYSTEM PRIVATE ${CUDNN_INCLUDE} ${CUDAToolkit_INCLUDE_DIRS})
target_link_libraries(cuda_dump_device PRIVATE trireme_flags fmt::fmt nlohmann_json::nlohmann_json
  CUDA::cudart_static ${CUDNN_LIBRARY})
