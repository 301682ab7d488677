#pragma once
// MPI's return codes as errors. MPI appears in the files named mpi* alone.

#include <mpi.h>

namespace trireme {

// Throws CommError "MPI_Isend failed: MPI_ERR_RANK: invalid rank" unless rc is MPI_SUCCESS.
void check_mpi(int rc, const char* call);

// Initialised and not yet finalised.
bool mpi_is_up();

}  // namespace trireme
