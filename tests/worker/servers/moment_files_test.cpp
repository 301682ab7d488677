// Moments that several writers put into the same files, and readers take from them again.
#include "worker/servers/moment_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <numeric>

#include "base/error.h"
#include "base/sha256.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/manifest.h"
#include "checkpoint/safetensors.h"
#include "ps/message.h"
#include "worker/servers/save_place.h"
#include "worker/servers/server_reader.h"

namespace trireme {
namespace {

// A vector, a convolution's weight with its channels last, and a pointwise one.
ParamTable params() {
  Slot bias, weight, pointwise;
  bias.name = "bias";
  bias.logical = {70};
  weight.name = "weight";
  weight.logical = weight.view = {9, 5, 3, 2};
  weight.permutation = {0, 2, 3, 1};
  pointwise.name = "pointwise";
  pointwise.logical = pointwise.view = {4, 6, 1, 1};
  pointwise.permutation = {0, 2, 3, 1};
  return ParamTable({bias, weight, pointwise});
}

class SharedFiles : public testing::Test {
 protected:
  SharedFiles() {
    std::filesystem::create_directories(folder_);
    for (size_t moment = 0; moment < 2; ++moment) {
      stored_.emplace_back(static_cast<size_t>(params_.size()));
      std::iota(stored_.back().begin(), stored_.back().end(), 1000.0f * static_cast<float>(moment));
    }
  }
  ~SharedFiles() override { std::filesystem::remove_all(folder_); }
  // Pieces of these sizes, by turns of two writers.
  void write(const MomentFiles& files, int64_t each) {
    MomentPieces writers[2] = {{files, folder_}, {files, folder_}};
    for (int64_t at = 0, turn = 0; at < params_.size(); at += each, ++turn)
      for (size_t moment = 0; moment < 2; ++moment)
        writers[turn % 2].write(moment, {at, std::min(at + each, params_.size())},
                                stored_[moment].data() + at);
    for (MomentPieces& writer : writers) writer.sync();
  }
  std::vector<float> logical(size_t moment, const Slot& slot) const {
    std::vector<float> values(static_cast<size_t>(slot.count));
    to_logical(slot, stored_[moment].data() + slot.offset, values.data());
    return values;
  }

  const Path folder_ =
      std::filesystem::temp_directory_path() / ("trireme-moments-" + std::to_string(::getpid()));
  const ParamTable params_ = params();
  const std::vector<std::string> moments_ = {"exp_avg", "exp_avg_sq"};
  std::vector<std::vector<float>> stored_;  // by moment
};

TEST_F(SharedFiles, HoldWholeTensorsWhateverPiecesTheyWereWrittenIn) {
  for (const int64_t each : {1, 7, 31, 64, 100, 1000}) {
    const MomentFiles files(params_, moments_, 500);
    ASSERT_GT(files.files().size(), 2u);
    files.create(folder_);
    write(files, each);
    size_t tensors = 0;
    for (const WrittenPart& part : files.parts()) {
      EXPECT_EQ(part.file.bytes, std::filesystem::file_size(folder_ / part.file.name));
      const SafetensorsReader reader(folder_ / part.file.name);
      for (size_t moment = 0; moment < 2; ++moment)
        for (const Slot& slot : params_.slots()) {
          const std::string name = "optimizer." + moments_[moment] + "." + slot.name;
          if (!reader.find(name)) continue;
          ++tensors;
          const HostTensor tensor = reader.tensor(name);
          EXPECT_EQ(tensor.shape, slot.logical);
          const auto floats = tensor.floats();
          EXPECT_EQ(std::vector<float>(floats.begin(), floats.end()), logical(moment, slot))
              << name << " in pieces of " << each;
        }
    }
    EXPECT_EQ(tensors, 6u);
    for (const MomentFiles::File& f : files.files()) std::filesystem::remove(folder_ / f.name);
  }
}

TEST_F(SharedFiles, AreNoneWithoutMoments) {
  const MomentFiles files(params_, {}, 500);
  EXPECT_TRUE(files.empty());
  files.create(folder_);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(SharedFiles, ThatAreNotThereAreNotMade) {
  const MomentFiles files(params_, moments_, 500);
  EXPECT_THROW(MomentPieces(files, folder_), DataError);
}

class Weights final : public StateSource {
 public:
  explicit Weights(const ParamTable& params) : params_(params) {
    for (const Slot& slot : params.slots())
      list_.push_back({"model." + slot.name, slot.logical, DType::f32});
  }
  const std::vector<TensorMeta>& list() const override { return list_; }
  void read(const TensorMeta&, std::span<std::byte> out) override {
    const std::vector<float> five(out.size() / sizeof(float), 5);
    std::ranges::copy(std::as_bytes(std::span(five)), out.begin());
  }

 private:
  const ParamTable& params_;
  std::vector<TensorMeta> list_;
};

TEST_F(SharedFiles, AreSealedIntoACheckpointThatServersReadByRanges) {
  const MomentFiles files(params_, moments_, 500);
  RunState state;
  state.step = 3;
  PendingCheckpoint pending(folder_ / "checkpoints", 3);
  files.create(pending.path());
  {
    MomentPieces all(files, pending.path());
    for (size_t moment = 0; moment < 2; ++moment)
      all.write(moment, {0, params_.size()}, stored_[moment].data());
    all.sync();
  }
  Weights weights(params_);
  const Path path = pending.seal(weights, state, {}, [&] { return files.parts(); });
  EXPECT_TRUE(verify_checkpoint(path).empty());

  OptimizerConfig config{};
  config.name = "adam";
  ServerReader reader(0, 1,
                      {params_, {"exp_avg", "unheard_of"}, {}, {Optimizer(config), false}, {}});
  const SavePlace place{path, sha256_file((path / kManifestName).string()).hex()};
  EXPECT_FALSE(reader.sees(SavePlace{path, "another manifest"}.text()));
  EXPECT_FALSE(reader.sees(SavePlace{folder_, place.words}.text()));
  ASSERT_TRUE(reader.sees(place.text()));
  reader.begin(place.text());
  for (const int64_t each : {1, 33, 64, 1000}) {
    std::vector<float> moment(stored_[0].size(), -1), average = moment, unheard = moment;
    for (int64_t at = 0; at < params_.size(); at += each) {
      const Range range{at, std::min(at + each, params_.size())};
      reader.read(ps::kFirstMoment, range, moment.data() + at);
      reader.read(ps::kFirstMoment + 1, range, unheard.data() + at);
      reader.read(ps::kAverage, range, average.data() + at);
    }
    for (const Slot& slot : params_.slots())
      for (auto i = static_cast<size_t>(slot.offset);
           i < static_cast<size_t>(slot.offset + slot.count); ++i) {
        ASSERT_EQ(moment[i], stored_[0][i]) << slot.name;
        ASSERT_EQ(average[i], 5) << "an average that is not there is the weights";
        ASSERT_EQ(unheard[i], -1) << "stays as it is";
      }
  }
  EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace trireme
