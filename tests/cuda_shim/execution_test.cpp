// The shim itself: what it runs, and that it finds what is wrong with a kernel.
#include "cuda_shim/execution.h"

#include <gmock/gmock.h>

#include <numeric>
#include <vector>

#include "kernels/cuda/reduce.h"

namespace trireme::cuda_shim {
namespace {

using cu::kWarp;
using testing::HasSubstr;

constexpr Order kOrders[] = {Order::ascending, Order::descending, Order::shuffled};

class ShimTest : public testing::Test {
 protected:
  ~ShimTest() override {
    set_order(Order::ascending);
    take_fault();
  }
};

__global__ void number_kernel(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  out[block * blockDim.x + threadIdx.x] += static_cast<int>(block * blockDim.x + threadIdx.x);
}

TEST_F(ShimTest, EveryThreadOfEveryBlockRunsOnceInEveryOrder) {
  for (Order order : kOrders) {
    set_order(order);
    std::vector<int> out(3 * 2 * 2 * 64), want(out.size());
    std::iota(want.begin(), want.end(), 0);
    EXPECT_EQ(cu::launch(number_kernel, dim3(3, 2, 2), 64, 0, nullptr, out.data()), Status::ok);
    EXPECT_EQ(out, want);
  }
}

__global__ void block_sum_kernel(const float* x, float* sum) {
  const float all = cu::block_sum(x[threadIdx.x]);
  sum[threadIdx.x] = all + cu::block_maximum(x[threadIdx.x]);
}

TEST_F(ShimTest, BlockReductionsMeetOverBarriersAndShuffles) {
  for (Order order : kOrders) {
    set_order(order);
    for (unsigned block : {32u, 96u, 1024u}) {
      std::vector<float> x(block), sum(block);
      std::iota(x.begin(), x.end(), 0.0f);
      ASSERT_EQ(cu::launch(block_sum_kernel, 1, block, 0, nullptr, x.data(), sum.data()),
                Status::ok);
      const float n = static_cast<float>(block);
      for (float s : sum) EXPECT_EQ(s, n * (n - 1) / 2 + n - 1);
    }
  }
}

__global__ void reverse_kernel(int* out, bool with_barrier) {
  TRIREME_SHARED(int, kept, 64);
  kept[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (with_barrier) __syncthreads();
  out[threadIdx.x] = kept[63 - threadIdx.x];
}

TEST_F(ShimTest, AMissingBarrierGivesAnotherResultInSomeOrder) {
  for (bool with_barrier : {true, false}) {
    int wrong = 0;
    for (Order order : kOrders) {
      set_order(order);
      std::vector<int> out(64);
      ASSERT_EQ(cu::launch(reverse_kernel, 1, 64, 0, nullptr, out.data(), with_barrier),
                Status::ok);
      for (int i = 0; i < 64; ++i) wrong += out[static_cast<size_t>(i)] != 63 - i;
    }
    EXPECT_EQ(wrong > 0, !with_barrier);
  }
}

__global__ void stale_kernel(unsigned* out, bool write) {
  TRIREME_SHARED(unsigned, kept, 1);
  TRIREME_DYNAMIC_SHARED(unsigned, dynamic);
  if (write && blockIdx.x == 0) kept[0] = dynamic[0] = 7;
  out[blockIdx.x] = kept[0] & dynamic[0];
}

TEST_F(ShimTest, SharedMemoryOfANewBlockHoldsNothingOfTheOneBefore) {
  std::vector<unsigned> out(2);
  ASSERT_EQ(cu::launch(stale_kernel, 2, 32, sizeof(unsigned), nullptr, out.data(), true),
            Status::ok);
  EXPECT_EQ(out, (std::vector<unsigned>{7, 0xffffffffu}));
}

__global__ void divergent_barrier_kernel() {
  if (threadIdx.x < 40) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void early_end_kernel() {
  if (threadIdx.x == 33) return;
  __syncthreads();
}

TEST_F(ShimTest, ThreadsAtDifferentBarriersAreNamedByLine) {
  for (Order order : kOrders) {
    set_order(order);
    EXPECT_EQ(cu::launch(divergent_barrier_kernel, 1, 64, 0, nullptr), Status::failed);
    const std::string fault = take_fault();
    EXPECT_THAT(fault, HasSubstr("divergent barrier in block (0, 0): thread 0 is at the barrier at "
                                 "execution_test.cpp:"));
    EXPECT_THAT(fault, HasSubstr("thread 40 is at the barrier at execution_test.cpp:"));
    EXPECT_EQ(cu::launch(early_end_kernel, 1, 64, 0, nullptr), Status::failed);
    EXPECT_THAT(take_fault(), HasSubstr("thread 33 has ended"));
  }
}

__global__ void divergent_shuffle_kernel(int* out) {
  if (threadIdx.x % kWarp < 16) out[threadIdx.x] = __shfl_xor_sync(cu::kAllLanes, 1, 1);
}

__global__ void partial_warp_kernel(int* out) {
  if (threadIdx.x < 16) out[threadIdx.x] = __shfl_xor_sync(0xffffu, 1, 1);
}

TEST_F(ShimTest, AWarpThatIsNotTogetherIsNamedByLine) {
  std::vector<int> out(64);
  EXPECT_EQ(cu::launch(divergent_shuffle_kernel, 1, 64, 0, nullptr, out.data()), Status::failed);
  const std::string fault = take_fault();
  EXPECT_THAT(fault, HasSubstr("divergent warp operation in block (0, 0): thread 0 is in the warp "
                               "operation at execution_test.cpp:"));
  EXPECT_THAT(fault, HasSubstr("thread 16 has ended"));
  EXPECT_EQ(cu::launch(partial_warp_kernel, 1, 32, 0, nullptr, out.data()), Status::failed);
  EXPECT_THAT(take_fault(), HasSubstr("a warp operation on a part of the warp"));
}

__global__ void out_of_bounds_kernel(int at) {
  TRIREME_SHARED(float, kept, 8);
  __syncthreads();
  if (threadIdx.x == 5) kept[at] = 1;
  __syncthreads();
}

TEST_F(ShimTest, AnIndexOutsideASharedArrayIsAFaultOfItsThread) {
  EXPECT_EQ(cu::launch(out_of_bounds_kernel, 1, 32, 0, nullptr, 7), Status::ok);
  for (int at : {8, -1}) {
    EXPECT_EQ(cu::launch(out_of_bounds_kernel, 1, 32, 0, nullptr, at), Status::failed);
    EXPECT_EQ(take_fault(),
              "index " + std::to_string(at) + " of a shared array of 8 (thread 5 of block (0, 0))");
  }
  EXPECT_EQ(cu::launch(out_of_bounds_kernel, 1, 32, 0, nullptr, 0), Status::ok) << "runs again";
}

TEST_F(ShimTest, BlocksThatAreNoWholeWarpsAreRefusedAndAnEmptyGridRunsNothing) {
  EXPECT_EQ(cu::launch(early_end_kernel, 1, 33, 0, nullptr), Status::failed);
  EXPECT_THAT(take_fault(), HasSubstr("a block of 33 threads"));
  EXPECT_EQ(cu::launch(early_end_kernel, 0, 64, 0, nullptr), Status::ok);
}

}  // namespace
}  // namespace trireme::cuda_shim
