# The machine code of our kernels, where nvcc built them.
if(TARGET trireme_cuda)
  set(cuda_tools ${PROJECT_SOURCE_DIR}/.deps/cuda-tools CACHE PATH "Folder of cuobjdump and nvdisasm")
  add_test(NAME cuda_static.kernels COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/check_kernels.py --tools ${cuda_tools}
    --table ${CMAKE_CURRENT_LIST_DIR}/kernels.json $<TARGET_FILE:trireme_cuda>)
  set_tests_properties(cuda_static.kernels PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 120)
endif()
