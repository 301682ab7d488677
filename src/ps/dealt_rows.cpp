#include "ps/dealt_rows.h"

#include <cstring>

#include "ps/table_shards.h"

namespace trireme::ps {

static_assert(kTableShards <= 1 << 16, "a server with rows has a number below");

DealtRows::DealtRows(std::span<const NodeRows> parts, int servers)
    : parts_(parts), servers_(servers), counts_(parts.size() * static_cast<size_t>(servers)) {
  for (size_t p = 0; p < parts_.size(); ++p) {
    const std::span<const int64_t> keys = parts_[p].rows.keys;
    size_t* counts = counts_.data() + p * static_cast<size_t>(servers_);
    if (servers_ == 1) {
      counts[0] = keys.size();
      continue;
    }
    std::vector<uint16_t>& owners = owners_.emplace_back(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      owners[i] = static_cast<uint16_t>(server_of_key(keys[i], servers_));
      ++counts[owners[i]];
    }
  }
}

size_t DealtRows::bytes(int server) const {
  size_t total = 0;
  for (size_t p = 0; p < parts_.size(); ++p)
    if (const size_t n = count(p, server))
      total += part_bytes(n, static_cast<size_t>(parts_[p].rows.dim));
  return total;
}

void DealtRows::write(int server, std::byte* out) const {
  const auto put = [&out](const void* from, size_t bytes) {
    std::memcpy(out, from, bytes);
    out += bytes;
  };
  for (size_t p = 0; p < parts_.size(); ++p) {
    const size_t n = count(p, server);
    if (n == 0) continue;
    const RowsView& rows = parts_[p].rows;
    const size_t row_bytes = static_cast<size_t>(rows.dim) * sizeof(float);
    out = put_part_header(parts_[p].node, n, out);
    if (n == rows.keys.size()) {
      put(rows.keys.data(), n * sizeof(int64_t));
      put(rows.rows, n * row_bytes);
      continue;
    }
    const auto each = [&](auto put_one) {
      for (size_t i = 0; i < rows.keys.size(); ++i)
        if (owners_[p][i] == server) put_one(i);
    };
    each([&](size_t i) { put(&rows.keys[i], sizeof(int64_t)); });
    each([&](size_t i) { put(rows.row(static_cast<int64_t>(i)), row_bytes); });
  }
}

}  // namespace trireme::ps
