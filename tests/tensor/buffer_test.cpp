#include "tensor/buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace trireme {
namespace {

using testing::HasSubstr;
using testing::Property;
using testing::Throws;

TEST(BufferTest, IsAlignedAndZeroed) {
  for (size_t bytes : {size_t{1}, size_t{64}, size_t{1000}}) {
    const AlignedBuffer buffer(bytes);
    EXPECT_EQ(buffer.size(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % kAlignment, 0u);
    for (size_t i = 0; i < bytes; ++i) ASSERT_EQ(buffer.data()[i], std::byte{0});
  }
  EXPECT_EQ(AlignedBuffer(0).data(), nullptr);
}

TEST(BufferTest, NamesTheSizeThatDidNotFit) {
  EXPECT_THAT([] { AlignedBuffer buffer(SIZE_MAX); },
              Throws<DeviceError>(Property(
                  &Error::what, HasSubstr("could not allocate 18446744073709551615 bytes"))));
}

TEST(HostTensorTest, HoldsValuesOfItsType) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const auto tensor = HostTensor::from({2, 3}, std::span<const float>(values));
  EXPECT_EQ(tensor.bytes.size(), 24u);
  EXPECT_EQ(std::vector<float>(tensor.floats().begin(), tensor.floats().end()), values);
  const std::vector<int64_t> labels{7, -1};
  const auto ints = HostTensor::from({2}, std::span<const int64_t>(labels));
  EXPECT_EQ(ints.ints()[1], -1);
  EXPECT_EQ(HostTensor::zeros({3}, DType::u8).bytes.size(), 3u);
}

TEST(HostTensorTest, RefusesTheWrongTypeAndTheWrongCount) {
  const auto ints = HostTensor::zeros({2}, DType::i64);
  EXPECT_THAT(
      [&] { ints.floats(); },
      Throws<ShapeError>(Property(&Error::what, HasSubstr("holds int64, float32 was asked for"))));
  const std::vector<float> values{1, 2};
  EXPECT_THAT(
      [&] {
        HostTensor::from({2, 3}, std::span<const float>(values));
      },
      Throws<ShapeError>(
          Property(&Error::what, HasSubstr("shape 2x3 needs 6 values, 2 were given"))));
}

}  // namespace
}  // namespace trireme
