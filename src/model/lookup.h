#pragma once
// The ids of one leaf as rows of a table: which keys they are, each once, and which of them every
// position reads.

#include <cstdint>
#include <span>
#include <utility>
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
  int32_t number_of(int64_t key);
  void sort_keys();

  std::vector<int64_t> keys_;
  std::vector<int32_t> index_;
  std::vector<int32_t> slots_;  // open addressing: numbers of keys, -1: free; a power of two
  std::vector<std::pair<int64_t, int32_t>> order_;
  std::vector<int32_t> sorted_number_;  // by order of first appearance
};

// row_of[i]: where keys[i] is in `present`; -1: it is not. Both ascending, each once.
void find_rows(std::span<const int64_t> keys, std::span<const int64_t> present,
               std::span<int32_t> row_of);

}  // namespace trireme
