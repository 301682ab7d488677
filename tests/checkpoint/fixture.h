#pragma once
// A folder that goes away, and small checkpoints to break.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"

namespace trireme {

class FolderTest : public testing::Test {
 protected:
  FolderTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "trireme-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) ADD_FAILURE() << "cannot make a folder like " << pattern;
    folder = pattern;
  }
  ~FolderTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  Path folder;
};

class MemorySource : public StateSource {
 public:
  explicit MemorySource(std::map<std::string, HostTensor> tensors) : tensors_(std::move(tensors)) {
    for (const auto& [name, t] : tensors_) list_.push_back({name, t.shape, t.dtype});
  }
  const std::vector<TensorMeta>& list() const override { return list_; }
  void read(const TensorMeta& tensor, std::span<std::byte> out) override {
    const auto& bytes = tensors_.at(tensor.name).bytes;
    ASSERT_EQ(bytes.size(), out.size());
    if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size());
  }
  std::map<std::string, HostTensor>& tensors() { return tensors_; }
  const std::map<std::string, HostTensor>& tensors() const { return tensors_; }

 private:
  std::map<std::string, HostTensor> tensors_;
  std::vector<TensorMeta> list_;
};

// A tensor whose bytes are all different from their neighbours.
inline HostTensor pattern(const Shape& shape, DType dtype) {
  HostTensor t = HostTensor::zeros(shape, dtype);
  for (size_t i = 0; i < t.bytes.size(); ++i) t.bytes[i] = static_cast<std::byte>(i * 37 + 11);
  return t;
}

inline MemorySource small_source(float first = 1) {
  const std::vector<float> weight = {first, -2, 3, 4, 5, 6}, moment = {0.5f, 0.25f, 0, 0, 0, 1};
  return MemorySource({{"model.fc.weight", HostTensor::from({2, 3}, weight)},
                       {"model.fc.bias", pattern({3}, DType::bf16)},
                       {"optimizer.exp_avg.fc.weight", HostTensor::from({2, 3}, moment)}});
}

inline RunState state_at(int64_t step) {
  RunState s;
  s.step = step;
  s.updates = step;
  s.samples = step * 64;
  s.config = "[train]\nbatch_size = 64\n";
  return s;
}

inline Path save(const Path& folder, int64_t step, const SaveOptions& options = {}) {
  auto source = small_source(static_cast<float>(step));
  return save_checkpoint(folder, source, state_at(step), options);
}

template <class Thrown, class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Thrown& e) {
    EXPECT_FALSE(e.hint().empty()) << "no hint: " << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace trireme
