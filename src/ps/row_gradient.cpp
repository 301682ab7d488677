#include "ps/row_gradient.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/error.h"

namespace trireme::ps {
namespace {

struct Header {
  int64_t level, index, keys;
};

Bytes take(Bytes& bytes, size_t count) {
  if (count > bytes.size())
    throw FormatError("a row gradient ends after " + std::to_string(bytes.size()) + " of " +
                      std::to_string(count) + " bytes");
  const Bytes front = bytes.first(count);
  bytes = bytes.subspan(count);
  return front;
}

Header take_header(Bytes& bytes, int64_t dim) {
  Header header;
  std::memcpy(&header, take(bytes, sizeof header).data(), sizeof header);
  const auto row_bytes = static_cast<int64_t>(sizeof(int64_t)) + dim * int64_t{sizeof(float)};
  if (header.keys < 0 || header.keys > static_cast<int64_t>(bytes.size()) / row_bytes)
    throw FormatError("a row gradient says that it has " + std::to_string(header.keys) + " rows; " +
                      std::to_string(bytes.size()) + " bytes follow");
  return header;
}

TreeNode node_of(const Header& header) {
  return {static_cast<int>(header.level), static_cast<int>(header.index)};
}

void require_ascending(std::span<const int64_t> keys) {
  if (std::ranges::adjacent_find(keys, std::greater_equal<>()) != keys.end())
    throw FormatError("a row gradient's keys are not ascending");
}

}  // namespace

void join(std::span<const RowGradient> ranges, RowGradient& all) {
  all.clear();
  for (const RowGradient& range : ranges) {
    all.dim = range.dim;
    all.keys.insert(all.keys.end(), range.keys.begin(), range.keys.end());
    all.rows.insert(all.rows.end(), range.rows.begin(), range.rows.end());
  }
}

double row_squares(const float* row, int64_t dim) {
  constexpr int64_t kSums = 8;
  double sums[kSums] = {};
  int64_t e = 0;
  for (; e + kSums <= dim; e += kSums)
    for (int64_t k = 0; k < kSums; ++k) sums[k] += double{row[e + k]} * double{row[e + k]};
  for (int64_t k = 0; e < dim; ++k, ++e) sums[k] += double{row[e]} * double{row[e]};
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

double sum_of_squares(const RowsView& rows) {
  double total = 0;
  for (int64_t i = 0; i < rows.size(); ++i) total += row_squares(rows.row(i), rows.dim);
  return total;
}

std::byte* put_part_header(TreeNode node, size_t keys, std::byte* out) {
  const Header header{node.level, node.index, static_cast<int64_t>(keys)};
  static_assert(sizeof header == part_bytes(0, 0));
  std::memcpy(out, &header, sizeof header);
  return out + sizeof header;
}

void append_bytes(const NodeRows& part, std::vector<std::byte>& out) {
  const auto add = [&](const void* data, size_t bytes) {
    const auto* from = static_cast<const std::byte*>(data);
    out.insert(out.end(), from, from + bytes);
  };
  const Header header{part.node.level, part.node.index, part.rows.size()};
  add(&header, sizeof header);
  add(part.rows.keys.data(), part.rows.keys.size_bytes());
  add(part.rows.rows, part.rows.keys.size() * static_cast<size_t>(part.rows.dim) * sizeof(float));
}

NodeGradient take_bytes(Bytes& bytes, int64_t dim) {
  const Header header = take_header(bytes, dim);
  const auto n = static_cast<size_t>(header.keys);
  NodeGradient part{node_of(header), {dim, std::vector<int64_t>(n), {}}};
  std::vector<int64_t>& keys = part.gradient.keys;
  std::vector<float>& rows = part.gradient.rows;
  rows.resize(n * static_cast<size_t>(dim));
  if (n == 0) return part;
  std::memcpy(keys.data(), take(bytes, n * sizeof(int64_t)).data(), n * sizeof(int64_t));
  std::memcpy(rows.data(), take(bytes, rows.size() * sizeof(float)).data(),
              rows.size() * sizeof(float));
  require_ascending(keys);
  return part;
}

NodeRows view_bytes(Bytes& bytes, int64_t dim) {
  const Header header = take_header(bytes, dim);
  const auto n = static_cast<size_t>(header.keys);
  const Bytes keys = take(bytes, n * sizeof(int64_t));
  const Bytes rows = take(bytes, n * static_cast<size_t>(dim) * sizeof(float));
  const RowsView view{dim,
                      {reinterpret_cast<const int64_t*>(keys.data()), n},
                      reinterpret_cast<const float*>(rows.data())};
  require_ascending(view.keys);
  return {node_of(header), view};
}

}  // namespace trireme::ps
