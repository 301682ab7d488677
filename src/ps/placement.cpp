#include "ps/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/text.h"

namespace trireme::ps {
namespace {

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

std::string size_of(int64_t elements) {
  return human_bytes(static_cast<double>(elements) * sizeof(float));
}

}  // namespace

Placement::Placement(int64_t elements, int servers, int64_t block_elements)
    : of_server_(static_cast<size_t>(servers)) {
  const int64_t share = (elements + servers - 1) / servers;
  const int64_t size = round_up(std::max<int64_t>(1, std::min(block_elements, share)), kChunk);
  for (int64_t at = 0; at < elements; at += size)
    blocks_.push_back({{at, std::min(at + size, elements)}, 0});
  std::vector<int> largest_first(blocks_.size());
  std::iota(largest_first.begin(), largest_first.end(), 0);
  std::ranges::stable_sort(largest_first, std::greater<>(),
                           [&](int b) { return block(b).range.size(); });
  std::vector<int64_t> load(static_cast<size_t>(servers));
  for (int b : largest_first) {
    const auto least = std::ranges::min_element(load);
    blocks_[static_cast<size_t>(b)].server = static_cast<int>(least - load.begin());
    *least += block(b).range.size();
  }
  for (size_t b = 0; b < blocks_.size(); ++b)
    of_server_[static_cast<size_t>(blocks_[b].server)].push_back(static_cast<int>(b));
}

int64_t Placement::elements_of(int server) const {
  int64_t sum = 0;
  for (int b : blocks_of(server)) sum += block(b).range.size();
  return sum;
}

std::string Placement::in_words() const {
  const int64_t largest = blocks_.empty() ? 0 : blocks_.front().range.size();
  std::string text = fmt::format("{} block{} of up to {}", blocks_.size(),
                                 blocks_.size() == 1 ? "" : "s", size_of(largest));
  constexpr int kShown = 8;
  for (int s = 0; s < std::min(servers(), kShown); ++s)
    text += fmt::format("{} server {} has {} ({})", s == 0 ? ":" : ",", s, blocks_of(s).size(),
                        size_of(elements_of(s)));
  if (servers() > kShown) text += fmt::format(" and so on for {} servers", servers());
  return text;
}

}  // namespace trireme::ps
