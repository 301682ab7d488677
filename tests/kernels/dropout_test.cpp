#include "kernels/support.h"

namespace trireme::test {
namespace {

class DropoutTest : public KernelTest {};

// Made when a test asks first: before main(), memory is not yet the device's
// (tests/kernels_device).
const std::vector<SampleKey>& keys() {
  static const std::vector<SampleKey> all{{0, 5, 1}, {3, 0, 2}, {3, (int64_t{1} << 40) + 7, 9}};
  return all;
}

// The documented rule, with base/rng.h's philox.
bool kept(const DropoutSpec& spec, const SampleKey& key, int64_t element) {
  const auto e = static_cast<uint64_t>(element);
  const auto words = philox(spec.key, e / 4, mix(key.epoch, key.position));
  return to_unit_float(words[e % 4]) >= spec.p;
}

TEST_P(DropoutTest, KeepsExactlyTheDocumentedElements) {
  for (float p : {0.0f, 0.1f, 0.5f, 0.9f}) {
    for (int64_t of_sample : {0, 1, 3, 8, 31, 33, 36, 64, 1000}) {
      const DropoutSpec spec{3, of_sample, p, 0x123456789abcdefu};
      const auto x = rounded(random(3 * of_sample, 1, 1, 2));
      Elements y = elements(std::vector<float>(x.size())),
               dx = elements(std::vector<float>(x.size(), 1.0f));
      ASSERT_EQ(k.dropout_forward(nullptr, &spec, keys().data(), elements(x), y), Status::ok);
      ASSERT_EQ(k.dropout_backward(nullptr, &spec, keys().data(), elements(x), dx, Write::add),
                Status::ok);
      for (size_t i = 0; i < x.size(); ++i) {
        const auto sample = static_cast<int64_t>(i) / of_sample;
        const bool keep = kept(spec, keys()[static_cast<size_t>(sample)],
                               static_cast<int64_t>(i) - sample * of_sample);
        const float want = keep ? x[i] * (1.0f / (1.0f - p)) : 0.0f;
        ASSERT_EQ(y[i], rounded(want)) << "p " << p << " element " << i;
        ASSERT_EQ(dx[i], rounded(1.0f + want));
      }
    }
  }
}

TEST_P(DropoutTest, AProbabilityOfOneDropsEverythingAndOthersAreRefused) {
  DropoutSpec spec{1, 5, 1.0f, 1};
  const Elements x = elements(std::vector<float>(5, 2.0f));
  Elements y = elements(std::vector<float>(5, 9.0f));
  EXPECT_EQ(k.dropout_forward(nullptr, &spec, keys().data(), x, y), Status::ok);
  EXPECT_EQ(y.values(), std::vector<float>(5));
  spec.p = 1.5f;
  EXPECT_EQ(k.dropout_forward(nullptr, &spec, keys().data(), x, y), Status::invalid);
}

TEST_P(DropoutTest, KeepsTheExpectedShare) {
  const DropoutSpec spec{1, 100000, 0.3f, 42};
  const Elements x = elements(std::vector<float>(100000, 1.0f));
  Elements y = x;
  k.dropout_forward(nullptr, &spec, keys().data(), x, y);
  int64_t count = 0;
  for (float v : y.values()) count += v != 0.0f;
  EXPECT_NEAR(static_cast<double>(count), 70000, 600);  // four standard deviations
}

INSTANTIATE_TEST_SUITE_P(Devices, DropoutTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
