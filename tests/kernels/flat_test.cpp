#include "kernels/support.h"

namespace trireme::test {
namespace {

class FlatTest : public KernelTest {
 protected:
  std::vector<double> partials(const std::vector<float>& x) {
    const auto n = static_cast<int64_t>(x.size());
    std::vector<double> sums(static_cast<size_t>((n + kSumChunk - 1) / kSumChunk) + 1, 7.0);
    EXPECT_EQ(k.sums_of_squares(nullptr, n, x.data(), sums.data()), Status::ok);
    EXPECT_EQ(sums.back(), 7.0) << "one past the end";
    sums.pop_back();
    return sums;
  }
};

TEST_P(FlatTest, SumsOfSquaresAreExactToFp64ChunkByChunk) {
  for (int64_t n : {0, 1, 3, 31, 33, 4095, 4096, 4097, 100003}) {
    const auto x = random(n, 1);
    std::vector<double> want(static_cast<size_t>((n + kSumChunk - 1) / kSumChunk));
    for (size_t i = 0; i < x.size(); ++i) {
      const double v = x[i];
      want[i / static_cast<size_t>(kSumChunk)] += v * v;
    }
    expect_near(partials(x), want, 1e-12);
  }
}

TEST_P(FlatTest, OnlyTheChunkThatHoldsWhatIsNotFiniteIsNotFinite) {
  for (float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    auto x = random(3 * kSumChunk - 5, 1);
    x[7] = 3e38f;
    x[static_cast<size_t>(kSumChunk) + 99] = bad;
    const auto sums = partials(x);
    EXPECT_TRUE(std::isfinite(sums[0]));
    EXPECT_FALSE(std::isfinite(sums[1]));
    EXPECT_TRUE(std::isfinite(sums[2]));
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, FlatTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
