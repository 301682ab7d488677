#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "comm/communicator.h"

namespace trireme {
namespace {

const std::vector<std::string> kVariables{"OMPI_COMM_WORLD_SIZE", "PMIX_RANK",    "PMI_RANK",
                                          "MPI_LOCALRANKID",      "SLURM_PROCID", "SLURM_STEP_ID",
                                          "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"};

bool launched_with(const std::map<std::string, std::string>& environment) {
  for (const auto& variable : kVariables) ::unsetenv(variable.c_str());
  for (const auto& [variable, value] : environment) ::setenv(variable.c_str(), value.c_str(), 1);
  const bool launched = launched_by_mpi();
  for (const auto& variable : kVariables) ::unsetenv(variable.c_str());
  return launched;
}

TEST(LaunchedByMpi, KnowsMpirunAndSrun) {
  EXPECT_TRUE(launched_with({{"OMPI_COMM_WORLD_SIZE", "1"}}));
  EXPECT_TRUE(launched_with({{"PMIX_RANK", "0"}}));
  EXPECT_TRUE(launched_with({{"PMI_RANK", "0"}}));
  EXPECT_TRUE(launched_with(
      {{"SLURM_PROCID", "1"}, {"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "2"}}));
}

TEST(LaunchedByMpi, IsFalseInAPlainShellAndInSlurmsBatchShell) {
  EXPECT_FALSE(launched_with({}));
  EXPECT_FALSE(launched_with({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}}));
  EXPECT_FALSE(launched_with(
      {{"SLURM_PROCID", "0"}, {"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}));
}

}  // namespace
}  // namespace trireme
