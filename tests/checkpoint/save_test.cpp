#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "checkpoint/fixture.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;

class Save : public FolderTest {
 protected:
  std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const auto& e : fs::directory_iterator(folder)) found.push_back(e.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  }
};

TEST_F(Save, EveryFieldOfTheStateComesBack) {
  RunState s = state_at(1234);
  s.updates = 1230;
  s.epoch = 3;
  s.position = 17;
  s.seed = std::numeric_limits<uint64_t>::max();
  s.best_metric = 0.1;
  s.best_step = 1000;
  s.evaluations_without_improvement = 2;
  s.elapsed_seconds = std::numeric_limits<double>::infinity();
  s.config = "[run]\nname = \"über\"\n";
  s.preprocessing = "{\"scale\": 255}";
  s.params_hash = "p";
  s.graph_hash = "g";
  s.data_fingerprint = "d";
  s.cpu_level = "x86-64-v3";
  s.onednn_version = "3.2";
  s.virtual_shards = 8;
  s.reproducible = false;
  auto source = small_source();
  const Path path = save_checkpoint(folder, source, s, {});
  EXPECT_EQ(path, folder / "step-00001234");
  const CheckpointReader reader(path, true);
  const RunState& r = reader.manifest().state;
  EXPECT_EQ(std::tie(r.step, r.updates, r.samples, r.epoch, r.position, r.seed),
            std::tie(s.step, s.updates, s.samples, s.epoch, s.position, s.seed));
  EXPECT_EQ(std::tie(r.best_metric, r.best_step, r.evaluations_without_improvement),
            std::tie(s.best_metric, s.best_step, s.evaluations_without_improvement));
  EXPECT_EQ(std::tie(r.elapsed_seconds, r.config, r.preprocessing, r.params_hash, r.graph_hash),
            std::tie(s.elapsed_seconds, s.config, s.preprocessing, s.params_hash, s.graph_hash));
  EXPECT_EQ(std::tie(r.data_fingerprint, r.cpu_level, r.onednn_version, r.virtual_shards),
            std::tie(s.data_fingerprint, s.cpu_level, s.onednn_version, s.virtual_shards));
  EXPECT_FALSE(r.reproducible);
}

TEST_F(Save, AMetricThatIsNotANumberComesBackAsSuch) {
  RunState s = state_at(1);
  s.best_metric = std::numeric_limits<double>::quiet_NaN();
  auto source = small_source();
  const CheckpointReader reader(save_checkpoint(folder, source, s, {}), true);
  EXPECT_TRUE(std::isnan(reader.manifest().state.best_metric));
}

TEST_F(Save, TensorsComeBackFromAsManyFilesAsTheLimitAsks) {
  auto source = small_source();
  const Path path =
      save_checkpoint(folder, source, state_at(1), {.max_shard_bytes = 24, .tag = ""});
  const CheckpointReader reader(path, true);
  EXPECT_EQ(reader.manifest().files.size(), 3u);
  for (const auto& [name, expected] : source.tensors()) {
    const TensorMeta* meta = reader.find(name);
    ASSERT_NE(meta, nullptr) << name;
    std::vector<std::byte> bytes(meta->bytes());
    reader.read(*meta, bytes);
    EXPECT_EQ(bytes, expected.bytes) << name;
  }
}

TEST_F(Save, ReadingIntoTheWrongSizeOrAnUnknownTensorIsRefused) {
  const CheckpointReader reader(save(folder, 1), false);
  std::vector<std::byte> few(3);
  const auto size =
      message_of<FormatError>([&] { reader.read(*reader.find("model.fc.bias"), few); });
  EXPECT_NE(size.find("has 6 bytes, 3 were asked for"), std::string::npos) << size;
  EXPECT_EQ(reader.find("model.gone"), nullptr);
  EXPECT_THROW(reader.read({"model.gone", Shape{3}, DType::u8}, few), FormatError);
}

TEST_F(Save, SavingAStepAgainReplacesIt) {
  save(folder, 5);
  auto source = small_source(99);
  const Path path = save_checkpoint(folder, source, state_at(5), {});
  const CheckpointReader reader(path, true);
  std::vector<float> weight(6);
  reader.read(*reader.find("model.fc.weight"), std::as_writable_bytes(std::span(weight)));
  EXPECT_EQ(weight[0], 99.0f);
  EXPECT_EQ(names(), std::vector<std::string>{"step-00000005"});
}

TEST_F(Save, LeftoversOfACrashAreIgnoredAndThenRemoved) {
  save(folder, 1);
  fs::create_directory(folder / "step-00000002.tmp-4711");
  std::ofstream(folder / "step-00000002.tmp-4711" / "manifest.json") << "{";
  EXPECT_EQ(list_checkpoints(folder), std::vector<Path>{folder / "step-00000001"});
  EXPECT_EQ(newest_good_checkpoint(folder), folder / "step-00000001");
  save(folder, 3);
  EXPECT_EQ(names(), (std::vector<std::string>{"step-00000001", "step-00000003"}));
}

TEST_F(Save, AFullDiskIsReportedAndLeavesNothingBehind) {
  save(folder, 1);
  MemorySource large({{"model.w", pattern({500'000}, DType::f32)}});
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{1 << 20, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // write() then fails with EFBIG
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string what;
  try {
    save_checkpoint(folder, large, state_at(2), {});
  } catch (const DataError& e) {
    what = e.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(what.find("cannot write " + (folder / "step-00000002").string()), std::string::npos)
      << what;
  EXPECT_EQ(names(), std::vector<std::string>{"step-00000001"});
  EXPECT_EQ(newest_good_checkpoint(folder), folder / "step-00000001");
}

TEST_F(Save, AFileInPlaceOfTheFolderIsReported) {
  std::ofstream(folder / "taken") << "x";
  auto source = small_source();
  const auto what =
      message_of<DataError>([&] { save_checkpoint(folder / "taken", source, state_at(1), {}); });
  EXPECT_NE(what.find((folder / "taken").string()), std::string::npos) << what;
  EXPECT_THROW(list_checkpoints(folder / "taken"), DataError);
}

TEST_F(Save, AStateThatIsNotUtf8IsNamed) {
  RunState s = state_at(1);
  s.config = "name = \xff";
  auto source = small_source();
  const auto what = message_of<FormatError>([&] { save_checkpoint(folder, source, s, {}); });
  EXPECT_NE(what.find("field 'state.config' is not UTF-8"), std::string::npos) << what;
  EXPECT_TRUE(names().empty());
}

TEST_F(Save, AnUnknownTagIsRefused) {
  EXPECT_THROW(save(folder, 1, {.tag = "nicest"}), ConfigError);
}

TEST_F(Save, RotationKeepsTheNewestAndTheBest) {
  save(folder, 1);
  save(folder, 2, {.tag = "best"});
  for (int64_t step = 3; step <= 6; ++step) save(folder, step);
  rotate_checkpoints(folder, 2);
  EXPECT_EQ(names(), (std::vector<std::string>{"best.json", "step-00000002", "step-00000005",
                                               "step-00000006"}));
  EXPECT_EQ(best_checkpoint(folder), folder / "step-00000002");
}

TEST_F(Save, RotationNeverRemovesTheNewestGoodOne) {
  for (int64_t step = 1; step <= 4; ++step) save(folder, step);
  for (const char* bad : {"step-00000003", "step-00000004"})
    fs::remove(folder / bad / "manifest.json");
  rotate_checkpoints(folder, 2);
  EXPECT_EQ(names(), (std::vector<std::string>{"step-00000002", "step-00000003", "step-00000004"}));
  rotate_checkpoints(folder, 0);
  EXPECT_EQ(names(), std::vector<std::string>{"step-00000002"});
}

TEST_F(Save, ABestThatIsGoneOrNoCheckpointIsRefused) {
  EXPECT_EQ(best_checkpoint(folder), std::nullopt);
  save(folder, 1, {.tag = "best"});
  fs::remove_all(folder / "step-00000001");
  EXPECT_THROW(best_checkpoint(folder), FormatError);
  write_atomic(folder / "best.json", std::string_view("{\"checkpoint\": \"../../etc\"}"));
  const auto what = message_of<FormatError>([&] { best_checkpoint(folder); });
  EXPECT_NE(what.find("'checkpoint' is '../../etc'"), std::string::npos) << what;
}

}  // namespace
}  // namespace trireme
