#pragma once
// What MPI knows of a job, and its beginning.

#include <mpi.h>

#include <vector>

#include "comm/communicator.h"

namespace trireme {

struct MpiWorld {
  MPI_Comm all = MPI_COMM_NULL;   // private duplicate of MPI_COMM_WORLD; errors return
  MPI_Comm node = MPI_COMM_NULL;  // the ranks that share memory with this one, by rank
  bool initialized_here = false;  // then MPI_Finalize is ours too
  int rank = 0;
  std::vector<Member> members;
};

// Initialises MPI with MPI_THREAD_SERIALIZED where nobody did, and asks all ranks who they are.
// Collective. Throws CommError when MPI gives fewer rights to threads.
MpiWorld start_mpi(int* argc, char*** argv);

}  // namespace trireme
