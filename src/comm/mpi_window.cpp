#include "comm/mpi_window.h"

#include <cstdint>

#include "comm/mpi_check.h"

namespace trireme {
namespace {

constexpr size_t kLine = 64;

}  // namespace

MpiSharedMemory allocate_shared(MPI_Comm node, size_t bytes) {
  int rank = 0;
  check_mpi(MPI_Comm_rank(node, &rank), "MPI_Comm_rank");
  const auto room = static_cast<MPI_Aint>(rank == 0 ? bytes + kLine : 0);
  MpiSharedMemory memory;
  void* mine = nullptr;
  check_mpi(MPI_Win_allocate_shared(room, 1, MPI_INFO_NULL, node, &mine, &memory.win),
            "MPI_Win_allocate_shared");
  check_mpi(MPI_Win_set_errhandler(memory.win, MPI_ERRORS_RETURN), "MPI_Win_set_errhandler");
  MPI_Aint given = 0;
  int unit = 0;
  void* base = nullptr;
  check_mpi(MPI_Win_shared_query(memory.win, 0, &given, &unit, &base), "MPI_Win_shared_query");
  // The segment may be mapped anywhere, so the first rank alone decides how far its data lies from
  // its start.
  auto skip = static_cast<int64_t>((kLine - reinterpret_cast<uintptr_t>(base) % kLine) % kLine);
  check_mpi(MPI_Bcast(&skip, 1, MPI_INT64_T, 0, node), "MPI_Bcast");
  memory.data = static_cast<std::byte*>(base) + skip;
  memory.size = bytes;
  return memory;
}

}  // namespace trireme
