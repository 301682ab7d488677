#include "ps/codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "base/error.h"
#include "ps/half.h"

namespace trireme::ps {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"none", "fp16", "bf16", "int8", "top_k"};
constexpr float kLargest = std::numeric_limits<float>::max();

uint32_t magnitude_bits(float x) { return std::bit_cast<uint32_t>(x) & 0x7fffffff; }

// Magnitudes are ordered as their bits are.
float largest_magnitude(std::span<const float> in) {
  uint32_t most = 0;
  for (const float x : in) most = std::max(most, magnitude_bits(x));
  return std::bit_cast<float>(most);
}

// ---- fp16. Powers of two within floats: the smallest gradients do not fill the halves' range.
constexpr int kTop = 14, kLeastExponent = -126, kMostExponent = 113;

float power_of_two(int e) { return std::bit_cast<float>(static_cast<uint32_t>(e + 127) << 23); }

void encode_half(std::span<const float> in, std::byte* out) {
  const float largest = largest_magnitude(in);
  const int32_t e =
      largest > 0 ? std::clamp(std::ilogb(largest) - kTop, kLeastExponent, kMostExponent) : 0;
  std::memcpy(out, &e, sizeof e);
  auto* halves = reinterpret_cast<uint16_t*>(out + sizeof e);
  const float scale = power_of_two(-e);
  for (size_t i = 0; i < in.size(); ++i) halves[i] = half_of(in[i] * scale);
}

void decode_half(Bytes in, std::span<float> out) {
  int32_t e;
  std::memcpy(&e, in.data(), sizeof e);
  if (e < kLeastExponent || e > kMostExponent)
    throw FormatError(fmt::format("a block in fp16 has an exponent of {}", e));
  const auto* halves = reinterpret_cast<const uint16_t*>(in.data() + sizeof e);
  const float scale = power_of_two(e);
  bool finite = true;
  for (size_t i = 0; i < out.size(); ++i) {
    finite &= is_finite_half(halves[i]);
    out[i] = std::clamp(float_of_half(halves[i]) * scale, -kLargest, kLargest);
  }
  if (!finite) throw FormatError("a block in fp16 has a value that is not finite");
}

// ---- bf16
void encode_bfloat(std::span<const float> in, std::byte* out) {
  auto* values = reinterpret_cast<uint16_t*>(out);
  for (size_t i = 0; i < in.size(); ++i) values[i] = bfloat_of(in[i]);
}

void decode_bfloat(Bytes in, std::span<float> out) {
  const auto* values = reinterpret_cast<const uint16_t*>(in.data());
  bool finite = true;
  for (size_t i = 0; i < out.size(); ++i) {
    finite &= is_finite_bfloat(values[i]);
    out[i] = float_of_bfloat(values[i]);
  }
  if (!finite) throw FormatError("a block in bf16 has a value that is not finite");
}

// ---- int8
constexpr float kSteps = 127;
// A chunk of less is sent as zeros: 127 / m shall be a float.
constexpr float kLeastMagnitude = 1e-36f;
// Adding it leaves no fraction, and rounds to the nearest, ties to even.
constexpr float kRounder = 0x1.8p23f;

int64_t chunks_of(int64_t n) { return (n + kCodeChunk - 1) / kCodeChunk; }

void encode_bytes(std::span<const float> in, std::byte* out) {
  const auto n = static_cast<int64_t>(in.size());
  auto* largest = reinterpret_cast<float*>(out);
  auto* values = reinterpret_cast<int8_t*>(largest + chunks_of(n));
  for (int64_t c = 0; c < chunks_of(n); ++c) {
    const int64_t begin = c * kCodeChunk, end = std::min(begin + kCodeChunk, n);
    const float m =
        largest_magnitude(in.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
    largest[c] = m < kLeastMagnitude ? 0 : m;
    const float steps = m < kLeastMagnitude ? 0 : kSteps / m;
    for (int64_t i = begin; i < end; ++i)
      values[i] = static_cast<int8_t>((in[static_cast<size_t>(i)] * steps + kRounder) - kRounder);
  }
}

void decode_bytes(Bytes in, std::span<float> out) {
  const auto n = static_cast<int64_t>(out.size());
  const auto* largest = reinterpret_cast<const float*>(in.data());
  const auto* values = reinterpret_cast<const int8_t*>(largest + chunks_of(n));
  bool sound = true;
  for (int64_t c = 0; c < chunks_of(n); ++c) {
    if (!(largest[c] >= 0 && largest[c] <= kLargest))
      throw FormatError(
          fmt::format("chunk {} of a block in int8 has a magnitude of {}", c, largest[c]));
    const double step = double{largest[c]} / kSteps;
    const int64_t begin = c * kCodeChunk, end = std::min(begin + kCodeChunk, n);
    for (int64_t i = begin; i < end; ++i) {
      sound &= values[i] != std::numeric_limits<int8_t>::min();
      out[static_cast<size_t>(i)] = static_cast<float>(values[i] * step);
    }
  }
  if (!sound) throw FormatError("a block in int8 has a value of -128");
}

// ---- top_k
void encode_largest(size_t k, std::span<const float> in, std::byte* out,
                    std::vector<uint32_t>& room) {
  if (in.size() > std::numeric_limits<uint32_t>::max())
    throw ConfigError(fmt::format("exchange.codec = top_k cannot index {} elements", in.size()),
                      "lower exchange.bucket_mib");
  room.resize(in.size());
  std::ranges::transform(in, room.begin(), magnitude_bits);
  std::nth_element(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(k - 1), room.end(),
                   std::greater<>());
  const uint32_t least = room[k - 1];
  // Of those that equal the least, so many are among the k.
  auto equals = static_cast<size_t>(
      std::count(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(k), least));
  auto* indices = reinterpret_cast<uint32_t*>(out);
  auto* values = reinterpret_cast<float*>(indices + k);
  size_t at = 0;
  for (size_t i = 0; i < in.size() && at < k; ++i) {
    const uint32_t magnitude = magnitude_bits(in[i]);
    if (magnitude < least || (magnitude == least && equals == 0)) continue;
    equals -= magnitude == least;
    indices[at] = static_cast<uint32_t>(i);
    values[at++] = in[i];
  }
}

void decode_largest(size_t k, Bytes in, std::span<float> out) {
  const auto* indices = reinterpret_cast<const uint32_t*>(in.data());
  const auto* values = reinterpret_cast<const float*>(indices + k);
  std::ranges::fill(out, 0.0f);
  for (size_t i = 0; i < k; ++i) {
    if (indices[i] >= out.size() || (i > 0 && indices[i] <= indices[i - 1]))
      throw FormatError(
          fmt::format("index {} of a block's {} largest elements is {}", i, k, indices[i]));
    if (!std::isfinite(values[i]))
      throw FormatError("one of a block's largest elements is not finite");
    out[indices[i]] = values[i];
  }
}

}  // namespace

std::string_view name_of(Codec codec) { return kNames[static_cast<size_t>(codec)]; }

Codec codec_named(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end())
    throw ConfigError(fmt::format("exchange.codec = {} is none that there is", name), "");
  return static_cast<Codec>(found - kNames.begin());
}

int64_t kept_elements(const CodecSpec& spec, int64_t n) {
  if (n == 0) return 0;
  return std::clamp<int64_t>(std::llround(spec.top_k * static_cast<double>(n)), 1, n);
}

size_t coded_bytes(const CodecSpec& spec, int64_t n) {
  if (n == 0) return 0;
  const auto count = static_cast<size_t>(n);
  switch (spec.codec) {
    case Codec::fp16:
      return sizeof(int32_t) + count * sizeof(uint16_t);
    case Codec::bf16:
      return count * sizeof(uint16_t);
    case Codec::int8:
      return static_cast<size_t>(chunks_of(n)) * sizeof(float) + count;
    case Codec::top_k:
      return static_cast<size_t>(kept_elements(spec, n)) * (sizeof(uint32_t) + sizeof(float));
    case Codec::none:
      break;
  }
  return count * sizeof(float);
}

void encode(const CodecSpec& spec, std::span<const float> in, std::byte* out,
            std::vector<uint32_t>& room) {
  if (in.empty()) return;
  switch (spec.codec) {
    case Codec::fp16:
      return encode_half(in, out);
    case Codec::bf16:
      return encode_bfloat(in, out);
    case Codec::int8:
      return encode_bytes(in, out);
    case Codec::top_k:
      return encode_largest(
          static_cast<size_t>(kept_elements(spec, static_cast<int64_t>(in.size()))), in, out, room);
    case Codec::none:
      std::memcpy(out, in.data(), in.size_bytes());
  }
}

void decode(const CodecSpec& spec, Bytes in, std::span<float> out) {
  const auto n = static_cast<int64_t>(out.size());
  if (spec.codec == Codec::none) throw FormatError("a coded block, and no codec was agreed on");
  if (in.size() != coded_bytes(spec, n))
    throw FormatError(fmt::format("a block of {} elements has {} bytes in {}; {} came", n,
                                  coded_bytes(spec, n), name_of(spec.codec), in.size()));
  if (out.empty()) return;
  switch (spec.codec) {
    case Codec::fp16:
      return decode_half(in, out);
    case Codec::bf16:
      return decode_bfloat(in, out);
    case Codec::int8:
      return decode_bytes(in, out);
    default:
      return decode_largest(static_cast<size_t>(kept_elements(spec, n)), in, out);
  }
}

}  // namespace trireme::ps
