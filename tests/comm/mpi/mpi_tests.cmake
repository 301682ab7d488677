# Communication among real processes: comm_mpi is started by mpirun, once per case. Label: mpi.
add_executable(comm_mpi ${CMAKE_CURRENT_LIST_DIR}/comm_mpi_main.cc)
target_link_libraries(comm_mpi PRIVATE trireme_flags trireme_comm)
target_include_directories(comm_mpi PRIVATE ${PROJECT_SOURCE_DIR}/tests)

# comm_mpi_test(CASE RANKS EXPECT...): a line for every regular expression must be printed. No ";" in them.
function(comm_mpi_test case ranks)
  list(JOIN ARGN "|||" expected)
  add_test(NAME comm.mpi.${case}_${ranks}
    COMMAND ${PROJECT_SOURCE_DIR}/tests/comm/mpi/run_case.sh ${MPIEXEC_EXECUTABLE} ${ranks}
      $<TARGET_FILE:comm_mpi> ${case} ${expected})
  set_tests_properties(comm.mpi.${case}_${ranks} PROPERTIES LABELS mpi TIMEOUT 60 PROCESSORS 2)
endfunction()

comm_mpi_test(good 1 "rank 0: ok")
comm_mpi_test(good 2 "rank 0: ok" "rank 1: ok")
comm_mpi_test(good 3 "rank 0: ok" "rank 1: ok" "rank 2: ok")
set(died "rank 2 \\(host [^ ]+, pid [0-9]+\\) died. rank [01] \\(host [^ ]+\\) waited for")
foreach(case killed exits)
  comm_mpi_test(${case} 3 "rank 0: ${died} the verdict at step 5" "rank 1: ${died} the verdict at step 5")
endforeach()
comm_mpi_test(killed_in_barrier 3 "rank 0: ${died} all-reduce at step 5" "rank 1: ${died} all-reduce at step 5")
set(late "rank [01] \\(host [^ ]+\\) waited [0-9.]+ s for the verdict at step 5: no answer from rank 2 ")
comm_mpi_test(hangs 3 "rank 0: ${late}" "rank 1: ${late}")
set(failed "rank 2 \\(host [^ ]+\\) failed: batch 12 is corrupt")
comm_mpi_test(throws 3 "rank 0: ${failed}" "rank 1: ${failed}" "rank 2: batch 12 is corrupt")
# A rank that has the result may be gone before another reads it, which then hears the cause from it.
set(outvoted "(rank [012] \\(host [^ ]+\\) failed: )?no memory")
comm_mpi_test(outvoted 3 "rank 0: ${outvoted}" "rank 1: ${outvoted}" "rank 2: ${outvoted}")
