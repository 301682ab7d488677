#include "ps/push_coder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>
#include <utility>

namespace trireme::ps {
namespace {

// Of a block's residual that comes from a checkpoint, until its first piece is pushed.
constexpr Piece kNoPiece{-1, -1};
constexpr int kMost = std::numeric_limits<int>::max();

// Several sums side by side, so that additions need not wait for one another.
double squares_of(std::span<const float> values) {
  constexpr size_t kSums = 8;
  std::array<double, kSums> sums{};
  size_t i = 0;
  for (; i + kSums <= values.size(); i += kSums)
    for (size_t k = 0; k < kSums; ++k) sums[k] += double{values[i + k]} * double{values[i + k]};
  for (; i < values.size(); ++i) sums[0] += double{values[i]} * double{values[i]};
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// Without a way out in the middle: a loop that becomes vectors.
bool all_finite(std::span<const float> values) {
  constexpr uint32_t kInfinity = 0x7f800000;
  uint32_t most = 0;
  for (const float v : values) most = std::max(most, std::bit_cast<uint32_t>(v) & 0x7fffffff);
  return most < kInfinity;
}

}  // namespace

PushCoder::PushCoder(const CodecSpec& spec, bool at_once, std::shared_ptr<PayloadPool> pool)
    : spec_(spec), at_once_(at_once), pool_(std::move(pool)) {}

PushCoder::Residual& PushCoder::residual(int block, Piece piece, size_t n) {
  const Key key{block, piece.level, piece.index};
  const auto found = residuals_.find(key);
  if (found != residuals_.end()) return found->second;
  auto loaded = residuals_.extract({block, kNoPiece.level, kNoPiece.index});
  if (!loaded.empty()) {
    loaded.key() = key;
    return residuals_.insert(std::move(loaded)).position->second;
  }
  Residual& made = residuals_[key];
  made.kept.resize(n);
  return made;
}

std::optional<PushCoder::Coded> PushCoder::code(int block, Piece piece,
                                                std::span<const float> gradient, double divisor) {
  const size_t n = gradient.size();
  std::span<const float> r = gradient;
  Residual* residual = nullptr;
  if (spec_.feeds_back()) {
    residual = &this->residual(block, piece, n);
    const auto factor = static_cast<float>(divisor / residual->divisor);
    sum_.resize(n);
    for (size_t i = 0; i < n; ++i) sum_[i] = gradient[i] + factor * residual->kept[i];
    r = sum_;
  }
  if (!all_finite(r)) return std::nullopt;
  Coded coded{pool_->take(coded_bytes(spec_, static_cast<int64_t>(n))),
              coded_bytes(spec_, static_cast<int64_t>(n))};
  std::byte* bytes = coded.payload->data();
  encode(spec_, r, bytes, room_);
  decoded_.resize(n);
  decode(spec_, {bytes, coded.bytes}, decoded_);
  counts_.all += squares_of(r);
  for (size_t i = 0; i < n; ++i) decoded_[i] = r[i] - decoded_[i];
  counts_.left_out += squares_of(decoded_);
  counts_.bytes += static_cast<int64_t>(coded.bytes);
  counts_.plain_bytes += static_cast<int64_t>(gradient.size_bytes());
  if (residual) {
    residual->next.swap(decoded_);
    residual->next_divisor = divisor;
    residual->pending = true;
    if (at_once_) conclude(block, true);
  }
  return coded;
}

void PushCoder::conclude(int block, bool applied) {
  const auto end = residuals_.upper_bound({block, kMost, kMost});
  for (auto at = residuals_.lower_bound({block, kNoPiece.level, kNoPiece.index}); at != end; ++at) {
    Residual& r = at->second;
    if (!std::exchange(r.pending, false) || !applied) continue;
    r.kept.swap(r.next);
    r.divisor = r.next_divisor;
  }
}

void PushCoder::add_residuals(const Placement& placement, std::span<float> out) const {
  for (const auto& [key, residual] : residuals_) {
    const Range range = placement.block(std::get<0>(key)).range;
    const auto mean = static_cast<float>(1 / residual.divisor);
    float* to = out.data() + range.begin;
    for (const float value : residual.kept) *to++ += mean * value;
  }
}

void PushCoder::set_residuals(const Placement& placement, std::span<const float> mean) {
  residuals_.clear();
  for (size_t b = 0; b < placement.blocks().size(); ++b) {
    const Range range = placement.blocks()[b].range;
    Residual& r = residuals_[{static_cast<int>(b), kNoPiece.level, kNoPiece.index}];
    r.kept.assign(mean.begin() + range.begin, mean.begin() + range.end);
  }
}

}  // namespace trireme::ps
