#pragma once
// An embedding table cut into virtual shards by a hash of the key: what decides on which server a
// row lives, and over which rows a partial norm is taken. A function of the key alone, so the
// norm's bits do not depend on the number of servers.

#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "comm/tree.h"
#include "ps/row_gradient.h"

namespace trireme::ps {

constexpr int kTableShards = 256;

// Not the hash of the rows' index: a server's rows would share its upper bits.
inline int shard_of(int64_t key) {
  constexpr uint64_t kSalt = hash_name("virtual shards of tables");
  return static_cast<int>(mix(static_cast<uint64_t>(key), kSalt) >> 56);
}
static_assert(kTableShards == 1 << 8, "the upper 8 bits of the hash");

constexpr int server_of_shard(int shard, int servers) { return shard * servers / kTableShards; }
inline int server_of_key(int64_t key, int servers) {
  return server_of_shard(shard_of(key), servers);
}
// Shards [first, last) of a server; some have none where there are more servers than shards.
struct ShardRange {
  int first = 0, last = 0;
  int size() const { return last - first; }
};
constexpr ShardRange shards_of(int server, int servers) {
  const auto first = [servers](int s) { return (s * kTableShards + servers - 1) / servers; };
  return {first(server), first(server + 1)};
}

// squares[s] = the sum of squares of the rows of shard s, as ps::sum_of_squares has it: fp64, row
// by row in the order of keys. squares: [kTableShards].
void shard_squares(const RowsView& gradient, std::span<double> squares);

// Bytes of the rows of `keys` keys as a server gives them: a byte for each key (1: it has a row),
// padded to 8, then [keys, dim] floats.
constexpr size_t pulled_bytes(size_t keys, size_t dim) {
  return (keys + 7) / 8 * 8 + keys * dim * sizeof(float);
}
// Asked for ahead of the clock, they come in two parts: those that cannot change any more, behind a
// byte for each of all keys (1: it is in this part), padded to 8; then the others. Room for both,
// the second at second_part().
constexpr size_t ahead_bytes(size_t keys, size_t dim) {
  return pulled_bytes(keys, 0) + 2 * pulled_bytes(keys, dim);
}
constexpr size_t second_part(size_t keys, size_t all_bytes) {
  return (all_bytes + pulled_bytes(keys, 0)) / 2;
}

// The node that covers all leaves.
TreeNode root_of(int shards);
// The largest nodes that together have the leaves of `run`, in order.
std::vector<TreeNode> nodes_of(LeafRun run);

}  // namespace trireme::ps
