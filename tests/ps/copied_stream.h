#pragma once
// A server whose rows change at random, and a writer that keeps what a copy of its state hands
// over.

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "ps/sgd.h"
#include "ps/state_copy.h"
#include "ps/table_store.h"

namespace trireme::ps {

using Image = std::vector<std::byte>;  // without the order of rows, which is not copied

inline Image image_of(const std::byte* row, size_t bytes) {
  Image image(row, row + bytes);
  std::memset(image.data() + offsetof(RowHeader, before), 0, 2 * sizeof(RowId));
  return image;
}

inline std::vector<Image> rows_of(const RowTable& table) {
  std::vector<Image> rows;
  for (const RowId row : table.by_key(table.slots()))
    rows.push_back(
        image_of(reinterpret_cast<const std::byte*>(&table.header(row)), table.row_bytes()));
  return rows;
}

// Keeps all rows; now and then it is behind.
class MemoryWriter final : public StateWriter {
 public:
  explicit MemoryWriter(std::vector<RowTable*> tables, uint64_t seed = 1)
      : tables_(std::move(tables)), random_(seed) {}
  void take(int block, std::unique_ptr<float[]>) override { blocks.push_back(block); }
  bool sees(const std::string& place) override { return place == "here"; }
  void begin(const std::string&, const std::vector<int64_t>& counts) override {
    expected = counts;
    rows.assign(counts.size(), {});
    ended = false;
  }
  void sort(Keys keys) override { keys_ = std::move(keys); }
  std::optional<Keys> sorted() override {
    if (is_behind()) return std::nullopt;
    std::sort(keys_.begin(), keys_.end());
    return std::exchange(keys_, {});
  }
  bool has_room() override { return !is_behind(); }
  void take(size_t part, int64_t count, std::unique_ptr<std::byte[]> images) override {
    const size_t size = tables_[part]->row_bytes();
    for (int64_t i = 0; i < count; ++i)
      rows[part].push_back(image_of(images.get() + static_cast<size_t>(i) * size, size));
  }
  void end() override { ended = true; }
  FileProgress saved() override { return {.progress = 7, .done = ended, .bytes = 5}; }

  std::vector<int64_t> expected;
  std::vector<std::vector<Image>> rows;  // by part
  std::vector<int> blocks;
  bool ended = false;

 private:
  bool is_behind() { return random_() % 3 == 0; }
  std::vector<RowTable*> tables_;
  std::mt19937_64 random_;
  Keys keys_;
};

// One server with all rows, and no blocks; steps of one worker.
class Stream {
 public:
  std::unique_ptr<StateCopy> copy(StateWriter& writer) {
    return std::make_unique<StateCopy>(blocks_, std::span<const int>(), store_.parts(), writer,
                                       "here");
  }
  Stream(const LifeSpec& life, uint64_t seed)
      : store_({{{"t", 3, {Init::uniform, -1, 1}}, {"u", 1, {}}}, 1, 0, 1, {{0, 1}}, 1, life},
               cpu_kernels(), RowOptimizer(Optimizer(sgd()), false)),
        random_(seed) {}
  void step() {
    OptimizerScalars scalars{};
    scalars.lr = 0.5f;
    scalars.grad_scale = 1;
    scalars.step = ++steps_;
    for (int table = 0; table < 2; ++table) {
      std::set<int64_t> keys;
      for (int i = 0; i < 300; ++i) keys.insert(static_cast<int64_t>(random_() % kKeys));
      const int64_t dim = store_.rows(table).dim();
      NodeGradient part{{0, 0}, {dim, {keys.begin(), keys.end()}, {}}};
      part.gradient.rows.assign(keys.size() * static_cast<size_t>(dim), 0.25f);
      std::vector<std::byte> bytes;
      append_bytes(part, bytes);
      store_.apply(table, bytes, scalars);
    }
  }
  TableStore& store() { return store_; }
  uint64_t draw() { return random_(); }

 private:
  static constexpr uint64_t kKeys = 5000;
  const Optimizer optimizer_{sgd()};
  const ParamTable params_;
  const Placement placement_{0, 1, 1};
  DenseStore blocks_{cpu_kernels(), optimizer_, params_, placement_, 0, false};
  TableStore store_;
  std::mt19937_64 random_;
  int64_t steps_ = 0;
};

}  // namespace trireme::ps
