// The least an MPI program can do: what a job's start costs before Trireme.
#include <mpi.h>

#include <cstdio>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  MPI_Barrier(MPI_COMM_WORLD);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 0) {
    std::puts("ready {}");
    std::fflush(stdout);
  }
  MPI_Finalize();
  return 0;
}
