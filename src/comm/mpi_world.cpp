#include "comm/mpi_world.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "comm/mpi_check.h"

namespace trireme {
namespace {

struct Card {  // what each rank says of itself, as bytes
  char host[248] = {};
  int64_t pid = 0;
  int64_t node_leader = 0;  // the lowest rank of its node
};

bool initialize(int* argc, char*** argv) {
  int up = 0, provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Initialized(&up), "MPI_Initialized");
  if (up)
    check_mpi(MPI_Query_thread(&provided), "MPI_Query_thread");
  else
    check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_SERIALIZED)
    throw CommError(
        fmt::format("MPI gives thread level {}, but Trireme needs MPI_THREAD_SERIALIZED ({})",
                    provided, static_cast<int>(MPI_THREAD_SERIALIZED)),
        "use an MPI that was built with thread support");
  return !up;
}

Card my_card(const MpiWorld& world) {
  Card card;
  if (::gethostname(card.host, sizeof card.host - 1) != 0) std::strcpy(card.host, "?");
  card.pid = ::getpid();
  int64_t leader = world.rank;
  check_mpi(MPI_Bcast(&leader, 1, MPI_INT64_T, 0, world.node), "MPI_Bcast");
  card.node_leader = leader;
  return card;
}

std::vector<Member> read_cards(const std::vector<Card>& cards) {
  std::vector<Member> members;
  std::map<int64_t, int> node_of_leader, ranks_on_node;
  for (const Card& card : cards) {
    const int next = static_cast<int>(node_of_leader.size());
    const int node = node_of_leader.emplace(card.node_leader, next).first->second;
    members.push_back(
        {static_cast<int>(members.size()), card.host, card.pid, node, ranks_on_node[node]++});
  }
  return members;
}

bool more_than_one(const char* variable) {
  const char* text = std::getenv(variable);
  return text && parse_int(text).value_or(0) > 1;
}

}  // namespace

void check_mpi(int rc, const char* call) {
  if (rc == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  if (!mpi_is_up() || MPI_Error_string(rc, text, &length) != MPI_SUCCESS) length = 0;
  throw CommError(length > 0 ? fmt::format("{} failed: {}", call,
                                           std::string_view(text, static_cast<size_t>(length)))
                             : fmt::format("{} failed with code {}", call, rc));
}

bool mpi_is_up() {
  int initialized = 0, finalized = 0;
  return MPI_Initialized(&initialized) == MPI_SUCCESS && initialized &&
         MPI_Finalized(&finalized) == MPI_SUCCESS && !finalized;
}

MpiWorld start_mpi(int* argc, char*** argv) {
  MpiWorld world;
  world.initialized_here = initialize(argc, argv);
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &world.all), "MPI_Comm_dup");
  check_mpi(MPI_Comm_rank(world.all, &world.rank), "MPI_Comm_rank");
  check_mpi(
      MPI_Comm_split_type(world.all, MPI_COMM_TYPE_SHARED, world.rank, MPI_INFO_NULL, &world.node),
      "MPI_Comm_split_type");
  for (MPI_Comm c : {world.all, world.node})
    check_mpi(MPI_Comm_set_errhandler(c, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");

  int size = 0;
  check_mpi(MPI_Comm_size(world.all, &size), "MPI_Comm_size");
  const Card mine = my_card(world);
  std::vector<Card> cards(static_cast<size_t>(size));
  check_mpi(
      MPI_Allgather(&mine, sizeof mine, MPI_BYTE, cards.data(), sizeof mine, MPI_BYTE, world.all),
      "MPI_Allgather");
  world.members = read_cards(cards);
  return world;
}

// Slurm's batch shell has SLURM_NTASKS and SLURM_PROCID too; only a step that srun started is a
// launch.
bool launched_by_mpi() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "MPI_LOCALRANKID"})
    if (std::getenv(variable)) return true;
  return std::getenv("SLURM_PROCID") && std::getenv("SLURM_STEP_ID") &&
         more_than_one("SLURM_STEP_NUM_TASKS");
}

}  // namespace trireme
