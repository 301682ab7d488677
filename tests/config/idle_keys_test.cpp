// Keys that are set and change nothing.
#include "config/idle_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trireme {
namespace {

const char* const kExperiment = TRIREME_SOURCE_DIR "/configs/synthetic_tables.ini";

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> idle(const std::vector<std::string>& overrides) {
  return idle_keys(load_experiment(kExperiment, overrides));
}

TEST(IdleKeys, AreNamedWithWhatTheyNeed) {
  EXPECT_THAT(idle({}), IsEmpty());
  EXPECT_THAT(idle({"exchange.top_k=0.1", "tables.evict=lfu"}),
              ElementsAre("exchange.top_k (needs exchange.codec = top_k)",
                          "tables.evict (needs tables.budget_mib)"));
  EXPECT_THAT(idle({"exchange.name=parameter_server", "exchange.staleness=2"}),
              ElementsAre("exchange.staleness (needs exchange.consistency = bounded)"));
}

TEST(IdleKeys, AreNoneWhereTheyAreUsed) {
  EXPECT_THAT(idle({"exchange.name=parameter_server", "exchange.codec=top_k", "exchange.top_k=0.1",
                    "run.reproducible=false", "tables.evict=lfu", "tables.budget_mib=9"}),
              IsEmpty());
}

TEST(IdleKeys, AreNoneOfAFileThatTheProgramWrote) {
  const Experiment written = load_experiment(kExperiment, {});
  EXPECT_THAT(idle_keys(parse_experiment(written.to_ini(false), "written", {})), IsEmpty());
}

}  // namespace
}  // namespace trireme
