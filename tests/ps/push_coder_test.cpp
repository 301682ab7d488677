// What a codec leaves out of a push comes with the next.
#include "ps/push_coder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace trireme::ps {
namespace {

class PushCoding : public testing::Test {
 protected:
  static constexpr Piece kPiece{1, 0};
  const Placement placement_{2 * kChunk, 1, kChunk};
  PushCoder coder_{{Codec::top_k, 0.5 / kChunk}, false, PayloadPool::make()};  // one element
  PushCoder at_once_{{Codec::top_k, 0.5 / kChunk}, true, PayloadPool::make()};

  // The element that was sent, as {index, value}.
  static std::pair<size_t, float> sent(PushCoder& coder, int block, std::vector<float> gradient,
                                       double divisor = 1) {
    gradient.resize(kChunk);
    const auto coded = coder.code(block, kPiece, gradient, divisor);
    if (!coded) return {gradient.size(), 0};
    std::vector<float> got(gradient.size());
    decode(coder.spec(), {coded->payload->data(), coded->bytes}, got);
    for (size_t i = 0; i < got.size(); ++i)
      if (got[i] != 0) return {i, got[i]};
    return {0, 0};
  }
  std::vector<float> residuals(const PushCoder& coder) const {
    std::vector<float> out(static_cast<size_t>(2 * kChunk));
    coder.add_residuals(placement_, out);
    return out;
  }
};
using Sent = std::pair<size_t, float>;

TEST_F(PushCoding, AddsWhatWasLeftOutToTheNextPush) {
  EXPECT_EQ(sent(coder_, 0, {4, 3, 0}), (Sent{0, 4}));
  coder_.conclude(0, true);
  EXPECT_EQ(sent(coder_, 0, {1, 0, 2}), (Sent{1, 3}));
  coder_.conclude(0, true);
  EXPECT_EQ(sent(coder_, 1, {0, 0, 9}), (Sent{2, 9}));  // another block's are its own
  coder_.conclude(1, true);
  EXPECT_EQ(sent(coder_, 0, {1.5, 0, 0}), (Sent{0, 2.5}));
}

TEST_F(PushCoding, ForgetsAPushThatWasDropped) {
  EXPECT_EQ(sent(coder_, 0, {4, 3, 0}), (Sent{0, 4}));
  coder_.conclude(0, true);
  EXPECT_EQ(sent(coder_, 0, {9, 9, 0}), (Sent{1, 12}));
  coder_.conclude(0, false);
  EXPECT_EQ(residuals(coder_)[0], 0);
  EXPECT_EQ(residuals(coder_)[1], 3);
}

TEST_F(PushCoding, LeavesAGradientThatIsNotFiniteAndTheResidualAlone) {
  sent(at_once_, 0, {4, 3, 0});
  EXPECT_FALSE(at_once_.code(0, kPiece, std::vector<float>(kChunk, NAN), 1));
  EXPECT_EQ(residuals(at_once_)[1], 3);
  std::vector<float> infinite(kChunk);
  infinite[5] = -std::numeric_limits<float>::infinity();
  EXPECT_FALSE(at_once_.code(0, kPiece, infinite, 1));
  EXPECT_EQ(sent(at_once_, 0, {}), (Sent{1, 3}));
}

// Sums of 4 samples, then of one: the same mean.
TEST_F(PushCoding, BringsAResidualToTheDivisorOfTheNextGradient) {
  sent(at_once_, 0, {16, 12, 0}, 4);
  EXPECT_EQ(residuals(at_once_)[1], 3);
  EXPECT_EQ(sent(at_once_, 0, {2, 0, 0}, 1), (Sent{1, 3}));
  EXPECT_EQ(sent(at_once_, 0, {}, 4), (Sent{0, 8}));
}

TEST_F(PushCoding, MovesResidualsToAnotherCoder) {
  sent(at_once_, 0, {4, 3, 0}, 2);
  sent(at_once_, 1, {0, 7, 8}, 2);
  const std::vector<float> before = residuals(at_once_);
  coder_.set_residuals(placement_, before);
  EXPECT_EQ(residuals(coder_), before);
  EXPECT_EQ(sent(coder_, 1, {}), (Sent{1, 3.5}));
  coder_.conclude(1, false);
  EXPECT_EQ(residuals(coder_), before);
}

TEST_F(PushCoding, TellsBytesAndWhatWasLeftOut) {
  sent(at_once_, 0, {4, 3, 0});
  const CodingCounts counts = at_once_.take_counts();
  EXPECT_EQ(counts.bytes, 8);
  EXPECT_EQ(counts.plain_bytes, 4 * kChunk);
  EXPECT_EQ(counts.left_out, 9);
  EXPECT_EQ(counts.all, 25);
  EXPECT_EQ(at_once_.take_counts().bytes, 0);
}

// The sum of what was sent and the residual is the sum of what was given, to rounding.
TEST(PushCoder, LosesNothingOverManyPushesOfInt8) {
  PushCoder coder({Codec::int8}, true, PayloadPool::make());
  const Placement placement(kChunk, 1, kChunk);
  std::vector<double> given(kChunk), got(kChunk);
  std::vector<float> gradient(kChunk), decoded(kChunk);
  for (int step = 0; step < 50; ++step) {
    for (size_t i = 0; i < gradient.size(); ++i) {
      gradient[i] = std::sin(static_cast<float>(i) * 0.1f + static_cast<float>(step));
      given[i] += double{gradient[i]};
    }
    const auto coded = coder.code(0, {}, gradient, 1);
    decode(coder.spec(), {coded->payload->data(), coded->bytes}, decoded);
    for (size_t i = 0; i < got.size(); ++i) got[i] += double{decoded[i]};
  }
  std::vector<float> residual(kChunk);
  coder.add_residuals(placement, residual);
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i] + double{residual[i]}, given[i], 1e-5);
    ASSERT_LT(std::abs(residual[i]), 0.01);
  }
}

}  // namespace
}  // namespace trireme::ps
