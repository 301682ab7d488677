// Checkpoints of which others write a part.
#include "worker/checkpointer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/sha256.h"
#include "checkpoint/folder.h"
#include "checkpoint/safetensors.h"

namespace trireme {
namespace {

class OneTensor final : public StateSource {
 public:
  const std::vector<TensorMeta>& list() const override { return list_; }
  void read(const TensorMeta&, std::span<std::byte> out) override {
    std::ranges::fill(out, std::byte{1});
  }

 private:
  std::vector<TensorMeta> list_ = {{"model.w", Shape{3}, DType::f32}};
};

// Done after so many looks; then its file is there.
class OneKey final : public WrittenByOthers {
 public:
  OneKey(Path folder, int looks) : folder_(std::move(folder)), looks_(looks) {}
  std::optional<std::vector<WrittenPart>> look() override {
    if (looks_ < 0) throw CommError("the server has died", "");
    if (looks_-- > 0) return std::nullopt;
    const std::vector<int64_t> keys = {5};
    const HostTensor tensor = HostTensor::from(Shape{1}, std::span<const int64_t>(keys));
    write_tensors(folder_ / "tables.safetensors", {{"table.t.keys", tensor}});
    return std::vector<WrittenPart>{
        {{"tables.safetensors", std::filesystem::file_size(folder_ / "tables.safetensors"),
          sha256_file((folder_ / "tables.safetensors").string()).hex()},
         {{"table.t.keys", Shape{1}, DType::i64}}}};
  }

 private:
  const Path folder_;
  int looks_;
};

class Checkpoints : public testing::Test {
 protected:
  ~Checkpoints() override { std::filesystem::remove_all(folder_); }
  void save(Checkpointer& checkpointer, int64_t step, int looks) {
    Snapshot snapshot{std::make_unique<OneTensor>(), nullptr};
    const Path path = checkpointer.begin(step);
    if (looks != kAlone) snapshot.others = std::make_unique<OneKey>(path, looks);
    RunState state;
    state.step = step;
    checkpointer.save(std::move(snapshot), state, step == 1);
  }
  static constexpr int kAlone = -2, kDies = -1;
  const Path folder_ =
      std::filesystem::temp_directory_path() / ("trireme-saves-" + std::to_string(::getpid()));
};

TEST_F(Checkpoints, AreSealedWhenOthersHaveWrittenTheirPart) {
  Checkpointer checkpointer(folder_, 5, 1 << 20);
  save(checkpointer, 1, 3);
  EXPECT_TRUE(list_checkpoints(folder_).empty());
  save(checkpointer, 2, kAlone);  // after the one before
  checkpointer.finish();
  const auto all = list_checkpoints(folder_);
  ASSERT_EQ(all.size(), 2u);
  for (const Path& path : all) EXPECT_TRUE(verify_checkpoint(path).empty());
  EXPECT_NE(CheckpointReader(all[0], true).find("table.t.keys"), nullptr);
  EXPECT_EQ(CheckpointReader(all[1], true).find("table.t.keys"), nullptr);
  EXPECT_EQ(best_checkpoint(folder_), all[0]);
}

TEST_F(Checkpoints, WhosePartNeverCameAreNotThere) {
  {
    Checkpointer checkpointer(folder_, 5, 1 << 20);
    save(checkpointer, 1, kAlone);
    save(checkpointer, 2, 1000);
    checkpointer.look();  // too early to ask again
  }
  EXPECT_EQ(list_checkpoints(folder_).size(), 1u);
  for (const Path& entry : entries_of(folder_))
    EXPECT_FALSE(is_leftover(entry.filename().string())) << entry;
}

TEST_F(Checkpoints, OfOthersWhoDieEndWithTheirError) {
  {
    Checkpointer checkpointer(folder_, 5, 1 << 20);
    save(checkpointer, 1, kDies);
    EXPECT_THROW(checkpointer.finish(), CommError);
  }
  EXPECT_TRUE(list_checkpoints(folder_).empty());
}

}  // namespace
}  // namespace trireme
