#include <cmath>
#include <limits>

#include "checkpoint/element.h"
#include "checkpoint/fixture.h"

namespace trireme {
namespace {

class Diff : public FolderTest {
 protected:
  Path put(const char* name, MemorySource source) {
    return save_checkpoint(folder / name, source, state_at(1), {});
  }
};

TEST_F(Diff, EqualCheckpointsDoNotDifferAndHashAlike) {
  const Path a = put("a", small_source()), b = put("b", small_source());
  EXPECT_TRUE(diff_checkpoints(a, b).empty());
  EXPECT_EQ(weights_hash(CheckpointReader(a, false)), weights_hash(CheckpointReader(b, false)));
}

TEST_F(Diff, ValuesThatDifferAreMeasured) {
  const Path a = put("a", small_source(1)), b = put("b", small_source(4));
  const auto found = diff_checkpoints(a, b);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, "model.fc.weight");
  EXPECT_EQ(found[0].kind, "values");
  EXPECT_EQ(found[0].differing, 1);
  EXPECT_EQ(found[0].elements, 6);
  EXPECT_DOUBLE_EQ(found[0].max_absolute, 3);
  EXPECT_DOUBLE_EQ(found[0].max_relative, 0.75);
}

TEST_F(Diff, MissingTensorsAndOtherShapesAreNamed) {
  auto left = small_source(), right = small_source();
  left.tensors()["model.x"] = pattern({2}, DType::u8);
  right.tensors()["model.y"] = pattern({2}, DType::u8);
  right.tensors()["model.fc.bias"] = pattern({3}, DType::f16);
  const auto found = diff_checkpoints(put("a", MemorySource(left.tensors())),
                                      put("b", MemorySource(right.tensors())));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].kind, "shape");
  EXPECT_EQ(found[1].kind, "only in A");
  EXPECT_EQ(found[2].kind, "only in B");
}

TEST_F(Diff, ANanAgainstANumberIsInfinitelyFarAndSignedZerosDiffer) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x = {0.0f, 1, nan}, y = {-0.0f, nan, nan};
  const auto found = diff_checkpoints(put("a", MemorySource({{"t", HostTensor::from({3}, x)}})),
                                      put("b", MemorySource({{"t", HostTensor::from({3}, y)}})));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].differing, 2);
  EXPECT_TRUE(std::isinf(found[0].max_absolute));
}

TEST_F(Diff, OnlyTheModelsTensorsEnterTheWeightsHash) {
  auto other = small_source();
  other.tensors()["optimizer.exp_avg.fc.weight"].bytes[0] ^= std::byte{1};
  auto changed = small_source();
  changed.tensors()["model.fc.bias"].bytes[0] ^= std::byte{1};
  const auto hash = [](const Path& p) { return weights_hash(CheckpointReader(p, true)); };
  const std::string base = hash(put("a", small_source()));
  EXPECT_EQ(hash(put("b", MemorySource(other.tensors()))), base);
  EXPECT_NE(hash(put("c", MemorySource(changed.tensors()))), base);
}

TEST_F(Diff, TheDescriptionShowsStateTensorsAndFiles) {
  const std::string text = describe_checkpoint(put("a", small_source()));
  for (const char* part : {"step            1 (1 updates applied)", "samples         64",
                           "model.fc.weight", "2x3", "bfloat16", "3 tensors, 15 elements, 54 bytes",
                           "train.batch_size", "tensors-00001-of-00001.safetensors"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
}

TEST(Element, HalfAndBrainFloatsAreDecodedExactly) {
  const auto value = [](DType t, uint16_t bits) {
    return element_value(t, reinterpret_cast<const std::byte*>(&bits));
  };
  EXPECT_EQ(value(DType::f16, 0x3c00), 1.0);
  EXPECT_EQ(value(DType::f16, 0xc000), -2.0);
  EXPECT_EQ(value(DType::f16, 0x0001), std::ldexp(1.0, -24));
  EXPECT_EQ(value(DType::f16, 0x7bff), 65504.0);
  EXPECT_TRUE(std::isinf(value(DType::f16, 0x7c00)));
  EXPECT_TRUE(std::isnan(value(DType::f16, 0x7e00)));
  EXPECT_EQ(value(DType::bf16, 0x3f80), 1.0);
}

}  // namespace
}  // namespace trireme
