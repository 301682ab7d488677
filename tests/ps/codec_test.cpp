#include "ps/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "base/error.h"
#include "ps/half.h"

namespace trireme::ps {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kMax = std::numeric_limits<float>::max();

std::vector<CodecSpec> all_codecs() {
  return {{Codec::fp16}, {Codec::bf16}, {Codec::int8}, {Codec::top_k, 0.1}, {Codec::top_k, 1}};
}

std::vector<std::byte> coded(const CodecSpec& spec, std::span<const float> in) {
  std::vector<std::byte> out(coded_bytes(spec, static_cast<int64_t>(in.size())));
  std::vector<uint32_t> room;
  encode(spec, in, out.data(), room);
  return out;
}

std::vector<float> round_trip(const CodecSpec& spec, std::span<const float> in) {
  std::vector<float> out(in.size(), NAN);
  decode(spec, coded(spec, in), out);
  return out;
}

std::vector<float> gradient(size_t n, float scale) {
  std::mt19937 random(static_cast<unsigned>(n));
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& v : values) v = scale * normal(random);
  return values;
}

TEST(Codec, SendsExactlyTheBytesThatItSays) {
  EXPECT_EQ(coded_bytes({Codec::fp16}, 1000), 2004u);
  EXPECT_EQ(coded_bytes({Codec::bf16}, 1000), 2000u);
  EXPECT_EQ(coded_bytes({Codec::int8}, 4097), 4097u + 3 * 4);
  EXPECT_EQ(coded_bytes({Codec::top_k, 0.01}, 1000), 80u);
  EXPECT_EQ(coded_bytes({Codec::top_k, 1e-6}, 1000), 8u);
  for (const CodecSpec& spec : all_codecs()) EXPECT_EQ(coded_bytes(spec, 0), 0u);
}

TEST(Codec, KeepsWhatItPromisesOfGradientsOfAnySize) {
  for (const float scale : {1e-30f, 1e-6f, 1.0f, 1e30f})
    for (const size_t n : {1u, 2u, 31u, 2048u, 2049u, 10007u}) {
      const std::vector<float> in = gradient(n, scale);
      float largest = 0;
      for (const float v : in) largest = std::max(largest, std::abs(v));
      for (const CodecSpec& spec : all_codecs()) {
        const std::vector<float> out = round_trip(spec, in);
        for (size_t i = 0; i < n; ++i) {
          const double error = std::abs(double{out[i]} - double{in[i]});
          if (spec.codec == Codec::fp16) {
            ASSERT_LE(error, std::max(std::abs(in[i]) * std::ldexp(1.0, -11),
                                      largest * std::ldexp(1.0, -38)));
          } else if (spec.codec == Codec::bf16) {
            ASSERT_LE(error, std::abs(in[i]) * std::ldexp(1.0, -8));
          } else if (spec.codec == Codec::int8) {
            ASSERT_LE(error, largest / 127 * 0.50001);
          } else {
            ASSERT_TRUE(out[i] == in[i] || out[i] == 0);
          }
        }
      }
    }
}

TEST(Codec, IsExactForSmallWholeNumbers) {
  std::vector<float> in(5000);
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(static_cast<int>(i % 3) - 1);
  for (const CodecSpec& spec : all_codecs()) {
    if (spec.codec == Codec::top_k && spec.top_k < 1) continue;
    EXPECT_EQ(round_trip(spec, in), in) << name_of(spec.codec);
  }
}

TEST(Codec, NeitherOverflowsNorMakesZerosOfTinyBlocks) {
  const std::vector<float> large = {kMax, -kMax, 1e38f, 1.0f, 0.0f};
  const std::vector<float> tiny = {1e-30f, -3e-31f, 0.0f};
  for (const CodecSpec& spec : all_codecs()) {
    for (const float v : round_trip(spec, large)) EXPECT_TRUE(std::isfinite(v));
    const std::vector<float> out = round_trip(spec, tiny);
    EXPECT_NEAR(out[0], tiny[0], 1e-32f) << name_of(spec.codec);
  }
  EXPECT_NEAR(round_trip({Codec::fp16}, large)[0] / kMax, 1, 1e-3);
}

TEST(Codec, RoundsHalvesAndBfloatsToTheNearestAndTiesToEven) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    if (is_finite_half(half)) {
      ASSERT_EQ(half_of(float_of_half(half)), half);
    }
    if (is_finite_bfloat(half)) {
      ASSERT_EQ(bfloat_of(float_of_bfloat(half)), half);
    }
  }
  EXPECT_EQ(float_of_half(0x3c01), 1 + std::ldexp(1.0f, -10));
  EXPECT_EQ(float_of_half(0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(float_of_half(0xfbff), -65504.0f);
  EXPECT_EQ(half_of(1 + std::ldexp(1.0f, -11)), 0x3c00);      // a tie, to even
  EXPECT_EQ(half_of(1 + 3 * std::ldexp(1.0f, -11)), 0x3c02);  // likewise
  EXPECT_EQ(half_of(std::ldexp(1.0f, -25)), 0x0000);          // between 0 and the smallest
  EXPECT_EQ(half_of(std::ldexp(1.5f, -25)), 0x0001);
  EXPECT_EQ(half_of(-std::ldexp(3.0f, -25)), 0x8002);
  EXPECT_EQ(bfloat_of(1 + std::ldexp(1.0f, -8)), 0x3f80);
  EXPECT_EQ(bfloat_of(1 + 3 * std::ldexp(1.0f, -8)), 0x3f82);
  EXPECT_EQ(bfloat_of(kMax), 0x7f7f);
}

TEST(Codec, TopKTakesTheLargestAndOfEqualOnesTheFirst) {
  const std::vector<float> in = {1, -3, 2, 2, -2, 0, 5, 2};
  EXPECT_EQ(round_trip({Codec::top_k, 0.5}, in), (std::vector<float>{0, -3, 2, 2, 0, 0, 5, 0}));
  EXPECT_EQ(round_trip({Codec::top_k, 0.25}, in), (std::vector<float>{0, -3, 0, 0, 0, 0, 5, 0}));
  const std::vector<float> equal(100, -1);
  const std::vector<float> out = round_trip({Codec::top_k, 0.1}, equal);
  for (size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], i < 10 ? -1 : 0);
}

TEST(Codec, TopKAgreesWithASort) {
  const std::vector<float> in = gradient(10007, 1);
  std::vector<size_t> order(in.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order,
                           [&](size_t a, size_t b) { return std::abs(in[a]) > std::abs(in[b]); });
  std::vector<float> expected(in.size());
  for (size_t i = 0; i < 1001; ++i) expected[order[i]] = in[order[i]];
  EXPECT_EQ(round_trip({Codec::top_k, 0.1}, in), expected);
}

template <class T>
void put(std::vector<std::byte>& bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

TEST(Codec, RefusesWhatNoEncoderWrites) {
  const std::vector<float> in = gradient(3000, 1);
  std::vector<float> out(in.size());
  const auto refuses = [&](const CodecSpec& spec, const std::vector<std::byte>& bytes) {
    EXPECT_THROW(decode(spec, bytes, out), FormatError) << name_of(spec.codec);
  };
  for (const CodecSpec& spec : all_codecs()) {
    const std::vector<std::byte> whole = coded(spec, in);
    refuses(spec, {whole.begin(), whole.end() - 1});
    auto more = whole;
    more.push_back({});
    refuses(spec, more);
    refuses(spec, {});
  }
  refuses({Codec::none}, std::vector<std::byte>(12000));
  auto half = coded({Codec::fp16}, in);
  put(half, 4 + 2 * 77, uint16_t{0x7c00});
  refuses({Codec::fp16}, half);
  half = coded({Codec::fp16}, in);
  put(half, 0, int32_t{200});
  refuses({Codec::fp16}, half);
  auto bfloat = coded({Codec::bf16}, in);
  put(bfloat, 2 * 99, uint16_t{0xff80});
  refuses({Codec::bf16}, bfloat);
  for (const float wrong : {NAN, kInf, -1.0f}) {
    auto bytes = coded({Codec::int8}, in);
    put(bytes, 4, wrong);
    refuses({Codec::int8}, bytes);
  }
  auto bytes = coded({Codec::int8}, in);
  put(bytes, 8 + 5, int8_t{-128});
  refuses({Codec::int8}, bytes);
  const CodecSpec tenth{Codec::top_k, 0.1};
  auto largest = coded(tenth, in);
  put(largest, 4 * 299, uint32_t{3000});
  refuses(tenth, largest);
  largest = coded(tenth, in);
  put(largest, 4, uint32_t{0});
  put(largest, 0, uint32_t{0});
  refuses(tenth, largest);
  largest = coded(tenth, in);
  put(largest, 4 * 300, kInf);
  refuses(tenth, largest);
}

}  // namespace
}  // namespace trireme::ps
