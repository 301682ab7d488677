#pragma once
// Blocks of gradients in fewer bytes, on their way to a server. Pure functions of their arguments.
// Floats are finite; whoever has others sends them as they are. Formats, for n floats:
//
//   fp16   an exponent e (int32), n halves; x = h 2^e. e brings the largest magnitude just below
//          2^15, so nothing overflows, and what is 2^-39 of the largest is still told from zero.
//   bf16   n bfloat16.
//   int8   the largest magnitude m of every kCodeChunk elements (fp32), then n int8 from -127 to
//          127; x = q m / 127. Zeros stay zeros.
//   top_k  k indices (uint32, ascending), then k floats: the largest magnitudes, of equal ones the
//          first; all others are zero.
//
// fp16, bf16 and int8 round to the nearest, ties to even.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "comm/communicator.h"

namespace trireme::ps {

enum class Codec : uint8_t { none, fp16, bf16, int8, top_k };
std::string_view name_of(Codec codec);
Codec codec_named(std::string_view name);  // ConfigError

struct CodecSpec {
  Codec codec = Codec::none;
  double top_k = 0.01;  // share of the elements
  bool codes() const { return codec != Codec::none; }
  // What it leaves out is so much that it has to be added to the next gradient.
  bool feeds_back() const { return codec == Codec::int8 || codec == Codec::top_k; }
};

constexpr int64_t kCodeChunk = 2048;

// Elements that top_k sends of n: at least one, where there is any.
int64_t kept_elements(const CodecSpec& spec, int64_t n);
// Of n coded floats; a function of both alone. Not for Codec::none.
size_t coded_bytes(const CodecSpec& spec, int64_t n);

// out: coded_bytes(), aligned to 4. `room` is used again and again. Time is linear in n
// (top_k: on average). Throws
// ConfigError for a block that is too large to be indexed.
void encode(const CodecSpec& spec, std::span<const float> in, std::byte* out,
            std::vector<uint32_t>& room);

// All of `out`, which is finite then. Throws FormatError for what encode() does not write.
void decode(const CodecSpec& spec, Bytes in, std::span<float> out);

}  // namespace trireme::ps
