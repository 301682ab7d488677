#pragma once
// What the leaves of a made-up training do with tables: which rows they look up, and gradients that
// depend on the rows.

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "ps/table_life.h"
#include "ps/table_shards.h"
#include "worker/made_up_training.h"
#include "worker/tables/table_exchange.h"

namespace trireme::test {

// In [-0.5, 0.5); SplitMix64's finalizer (Steele, Lea and Flood, OOPSLA 2014).
inline float noise(int64_t step, int leaf, int64_t i) {
  uint64_t z = 0x9e3779b97f4a7c15 * static_cast<uint64_t>((step * 4096 + leaf) * 65536 + i + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return to_unit_float(static_cast<uint32_t>(z >> 32)) - 0.5f;
}

constexpr int64_t kFirstKey = -20, kKeys = 50;
// Ascending. Where rows have a life: of few shards, so that these have too many.
inline std::vector<int64_t> keys_of(bool crowded) {
  std::vector<int64_t> keys;
  for (int64_t key = kFirstKey; static_cast<int64_t>(keys.size()) < kKeys; ++key)
    if (!crowded || ps::shard_of(key) % 32 == 5) keys.push_back(key);
  return keys;
}

// Whether a leaf looks a key up: of those that are crowded, fewer.
inline bool looks_up(int64_t step, int leaf, size_t table, int64_t i, bool crowded) {
  return noise(step + 100 * static_cast<int64_t>(table + 1), leaf, i) < (crowded ? -0.44f : -0.25f);
}

// What a rank's leaves do with tables.
class MadeUpTraining::Rows {
 public:
  Rows(TableExchange& exchange, int shards, const ps::LifeSpec& life)
      : exchange_(exchange),
        shards_(shards),
        life_(life),
        keys_(keys_of(life.any())),
        pushed_(static_cast<size_t>(shards),
                std::vector<ps::RowGradient>(exchange.tables().size())) {}

  // The step thread, before the lanes.
  void fetch(const StepPlan& plan, LeafRun leaves) {
    fetched_.assign(exchange_.tables().size(), {});
    for (size_t t = 0; t < fetched_.size(); ++t) {
      for (int64_t i = 0; i < kKeys; ++i)
        for (int leaf = leaves.first; leaf < leaves.last; ++leaf)
          if (present(plan, leaf) && looks_up(plan.step, leaf, t, i, life_.any())) {
            fetched_[t].keys.push_back(keys_[static_cast<size_t>(i)]);
            break;
          }
    }
    look(true, fetched_);
  }
  void push(const StepPlan& plan, int lane, LeafRun leaves) {
    for (size_t t = 0; t < fetched_.size(); ++t)
      for (int leaf = leaves.first; leaf < leaves.last; ++leaf) {
        if (!present(plan, leaf)) continue;
        ps::RowGradient& rows = pushed_[static_cast<size_t>(leaf)][t];
        rows = gradient(plan, leaf, t);
        exchange_.push(lane, static_cast<int>(t), {{0, leaf}, rows});
      }
  }
  std::vector<float> all() {
    std::vector<Fetched> tables(exchange_.tables().size());
    for (Fetched& rows : tables) rows.keys = keys_;
    look(false, tables);
    std::vector<float> result;
    for (const Fetched& rows : tables)
      result.insert(result.end(), rows.rows.begin(), rows.rows.end());
    return result;
  }
  std::vector<ps::LifeCounts> counts() const {
    std::vector<ps::LifeCounts> result;
    for (size_t t = 0; t < exchange_.tables().size(); ++t) {
      result.push_back(exchange_.counts(static_cast<int>(t)));
      result.back().bytes = 0;
    }
    return result;
  }

 private:
  struct Fetched : ps::RowGradient {
    std::vector<uint8_t> present;
  };
  bool present(const StepPlan& plan, int leaf) const {
    return leaf_span(0, plan.samples, leaf, shards_).size() > 0;
  }
  void look(bool trains, std::vector<Fetched>& tables) {
    std::vector<TableExchange::Fetch> wanted;
    for (size_t t = 0; t < tables.size(); ++t) {
      Fetched& rows = tables[t];
      rows.dim = exchange_.tables()[t].dim;
      rows.rows.resize(rows.keys.size() * static_cast<size_t>(rows.dim));
      rows.present.resize(rows.keys.size());
      wanted.push_back({rows.keys, rows.rows.data(), rows.present.data()});
    }
    exchange_.fetch(wanted, trains);
    for (const Fetched& rows : tables)
      for (size_t i = 0; i < rows.present.size(); ++i) {
        EXPECT_TRUE(rows.present[i] || !trains || life_.admit_after > 1);
        for (int64_t e = 0; !rows.present[i] && e < rows.dim; ++e)
          EXPECT_EQ(rows.row(static_cast<int64_t>(i))[e], 0);
      }
  }
  ps::RowGradient gradient(const StepPlan& plan, int leaf, size_t table) const {
    const Fetched& rows = fetched_[table];
    ps::RowGradient result{rows.dim, {}, {}};
    size_t at = 0;
    for (int64_t i = 0; i < kKeys; ++i) {
      const int64_t key = keys_[static_cast<size_t>(i)];
      if (!looks_up(plan.step, leaf, table, i, life_.any())) continue;
      while (rows.keys[at] < key) ++at;
      result.keys.push_back(key);
      for (int64_t e = 0; e < rows.dim; ++e)
        result.rows.push_back(rows.present[at] ? noise(plan.step, leaf, 1000 + i * rows.dim + e) +
                                                     0.125f * rows.row(static_cast<int64_t>(at))[e]
                                               : 0);
    }
    return result;
  }

  TableExchange& exchange_;
  const int shards_;
  const ps::LifeSpec life_;
  const std::vector<int64_t> keys_;
  std::vector<Fetched> fetched_;                      // by table
  std::vector<std::vector<ps::RowGradient>> pushed_;  // by leaf, table; each lane its own
};

}  // namespace trireme::test
