#include "ps/row_gradient.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.h"

namespace trireme::ps {
namespace {

// How many keys the two have together.
size_t count_of(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  size_t i = 0, j = 0, n = 0;
  for (; i < a.size() && j < b.size(); ++n) {
    const int64_t x = a[i], y = b[j];
    i += x <= y;
    j += y <= x;
  }
  return n + (a.size() - i) + (b.size() - j);
}

bool covers(TreeNode node, TreeNode inner) {
  return inner.level <= node.level && inner.index >> (node.level - inner.level) == node.index;
}

// nullopt: no part lies below `node`.
std::optional<RowGradient> sum_below(std::span<NodeGradient> parts, TreeNode node, int64_t dim) {
  bool any = false;
  for (NodeGradient& part : parts) {
    if (part.node == node) return std::move(part.gradient);
    any |= covers(node, part.node);
  }
  if (!any || node.level == 0) return std::nullopt;
  auto left = sum_below(parts, {node.level - 1, 2 * node.index}, dim);
  auto right = sum_below(parts, {node.level - 1, 2 * node.index + 1}, dim);
  if (!left) return right;
  if (!right) return left;
  RowGradient sum;
  merge(*left, *right, sum);
  return sum;
}

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

}  // namespace

void merge(const RowGradient& left, const RowGradient& right, RowGradient& sum) {
  const auto dim = static_cast<size_t>(left.dim);
  const size_t m = left.keys.size(), n = right.keys.size(), count = count_of(left.keys, right.keys);
  sum.dim = left.dim;
  sum.keys.resize(count);
  sum.rows.resize(count * dim);
  float* out = sum.rows.data();
  size_t a = 0, b = 0;
  for (size_t k = 0; k < count; ++k, out += dim) {
    const bool from_left = a < m && (b == n || left.keys[a] <= right.keys[b]);
    const bool from_right = b < n && (a == m || right.keys[b] <= left.keys[a]);
    sum.keys[k] = from_left ? left.keys[a] : right.keys[b];
    const float *l = left.rows.data() + a * dim, *r = right.rows.data() + b * dim;
    if (from_left && from_right)
      for (size_t e = 0; e < dim; ++e) out[e] = l[e] + r[e];
    else
      std::copy_n(from_left ? l : r, dim, out);
    a += from_left;
    b += from_right;
  }
}

RowGradient sum_of(std::span<NodeGradient> parts, TreeNode root, int64_t dim) {
  RowGradient result = sum_below(parts, root, dim).value_or(RowGradient{});
  result.dim = dim;
  return result;
}

double sum_of_squares(const RowGradient& gradient) {
  double total = 0;
  for (int64_t i = 0; i < gradient.size(); ++i) {
    const float* row = gradient.row(i);
    double squares = 0;
    for (int64_t e = 0; e < gradient.dim; ++e) squares += double{row[e]} * double{row[e]};
    total += squares;
  }
  return total;
}

std::byte* put_part_header(TreeNode node, size_t keys, std::byte* out) {
  const Header header{node.level, node.index, static_cast<int64_t>(keys)};
  static_assert(sizeof header == part_bytes(0, 0));
  std::memcpy(out, &header, sizeof header);
  return out + sizeof header;
}

void append_bytes(const NodeGradient& part, std::vector<std::byte>& out) {
  const auto add = [&](const void* data, size_t bytes) {
    const auto* from = static_cast<const std::byte*>(data);
    out.insert(out.end(), from, from + bytes);
  };
  const Header header{part.node.level, part.node.index, part.gradient.size()};
  add(&header, sizeof header);
  add(part.gradient.keys.data(), part.gradient.keys.size() * sizeof(int64_t));
  add(part.gradient.rows.data(), part.gradient.rows.size() * sizeof(float));
}

int64_t take_count(Bytes& bytes) {
  int64_t count;
  std::memcpy(&count, take(bytes, sizeof count).data(), sizeof count);
  return count;
}

NodeGradient take_bytes(Bytes& bytes, int64_t dim) {
  Header header;
  std::memcpy(&header, take(bytes, sizeof header).data(), sizeof header);
  const auto row_bytes = static_cast<int64_t>(sizeof(int64_t)) + dim * int64_t{sizeof(float)};
  if (header.keys < 0 || header.keys > static_cast<int64_t>(bytes.size()) / row_bytes)
    throw FormatError("a row gradient says that it has " + std::to_string(header.keys) + " rows; " +
                      std::to_string(bytes.size()) + " bytes follow");
  const auto n = static_cast<size_t>(header.keys);
  NodeGradient part;
  part.node = {static_cast<int>(header.level), static_cast<int>(header.index)};
  part.gradient.dim = dim;
  part.gradient.keys.resize(n);
  part.gradient.rows.resize(n * static_cast<size_t>(dim));
  if (n == 0) return part;
  std::memcpy(part.gradient.keys.data(), take(bytes, n * sizeof(int64_t)).data(),
              n * sizeof(int64_t));
  std::memcpy(part.gradient.rows.data(),
              take(bytes, part.gradient.rows.size() * sizeof(float)).data(),
              part.gradient.rows.size() * sizeof(float));
  const auto& keys = part.gradient.keys;
  if (std::adjacent_find(keys.begin(), keys.end(), std::greater_equal<>()) != keys.end())
    throw FormatError("a row gradient's keys are not ascending");
  return part;
}

}  // namespace trireme::ps
