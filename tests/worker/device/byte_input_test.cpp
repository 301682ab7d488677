// Images that reach the device as bytes: bit for bit the training of a lane, which reads floats.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/rng.h"
#include "kernels/cuda_plugin.h"
#include "worker/device/device_training.h"

namespace trireme::device_test {
namespace {

std::string idx(std::initializer_list<int> dims, const std::string& values) {
  std::string text{'\0', '\0', '\x08', static_cast<char>(dims.size())};
  for (const int d : dims)
    for (const int shift : {24, 16, 8, 0}) text.push_back(static_cast<char>(d >> shift));
  return text + values;
}

class ByteInputs : public testing::Test {
 protected:
  ByteInputs() {
    std::string name = (std::filesystem::temp_directory_path() / "trireme.XXXXXX").string();
    folder_ = mkdtemp(name.data());
    std::string pixels(70 * 64, '\0'), labels(70, '\0');
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<char>(mix(1, i) & 255);
    for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<char>(mix(2, i) & 3);
    write_atomic(folder_ / "images", idx({70, 8, 8}, pixels));
    write_atomic(folder_ / "labels", idx({70}, labels));
  }
  ~ByteInputs() override { std::filesystem::remove_all(folder_); }

  // Crops, mirrors and held-out samples; a last batch that is smaller.
  Experiment experiment() const {
    return parse_experiment(fmt::format(R"([run]
lanes = 1
[data]
reader = idx
train = {0}/images
train_labels = {0}/labels
validation_split = 0.2
normalize = standard
crop_padding = 2
flip = true
[model]
layer = conv1: conv2d filters=8 kernel=3 padding=1 activation=relu
layer = flatten
layer = out: dense units=4
loss = softmax_cross_entropy
[train]
batch_size = 24
max_epochs = 3
virtual_shards = 1
)",
                                        folder_.string()),
                            "bytes.ini", {});
  }
  Path folder_;
};

TEST_F(ByteInputs, TrainAsALaneDoesWithFloats) {
  const Outcome lane = on_lane(experiment()), device = on_device(experiment());
  EXPECT_EQ(device.losses, lane.losses);
  EXPECT_EQ(device.params, lane.params);
  EXPECT_EQ(device.evaluations, lane.evaluations);
}

TEST_F(ByteInputs, ReachTheDeviceAsTheyWereRead) {
  const auto comm = make_local_communicator();
  Session s(*comm, experiment(), {}, make_cpu_device());
  s.start();
  const auto loader = s.make_loader(
      true, 0, [&](int64_t step) { return s.steps->at(step); }, 1, s.steps->full_batch());
  const LeafBatch& batch = loader->get(0, 0);
  std::vector<uint8_t> bytes(64);
  int64_t label = 0;
  SampleOut out{};
  out.label = &label;
  out.bytes = bytes.data();
  for (int64_t i = 0; i < batch.samples; ++i) {
    s.data.train->read(batch.keys[i].id, batch.keys[i], true, out);
    const auto* given = reinterpret_cast<const uint8_t*>(batch.at(BatchField::input)) + 64 * i;
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), given)) << i;
  }
}

}  // namespace
}  // namespace trireme::device_test
