#include <gtest/gtest.h>

#include <cstdio>

#include "base/error.h"
#include "cuda_shim/table.h"
#include "kernels/levels.h"

namespace trireme::test {
namespace {

TEST(TableTest, EveryLevelOfTheMachineHasACompleteTable) {
  ASSERT_FALSE(levels().empty());
  EXPECT_EQ(levels().front(), "baseline");
  for (const auto& level : levels()) {
    const KernelTable& table = cpu_kernels(level.c_str());
    EXPECT_EQ(table.level, level);
    EXPECT_NE(table.build_id, 0u);
    EXPECT_EQ(table.element, ElementType::f32);
    const auto* words = reinterpret_cast<void* const*>(&table);
    for (size_t i = kFirstEntry; i < sizeof table / sizeof(void*); ++i) {
      EXPECT_NE(words[i], nullptr) << "entry " << i << " of " << level;
    }
  }
}

class CudaTwinTest : public testing::TestWithParam<ElementType> {};

TEST_P(CudaTwinTest, EveryEntryButThePlansHasOne) {
  KernelTable table = cuda_shim::kernels(GetParam());
  EXPECT_EQ(table.element, GetParam());
  const KernelTable& cpu = cpu_kernels();
  table.make_conv2d = cpu.make_conv2d;
  table.make_matmul = cpu.make_matmul;
  table.pack = cpu.pack;
  table.run = cpu.run;
  table.run_leaves = cpu.run_leaves;
  table.run_blocks = cpu.run_blocks;
  table.destroy = cpu.destroy;
  const auto* words = reinterpret_cast<void* const*>(&table);
  for (size_t i = kFirstEntry; i < sizeof table / sizeof(void*); ++i)
    EXPECT_NE(words[i], nullptr) << i;
  std::puts(
      "not run in the shim, as it runs no library: make_conv2d, make_matmul, pack, run, "
      "run_leaves, run_blocks, "
      "destroy");
}
INSTANTIATE_TEST_SUITE_P(Elements, CudaTwinTest,
                         testing::Values(ElementType::f32, ElementType::bf16, ElementType::f16));

TEST(TableTest, WithoutALimitTheHighestLevelIsTaken) {
  EXPECT_EQ(cpu_kernels().level, levels().back());
  EXPECT_EQ(&cpu_kernels(), &cpu_kernels(levels().back().c_str()));
}

TEST(TableTest, AnUnknownLevelIsAnErrorThatListsTheKnownOnes) {
  try {
    cpu_kernels("x86-64-v9");
    FAIL() << "no error";
  } catch (const DeviceError& e) {
    EXPECT_STREQ(e.what(), "the instruction level \"x86-64-v9\" is not known to this program");
    EXPECT_EQ(e.hint(), std::string("this machine has: ") + cpu_levels());
  }
}

}  // namespace
}  // namespace trireme::test
