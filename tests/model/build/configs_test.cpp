// Every experiment of configs/ reads and, for the data it names, builds.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "model/build/model_text.h"
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

// What the data sets that the configs use look like.
DataShape data_of(const Experiment& e) {
  const auto& d = e.data;
  if (d.reader == "synthetic")
    return {Shape(std::span<const int64_t>(d.shape)), true, d.classes, 1, false};
  if (d.reader == "idx") return images(1, 28, 28, 10);
  if (d.reader == "tar") return images(3, 32, 32, 10);
  if (d.target == "value") return values(64);
  return d.channels > 0 ? images(d.channels, d.height, d.width, 10) : features(64, 10);
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
