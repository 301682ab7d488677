#include "data/order.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/rng.h"
#include "data/block_order.h"
#include "data/permutation.h"

namespace trireme {
namespace {

uint64_t epoch_key(uint64_t seed, uint64_t epoch) {
  return mix(mix(seed, hash_name("order")), epoch);
}

class SequentialOrder final : public Order {
 public:
  explicit SequentialOrder(int64_t size) : size_(size) {}
  int64_t epoch_size() const override { return size_; }
  SampleKey at(uint64_t epoch, uint64_t position) const override {
    return {epoch, position, position};
  }

 private:
  int64_t size_;
};

class FullOrder final : public Order {
 public:
  FullOrder(int64_t size, uint64_t seed) : size_(size), seed_(seed) {}
  int64_t epoch_size() const override { return size_; }
  SampleKey at(uint64_t epoch, uint64_t position) const override {
    const Permutation permutation(static_cast<uint64_t>(size_), epoch_key(seed_, epoch));
    return {epoch, position, permutation.at(position)};
  }

 private:
  int64_t size_;
  uint64_t seed_;
};

class BlockwiseOrder final : public Order {
 public:
  BlockwiseOrder(int64_t size, int64_t block, uint64_t seed)
      : size_(size),
        order_(static_cast<uint64_t>(size), static_cast<uint64_t>(block)),
        seed_(seed) {}
  int64_t epoch_size() const override { return size_; }
  SampleKey at(uint64_t epoch, uint64_t position) const override {
    return {epoch, position, order_.at(epoch_key(seed_, epoch), position)};
  }

 private:
  int64_t size_;
  BlockOrder order_;
  uint64_t seed_;
};

// Draws are independent: an epoch is as long as the data, but a sample may come twice or never.
class ClassBalancedOrder final : public Order {
 public:
  ClassBalancedOrder(const DataSource& source, uint64_t seed) : size_(source.size()), seed_(seed) {
    std::vector<std::vector<uint64_t>> all(
        static_cast<size_t>(source.preprocessing().schema.classes));
    for (int64_t id = 0; id < size_; ++id) {
      const uint64_t i = static_cast<uint64_t>(id);
      all[static_cast<size_t>(source.label(i))].push_back(i);
    }
    for (auto& ids : all) {
      if (!ids.empty()) classes_.push_back(std::move(ids));
    }
  }
  int64_t epoch_size() const override { return size_; }
  SampleKey at(uint64_t epoch, uint64_t position) const override {
    const Philox4 words = philox(mix(seed_, hash_name("class_balanced")), position, epoch);
    const auto& ids = classes_[to_below(0, words[0], classes_.size())];
    return {epoch, position, ids[to_below(words[1], words[2], ids.size())]};
  }

 private:
  int64_t size_;
  uint64_t seed_;
  std::vector<std::vector<uint64_t>> classes_;  // ids by class, classes without samples left out
};

}  // namespace

std::unique_ptr<Order> make_order(const DataConfig& config, const DataSource& source, uint64_t seed,
                                  bool training) {
  const int64_t size = source.size();
  if (!training) return std::make_unique<SequentialOrder>(size);
  if (config.class_balanced) {
    if (source.preprocessing().schema.classes == 0) {
      throw ConfigError(
          "data.class_balanced = true needs class labels, but the targets are real numbers",
          "remove data.class_balanced, or set data.target = class");
    }
    return std::make_unique<ClassBalancedOrder>(source, seed);
  }
  if (!config.shuffle || config.order == "sequential")
    return std::make_unique<SequentialOrder>(size);
  if (config.order == "full") return std::make_unique<FullOrder>(size, seed);
  if (config.order != "block") {
    throw ConfigError(fmt::format("data.order is {}", config.order),
                      "use full, block or sequential");
  }
  if (config.block_size < 1)
    throw ConfigError(fmt::format("data.block_size is {}", config.block_size));
  return std::make_unique<BlockwiseOrder>(size, config.block_size, seed);
}

}  // namespace trireme
