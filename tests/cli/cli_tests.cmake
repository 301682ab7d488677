# The program as its users start it: unit tests of src/cli and of verify's parts, then scripts that run
# the built program.
trireme_tests(cli LINK trireme_worker)
target_sources(cli_tests PRIVATE ${PROJECT_SOURCE_DIR}/src/cli/options.cpp)

# On the CPU, GPU or not: they compare bits of one rank with those of several.
function(trireme_script_test script)
  cmake_parse_arguments(arg "" "TIMEOUT" "LABELS" ${ARGN})
  add_test(NAME cli.${script}
    COMMAND ${PROJECT_SOURCE_DIR}/tests/cli/${script}.sh $<TARGET_FILE:trireme>
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(cli.${script} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
    SKIP_RETURN_CODE 77 ENVIRONMENT CUDA_VISIBLE_DEVICES=)
endfunction()
trireme_script_test(help TIMEOUT 60 LABELS cli)
trireme_script_test(wrong_words TIMEOUT 60 LABELS cli)
trireme_script_test(streams TIMEOUT 60 LABELS cli)
trireme_script_test(no_memory TIMEOUT 60 LABELS cli)
trireme_script_test(wrong_export TIMEOUT 60 LABELS cli)
trireme_script_test(resume_earlier TIMEOUT 60 LABELS cli)
trireme_script_test(wrong_data TIMEOUT 300 LABELS mpi)
trireme_script_test(several_inputs TIMEOUT 120 LABELS mpi)
trireme_script_test(servers TIMEOUT 300 LABELS mpi)
trireme_script_test(own_pace TIMEOUT 300 LABELS mpi)
trireme_script_test(codecs TIMEOUT 300 LABELS mpi)
trireme_script_test(tables TIMEOUT 300 LABELS mpi)
trireme_script_test(served_tables TIMEOUT 300 LABELS mpi)
trireme_script_test(server_checkpoints TIMEOUT 300 LABELS mpi)
trireme_script_test(server_hosts TIMEOUT 120 LABELS mpi)
trireme_script_test(ranking TIMEOUT 120 LABELS mpi)
trireme_script_test(table_life TIMEOUT 300 LABELS mpi)
trireme_script_test(verify_holds TIMEOUT 300 LABELS mpi)
trireme_script_test(verify_fails TIMEOUT 300 LABELS mpi)
trireme_script_test(verify_interrupted TIMEOUT 120 LABELS mpi)
