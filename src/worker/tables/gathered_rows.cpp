#include "worker/tables/gathered_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/error.h"

namespace trireme {
namespace {

constexpr int kTag = 430;

std::vector<int64_t> dims_of(std::span<const TableSpec> tables) {
  std::vector<int64_t> dims;
  for (const TableSpec& table : tables) dims.push_back(table.dim);
  return dims;
}

int64_t first_leaf(const ps::NodeRows& part) { return int64_t{part.node.index} << part.node.level; }

}  // namespace

GatheredRows::GatheredRows(Communicator& comm, std::span<const TableSpec> tables, double timeout)
    : comm_(comm),
      dims_(dims_of(tables)),
      timeout_(timeout),
      messages_(static_cast<size_t>(comm.size())),
      parts_(tables.size()) {}

size_t GatheredRows::bytes_of(const Header& header) const {
  const int64_t dim = dims_[static_cast<size_t>(header.table)];
  return static_cast<size_t>(header.keys) *
         (sizeof(int64_t) + static_cast<size_t>(dim) * sizeof(float));
}

size_t GatheredRows::bytes_of(std::span<const Header> headers) const {
  size_t bytes = 0;
  for (const Header& header : headers) bytes += bytes_of(header);
  return bytes;
}

// Keys of all parts first, so that they and the rows stay aligned.
void GatheredRows::pack(const std::vector<std::vector<ps::NodeRows>>& mine) {
  headers_.clear();
  for (size_t t = 0; t < mine.size(); ++t)
    for (const ps::NodeRows& part : mine[t])
      headers_.push_back(
          {static_cast<int64_t>(t), part.node.level, part.node.index, part.rows.size()});
  std::vector<std::byte>& message = messages_[static_cast<size_t>(comm_.rank())];
  message.resize(bytes_of(headers_));
  std::byte* out = message.data();
  const auto put = [&](const void* from, size_t bytes) {
    if (bytes > 0) std::memcpy(out, from, bytes);
    out += bytes;
  };
  for (const auto& parts : mine)
    for (const ps::NodeRows& part : parts) put(part.rows.keys.data(), part.rows.keys.size_bytes());
  for (const auto& parts : mine)
    for (const ps::NodeRows& part : parts)
      put(part.rows.rows,
          part.rows.keys.size() * static_cast<size_t>(part.rows.dim) * sizeof(float));
}

std::vector<GatheredRows::Header> GatheredRows::checked(Bytes bytes, int rank) const {
  std::vector<Header> headers(bytes.size() / sizeof(Header));
  std::memcpy(headers.data(), bytes.data(), headers.size() * sizeof(Header));
  constexpr int64_t kMost = int64_t{1} << 32;
  for (const Header& h : headers)
    if (h.table < 0 || h.table >= static_cast<int64_t>(dims_.size()) || h.keys < 0 ||
        h.keys > kMost)
      throw FormatError(fmt::format("rank {} tells of {} rows of table {}; there are {} tables",
                                    rank, h.keys, h.table, dims_.size()));
  return headers;
}

void GatheredRows::open_parts(std::span<const Header> headers, Bytes message, int rank) {
  size_t key_bytes = 0;
  for (const Header& h : headers) key_bytes += static_cast<size_t>(h.keys) * sizeof(int64_t);
  const auto* keys = reinterpret_cast<const int64_t*>(message.data());
  const auto* rows = reinterpret_cast<const float*>(message.data() + key_bytes);
  for (const Header& h : headers) {
    const auto table = static_cast<size_t>(h.table);
    const std::span mine(keys, static_cast<size_t>(h.keys));
    if (std::adjacent_find(mine.begin(), mine.end(), std::greater_equal<>()) != mine.end())
      throw FormatError(
          fmt::format("the row gradient of table {} from rank {} has keys that are "
                      "not ascending",
                      table, rank));
    const ps::TreeNode node{static_cast<int>(h.level), static_cast<int>(h.index)};
    parts_[table].emplace_back(node, ps::RowsView{dims_[table], mine, rows});
    keys += h.keys;
    rows += h.keys * dims_[table];
  }
}

void GatheredRows::exchange(const std::vector<std::vector<ps::NodeRows>>& mine, int64_t step) {
  const Wait wait{timeout_, "row gradients of tables", step};
  const auto me = static_cast<size_t>(comm_.rank());
  pack(mine);
  const auto all = comm_.all_gather(std::as_bytes(std::span(headers_)), wait);
  std::vector<std::vector<Header>> headers;
  for (size_t r = 0; r < all.size(); ++r) headers.push_back(checked(all[r], static_cast<int>(r)));
  open_.clear();
  for (size_t i = 1; i < all.size(); ++i) {  // each from its neighbours first
    const size_t from = (me + all.size() - i) % all.size();
    messages_[from].resize(bytes_of(headers[from]));
    if (!messages_[from].empty())
      open_.push_back(comm_.receive(static_cast<int>(from), kTag, messages_[from]));
  }
  for (size_t i = 1; i < all.size() && !messages_[me].empty(); ++i)
    open_.push_back(comm_.send(static_cast<int>((me + i) % all.size()), kTag, messages_[me]));
  for (const Ticket ticket : open_) comm_.wait(ticket, wait);
  for (auto& parts : parts_) parts.clear();
  for (size_t r = 0; r < all.size(); ++r) open_parts(headers[r], messages_[r], static_cast<int>(r));
  for (auto& parts : parts_) std::ranges::stable_sort(parts, {}, first_leaf);
}

}  // namespace trireme
