#pragma once
// Shared memory of one node from MPI_Win_allocate_shared.

#include <mpi.h>

#include <cstddef>

namespace trireme {

struct MpiSharedMemory {
  MPI_Win win = MPI_WIN_NULL;  // MPI_Win_free is collective: only close() calls it
  std::byte* data = nullptr;   // on a cache line
  size_t size = 0;
};

// All ranks of `node` call with the same `bytes`; the first one's allocation is everybody's. Not
// cleared.
MpiSharedMemory allocate_shared(MPI_Comm node, size_t bytes);

}  // namespace trireme
