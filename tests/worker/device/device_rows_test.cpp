#include "worker/device/device_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/cuda_plugin.h"

namespace trireme {
namespace {

constexpr int64_t kDim = 3;

struct Looked {
  const std::unique_ptr<Device> device = make_cpu_device();
  const DeviceStream stream = device->stream();
  DeviceRows rows{*device, 8, kDim};
  const std::vector<int32_t> index = {1, 0, -1, 1, 2};
  const std::vector<uint8_t> present = {1, 1, 0};
  Looked() {
    std::iota(rows.rows(), rows.rows() + 3 * kDim, 10.0f);
    rows.upload(index, present, stream);
  }
};

TEST(DeviceRows, BringRowsAndWhereEachIsRead) {
  const Looked looked;
  const TableLeaf& leaf = looked.rows.leaf();
  EXPECT_TRUE(std::ranges::equal(looked.index, std::span(leaf.index, 5)));
  EXPECT_EQ(std::vector<int32_t>(leaf.row_of, leaf.row_of + 3), (std::vector<int32_t>{0, 1, -1}));
  for (int i = 0; i < 3 * kDim; ++i) EXPECT_EQ(leaf.rows[i], 10.0f + static_cast<float>(i));
  EXPECT_EQ(leaf.runs.counts[0], 3);
  EXPECT_EQ(leaf.runs.positions[leaf.runs.first[1]], 0);
  EXPECT_EQ(leaf.runs.positions[leaf.runs.first[1] + 1], 3);
}

TEST(DeviceRows, TakeGradientsBack) {
  const Looked looked;
  std::fill_n(looked.rows.leaf().gradient, 3 * kDim, 7.0f);
  looked.rows.clear(looked.stream);
  looked.rows.leaf().gradient[kDim] = 4;
  looked.rows.download(2, looked.stream);
  const std::vector<float> wanted = {0, 0, 0, 4, 0, 0};
  EXPECT_TRUE(std::ranges::equal(wanted, std::span(looked.rows.gradients(), 6)));
}

// Recorded kernels have them.
TEST(DeviceRows, KeepTheirPointersWhateverIsLookedUp) {
  Looked looked;
  const TableLeaf before = looked.rows.leaf();
  const std::vector<int32_t> index(8, 0);
  looked.rows.upload(index, std::vector<uint8_t>{1}, looked.stream);
  const TableLeaf& after = looked.rows.leaf();
  EXPECT_EQ(after.index, before.index);
  EXPECT_EQ(after.row_of, before.row_of);
  EXPECT_EQ(after.rows, before.rows);
  EXPECT_EQ(after.gradient, before.gradient);
  EXPECT_EQ(after.runs.positions, before.runs.positions);
  EXPECT_EQ(after.runs.counts[0], 1);
}

size_t taken = 0;

TEST(DeviceRows, TakeTheDeviceMemoryThatTheySay) {
  static const DeviceFunctions functions = [] {
    DeviceFunctions f = host_functions();
    f.allocate = [](DeviceContext* c, Memory kind, size_t bytes, void** out) noexcept {
      if (kind == Memory::device) taken += bytes;
      return host_functions().allocate(c, kind, bytes, out);
    };
    return f;
  }();
  const Device device(functions, nullptr, cpu_kernels(), "counting");
  for (const int64_t positions : {1, 127, 1000}) {
    taken = 0;
    const DeviceRows rows(device, positions, kDim);
    EXPECT_EQ(taken, DeviceRows::device_bytes(positions, kDim)) << positions;
  }
}

}  // namespace
}  // namespace trireme
