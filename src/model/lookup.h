#pragma once
// The ids of one leaf as rows of a table: which keys they are, each once, and which of them every
// position reads.

#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"

namespace trireme {

// The key of an id. Features apart: mixed with the feature's number, one to one for each feature.
constexpr int64_t table_key(int64_t id, int64_t feature, bool per_feature) {
  return per_feature
             ? static_cast<int64_t>(mix(static_cast<uint64_t>(id), static_cast<uint64_t>(feature)))
             : id;
}

class Lookup {
 public:
  // ids: [samples, features, values]; -1: none.
  void build(const int64_t* ids, int64_t samples, int64_t features, int64_t values,
             bool per_feature);
  // Distinct, ascending.
  std::span<const int64_t> keys() const { return keys_; }
  // Of every position, the number of its key; -1: no id.
  std::span<const int32_t> index() const { return index_; }

 private:
  uint64_t key_at(uint64_t entry) const { return key_of_[static_cast<uint32_t>(entry)]; }
  void sort_ties();
  void number_keys();

  std::vector<int64_t> keys_;
  std::vector<int32_t> index_;
  std::vector<uint64_t> key_of_;  // by position, as a number of the same order
  // Of each position that has an id: upper bits of its key, then itself.
  std::vector<uint64_t> order_, spare_;
};

// row_of[i]: where keys[i] is in `present`; -1: it is not. Both ascending, each once.
void find_rows(std::span<const int64_t> keys, std::span<const int64_t> present,
               std::span<int32_t> row_of);

}  // namespace trireme
