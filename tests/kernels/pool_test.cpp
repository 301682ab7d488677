#include "kernels/support.h"

namespace trireme::test {
namespace {

class PoolTest : public KernelTest {};

// n, h, w, c, kernel, stride, padding, out_h, out_w, count_include_pad
const std::vector<Pool2dSpec> kSpecs{
    {2, 4, 4, 6, 2, 2, 2, 2, 0, 0, 2, 2, true},   {1, 5, 5, 16, 2, 2, 2, 2, 0, 0, 2, 2, true},
    {2, 7, 6, 3, 3, 3, 2, 2, 1, 1, 4, 3, true},   {2, 7, 6, 17, 3, 2, 1, 2, 1, 0, 7, 3, false},
    {1, 8, 8, 33, 8, 8, 8, 8, 0, 0, 1, 1, true},  {3, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, true},
    {2, 7, 7, 8, 3, 3, 2, 2, 0, 0, 4, 4, false},  // rounded up: the last window is cut
    {2, 8, 6, 6, 2, 2, 2, 2, 0, 0, 4, 3, true},   {2, 6, 6, 12, 3, 3, 3, 3, 0, 0, 2, 2, true},
    {1, 6, 10, 20, 2, 2, 2, 2, 0, 0, 3, 5, true}, {2, 5, 5, 6, 2, 2, 1, 1, 0, 0, 4, 4, true},
    {2, 6, 6, 5, 2, 2, 3, 3, 0, 0, 2, 2, true},  // pixels of no window
    {0, 4, 4, 6, 2, 2, 2, 2, 0, 0, 2, 2, true},
};

struct Sizes {
  explicit Sizes(const Pool2dSpec& s)
      : x(s.n * s.h * s.w * s.c), y(s.n * s.out_h * s.out_w * s.c) {}
  int64_t x, y;
};

// visit(y index, x index, position in the window) for every pixel inside every window.
template <class Visit>
void for_pixels(const Pool2dSpec& s, Visit visit) {
  for (int64_t y = 0; y < Sizes(s).y; ++y) {
    const int64_t c = y % s.c, ow = y / s.c % s.out_w, oh = y / s.c / s.out_w % s.out_h;
    const int64_t n = y / s.c / s.out_w / s.out_h;
    for (int64_t p = 0; p < s.kernel_h * s.kernel_w; ++p) {
      const int64_t h = oh * s.stride_h - s.pad_h + p / s.kernel_w;
      const int64_t w = ow * s.stride_w - s.pad_w + p % s.kernel_w;
      if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
      visit(static_cast<size_t>(y), static_cast<size_t>(((n * s.h + h) * s.w + w) * s.c + c), p);
    }
  }
}

TEST_P(PoolTest, MaximumAndItsGradientEqualTheDefinition) {
  for (const auto& spec : kSpecs) {
    const Sizes size(spec);
    auto x = random(size.x, 1);
    for (float& v : x) v = std::round(v * 2);  // so that equal values meet: the first one wins
    std::vector<float> want(static_cast<size_t>(size.y), -100.0f);
    std::vector<size_t> source(want.size());
    std::vector<uint8_t> want_index(want.size());
    for_pixels(spec, [&](size_t y, size_t from, int64_t p) {
      if (x[from] <= want[y]) return;
      want[y] = x[from];
      source[y] = from;
      want_index[y] = static_cast<uint8_t>(p);
    });
    Elements y = elements(std::vector<float>(want.size()));
    std::vector<uint8_t> index(want.size());
    ASSERT_EQ(k.max_pool_forward(nullptr, &spec, elements(x), y, index.data()), Status::ok);
    EXPECT_EQ(y.values(), want);
    EXPECT_EQ(index, want_index);
    const auto dy = rounded(random(size.y, 2));
    std::vector<float> want_dx(x.size());
    Elements dx = elements(std::vector<float>(x.size(), 9.0f)),
             sum = elements(std::vector<float>(x.size(), 1.0f));
    for (size_t i = 0; i < dy.size(); ++i) want_dx[source[i]] += dy[i];
    k.max_pool_backward(nullptr, &spec, elements(dy), index.data(), dx, Write::set);
    expect_near(dx, want_dx, tolerance(1e-6));
    k.max_pool_backward(nullptr, &spec, elements(dy), index.data(), sum, Write::add);
    for (float& v : want_dx) v += 1;
    expect_near(sum, want_dx, tolerance(1e-6));
  }
}

TEST_P(PoolTest, NotANumberAndMinusInfinityWinWhereTheyMust) {
  for (int64_t channels : {1, 8}) {
    const Pool2dSpec spec{2, 2, 2, channels, 2, 2, 2, 2, 0, 0, 1, 1, true};
    std::vector<float> x(static_cast<size_t>(8 * channels), -INFINITY);
    x[static_cast<size_t>(6 * channels)] = std::nanf("");  // sample 1, position 2, channel 0
    Elements y = elements(std::vector<float>(static_cast<size_t>(2 * channels)));
    std::vector<uint8_t> index(y.size(), 9);
    k.max_pool_forward(nullptr, &spec, elements(x), y, index.data());
    EXPECT_EQ(y[0], -INFINITY);
    EXPECT_EQ(index[0], 0);
    EXPECT_TRUE(std::isnan(y[static_cast<size_t>(channels)]));
    EXPECT_EQ(index[static_cast<size_t>(channels)], 2);
  }
}

TEST_P(PoolTest, AverageAndItsGradientEqualTheDefinition) {
  for (const auto& spec : kSpecs) {
    const Sizes size(spec);
    const auto x = rounded(random(size.x, 1)), dy = rounded(random(size.y, 2));
    std::vector<double> want(static_cast<size_t>(size.y)), area(want.size()), want_dx(x.size());
    for_pixels(spec, [&](size_t y, size_t from, int64_t) {
      want[y] += static_cast<double>(x[from]);
      area[y] += 1;
    });
    if (spec.count_include_pad) {
      for (double& a : area) a = static_cast<double>(spec.kernel_h * spec.kernel_w);
    }
    for (size_t i = 0; i < want.size(); ++i) want[i] /= area[i];
    for_pixels(spec, [&](size_t y, size_t to, int64_t) {
      want_dx[to] += static_cast<double>(dy[y]) / area[y];
    });
    Elements y = elements(std::vector<float>(want.size())),
             dx = elements(std::vector<float>(x.size(), 9.0f)),
             sum = elements(std::vector<float>(x.size(), 1.0f));
    ASSERT_EQ(k.average_pool_forward(nullptr, &spec, elements(x), y), Status::ok);
    expect_near(y, want, tolerance(1e-6));
    k.average_pool_backward(nullptr, &spec, elements(dy), dx, Write::set);
    expect_near(dx, want_dx, tolerance(1e-6));
    k.average_pool_backward(nullptr, &spec, elements(dy), sum, Write::add);
    for (double& v : want_dx) v += 1;
    expect_near(sum, want_dx, tolerance(1e-6));
  }
}

TEST_P(PoolTest, WindowsThatMissTheImageOrAreTooLargeForAnIndexAreRefused) {
  float x = 0, y = 0;
  uint8_t index = 0;
  const Pool2dSpec outside{1, 1, 1, 1, 1, 1, 2, 1, 0, 0, 2, 1, true};
  EXPECT_EQ(k.max_pool_forward(nullptr, &outside, &x, &y, &index), Status::invalid);
  EXPECT_EQ(k.average_pool_forward(nullptr, &outside, &x, &y), Status::invalid);
  const Pool2dSpec large{1, 17, 17, 1, 17, 17, 1, 1, 0, 0, 1, 1, true};
  EXPECT_EQ(k.max_pool_forward(nullptr, &large, &x, &y, &index), Status::invalid);
  const Pool2dSpec padding{1, 4, 4, 1, 2, 2, 2, 2, 2, 2, 4, 4, true};
  EXPECT_EQ(k.max_pool_backward(nullptr, &padding, &y, &index, &x, Write::set), Status::invalid);
}

INSTANTIATE_TEST_SUITE_P(Devices, PoolTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
