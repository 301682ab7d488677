#include "kernels/support.h"

namespace trireme::test {
namespace {

class NormaliseBytesTest : public KernelTest {
 protected:
  static std::vector<uint8_t> bytes(int64_t n) {
    std::vector<uint8_t> x(static_cast<size_t>(n));
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<uint8_t>(philox(1, i, 0)[0]);
    return x;
  }
  // The first n bytes from `from` on, into y from `to` on; the bits of the formula.
  void expect_formula(int64_t n, int64_t channels, size_t from, size_t to) {
    const auto x = bytes(n + static_cast<int64_t>(from));
    const auto mean = random(channels, 2, 0, 255), scale = random(channels, 3, 0.001f, 0.1f);
    const auto size = static_cast<size_t>(n);
    std::vector<float> y(size + to + 1, 7.0f);
    ASSERT_EQ(k.normalise_bytes(nullptr, n, channels, x.data() + from, mean.data(), scale.data(),
                                y.data() + to),
              Status::ok);
    for (size_t i = 0; i < size; ++i) {
      const size_t c = i % static_cast<size_t>(channels);
      volatile float centred = static_cast<float>(x[from + i]) - mean[c];  // rounded by itself
      const float want = centred * scale[c];
      ASSERT_EQ(y[to + i], want) << i << " of " << n << ", " << channels << " channels";
    }
    EXPECT_EQ(y.back(), 7.0f) << "one past the end";
  }
};

TEST_P(NormaliseBytesTest, EqualsTheFormulaBitForBit) {
  for (const int64_t channels : {1, 3, 4, 7, 1000})
    for (const int64_t pixels : {0, 1, 31, 33}) expect_formula(pixels * channels, channels, 0, 0);
}

// Every thread goes round its loop more than once, so that it comes to other channels.
TEST_P(NormaliseBytesTest, GoesOnWithTheRightChannelWhereAThreadTakesSeveralElements) {
  if (!in_shim()) expect_formula(3 * 1000003, 3, 0, 0);
  expect_formula(3 * 466667, 3, 0, 0);
}

TEST_P(NormaliseBytesTest, BytesThatDoNotBeginWhereAVectorDoesAreNoDifferent) {
  for (const size_t shift : {1, 2, 3}) {
    expect_formula(1002, 3, shift, 0);
    expect_formula(1002, 3, 0, shift);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, NormaliseBytesTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
