#include "tensor/shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tensor/dtype.h"

namespace trireme {
namespace {

using testing::HasSubstr;
using testing::Property;
using testing::Throws;

TEST(ShapeTest, PrintsExtentsAndCountsElements) {
  EXPECT_EQ((Shape{1, 28, 28}).str(), "1x28x28");
  EXPECT_EQ((Shape{1, 28, 28}).elements(), 784);
  EXPECT_EQ(Shape{}.str(), "scalar");
  EXPECT_EQ(Shape{}.elements(), 1);
  EXPECT_EQ((Shape{3, 0}).elements(), 0);
  EXPECT_NE((Shape{3}), (Shape{3, 0}));
}

TEST(ShapeTest, WithBatchPutsTheSamplesInFront) {
  EXPECT_EQ((Shape{3, 4}).with_batch(7), (Shape{7, 3, 4}));
  EXPECT_EQ(Shape{}.with_batch(7), (Shape{7}));
  EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1}).with_batch(2), ShapeError);
}

TEST(ShapeTest, RefusesTooManyNegativeAndTooLargeExtents) {
  EXPECT_THAT(
      ([] { return Shape{1, 2, 3, 4, 5, 6, 7}; }),
      Throws<ShapeError>(Property(
          &Error::what, HasSubstr("shape 1x2x3x4x5x6x7 has 7 extents, at most 6 are possible"))));
  EXPECT_THAT(([] {
                return Shape{4, -2};
              }),
              Throws<ShapeError>(Property(&Error::what, HasSubstr("has the extent -2"))));
  const int64_t large = int64_t{1} << 31;
  EXPECT_EQ((Shape{large, large}).elements(), int64_t{1} << 62);
  EXPECT_THAT(([&] {
                return Shape{large, large, 2}.elements();
              }),
              Throws<ShapeError>(Property(&Error::what, HasSubstr("more than 2^62 elements"))));
  EXPECT_EQ((Shape{large, large, 2, 0}).elements(), 0);
}

TEST(DTypeTest, NamesAndSizesAreThoseOfNumpy) {
  EXPECT_EQ(name_of(DType::f32), "float32");
  EXPECT_EQ(name_of(DType::i64), "int64");
  EXPECT_EQ(name_of(DType::u8), "uint8");
  EXPECT_EQ(name_of(DType::bf16), "bfloat16");
  EXPECT_EQ(size_of(DType::f64), 8u);
  EXPECT_EQ(size_of(DType::f16), 2u);
}

}  // namespace
}  // namespace trireme
