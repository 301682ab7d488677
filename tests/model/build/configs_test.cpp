// Every experiment of configs/ reads and, for the data it names, builds.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "model/build/config_data.h"
#include "model/metrics.h"

namespace trireme {
namespace {

using namespace testing_model;

std::vector<std::string> config_files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(TRIREME_SOURCE_DIR "/configs"))
    if (entry.path().extension() == ".ini") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(Configs, EveryFileReadsAndBuilds) {
  const auto files = config_files();
  ASSERT_GE(files.size(), 12u);
  for (const auto& file : files) {
    SCOPED_TRACE(file);
    EXPECT_EQ(error_of([&] {
                const Experiment experiment = load_experiment(file, {});
                const auto graph = build_graph(experiment, data_of(experiment));
                EXPECT_GT(count_params(*graph), 0);
                MetricSet(expand_model(experiment.model, data_of(experiment)), data_of(experiment),
                          {});
              }),
              "");
  }
}

}  // namespace
}  // namespace trireme
