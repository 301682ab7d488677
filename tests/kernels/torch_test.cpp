// Pooling and convolution against what PyTorch computed (tests/record/kernels.py).
#include "kernels/recorded.h"
#include "kernels/support.h"

namespace trireme::test {
namespace {

class TorchTest : public KernelTest {};

// The recorded dy is y * y.
std::vector<float> squares(const std::vector<float>& y) {
  std::vector<float> dy = y;
  for (float& v : dy) v *= v;
  return dy;
}

TEST_P(TorchTest, MaxPoolingWithPaddingEqualsPyTorch) {
  if (k.element != ElementType::f32) GTEST_SKIP() << "recorded in fp32";
  const Pool2dSpec spec{2, 7, 6, 3, 3, 3, 2, 2, 1, 1, 4, 3, true};
  const auto &x = recorded("pool.x"), &want = recorded("pool.max.y");
  std::vector<float> y(want.size()), dx(x.size());
  std::vector<uint8_t> index(want.size());
  ASSERT_EQ(k.max_pool_forward(nullptr, &spec, x.data(), y.data(), index.data()), Status::ok);
  EXPECT_EQ(y, want);
  k.max_pool_backward(nullptr, &spec, squares(want).data(), index.data(), dx.data(), Write::set);
  expect_near(dx, recorded("pool.max.dx"), 1e-6);
}

TEST_P(TorchTest, AveragePoolingEqualsPyTorchForEveryWayToCountPadding) {
  if (k.element != ElementType::f32) GTEST_SKIP() << "recorded in fp32";
  const std::pair<const char*, Pool2dSpec> variants[] = {
      {"average_padded", {2, 7, 6, 3, 3, 3, 2, 2, 1, 1, 4, 3, true}},
      {"average_covered", {2, 7, 6, 3, 3, 3, 2, 2, 1, 1, 4, 3, false}},
      {"average_rounded_up", {2, 7, 6, 3, 3, 2, 2, 2, 1, 0, 4, 3, true}}};
  for (const auto& [name, spec] : variants) {
    SCOPED_TRACE(name);
    const auto &x = recorded("pool.x"), &want = recorded(std::string("pool.") + name + ".y");
    std::vector<float> y(want.size()), dx(x.size());
    ASSERT_EQ(k.average_pool_forward(nullptr, &spec, x.data(), y.data()), Status::ok);
    expect_near(y, want, 1e-6);
    k.average_pool_backward(nullptr, &spec, squares(want).data(), dx.data(), Write::set);
    expect_near(dx, recorded(std::string("pool.") + name + ".dx"), 1e-6);
  }
}

TEST_P(TorchTest, ConvolutionEqualsPyTorchForStrideDilationAndGroups) {
  if (k.element != ElementType::f32) GTEST_SKIP() << "recorded in fp32";
  const std::pair<const char*, Conv2dSpec> variants[] = {
      {"strided", {2, 7, 6, 4, 8, 3, 3, 2, 2, 1, 1, 1, 1, 1, true, Activation::none, 0}},
      {"dilated", {2, 7, 6, 4, 8, 3, 3, 1, 1, 2, 2, 2, 2, 1, true, Activation::none, 0}},
      {"grouped", {2, 7, 6, 4, 8, 3, 3, 1, 1, 1, 1, 1, 1, 2, true, Activation::none, 0}},
      {"depthwise", {2, 7, 6, 4, 8, 3, 3, 1, 1, 0, 0, 1, 1, 4, true, Activation::none, 0}}};
  for (const auto& [name, spec] : variants) {
    SCOPED_TRACE(name);
    const auto get = [&](const char* what) {
      return recorded(std::string("conv.") + name + "." + what);
    };
    const auto x = get("x"), w = get("w"), dy = get("dy");
    std::vector<float> y(dy.size()), dx(x.size()), dw(w.size()), db(8);
    PlanRunner forward(k, spec, ConvPass::forward), data(k, spec, ConvPass::backward_data),
        weights(k, spec, ConvPass::backward_weights);
    ASSERT_EQ(forward.run(x.data(), forward.weights(w.data()), get("b").data(), y.data()),
              Status::ok);
    ASSERT_EQ(data.run(dy.data(), data.weights(w.data()), dx.data(), nullptr), Status::ok);
    ASSERT_EQ(weights.run(x.data(), dy.data(), dw.data(), db.data()), Status::ok);
    const double tolerance = on_cpu() ? 1e-5 : 4e-5;  // as conv_test
    expect_near(y, get("y"), tolerance);
    expect_near(dx, get("dx"), tolerance);
    expect_near(dw, get("dw"), tolerance);
    expect_near(db, get("db"), tolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, TorchTest, testing::ValuesIn(devices_with_plans()), device_name);

}  // namespace
}  // namespace trireme::test
