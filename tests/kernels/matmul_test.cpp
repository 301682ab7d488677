#include <thread>

#include "kernels/support.h"

namespace trireme::test {
namespace {

struct Problem {
  explicit Problem(const MatmulSpec& s)
      : a(random(s.m * s.k, 1)),
        b(random(s.k * s.n, 2)),
        bias(random(s.n, 3)),
        c(random(s.m * s.n, 4)) {}
  std::vector<float> a, b, bias, c;
};

class MatmulTest : public KernelTest {
 protected:
  Problem problem(const MatmulSpec& spec) const {
    Problem p(spec);
    p.a = rounded(p.a);
    p.b = rounded(p.b);
    p.c = rounded(p.c);
    return p;
  }
};

std::vector<double> expected(const MatmulSpec& s, const Problem& p) {
  std::vector<double> out(p.c.size());
  for (int64_t i = 0; i < s.m; ++i) {
    for (int64_t j = 0; j < s.n; ++j) {
      const auto at = static_cast<size_t>(i * s.n + j);
      double sum = s.write == Write::add ? static_cast<double>(p.c[at]) : 0;
      if (s.bias) sum += static_cast<double>(p.bias[static_cast<size_t>(j)]);
      for (int64_t l = 0; l < s.k; ++l) {
        const int64_t a = s.transpose_a ? l * s.m + i : i * s.k + l;
        const int64_t b = s.transpose_b ? j * s.k + l : l * s.n + j;
        sum += static_cast<double>(p.a[static_cast<size_t>(a)]) *
               static_cast<double>(p.b[static_cast<size_t>(b)]);
      }
      out[at] = s.activation == Activation::relu ? std::max(sum, 0.0) : sum;
    }
  }
  return out;
}

TEST_P(MatmulTest, EqualsTheDefinitionForAllTransposesSizesAndPackings) {
  const int64_t shapes[][3] = {{1, 1, 1},   {1, 10, 84},    {8, 10, 84},  {31, 33, 3},
                               {3, 5, 700}, {64, 120, 400}, {7, 6001, 3}, {13, 50, 257}};
  for (const auto& [m, n, kk] : shapes) {
    for (int bits = 0; bits < 16; ++bits) {
      const bool add = (bits & 4) != 0, bias = !add && (bits & 8);
      const auto act = bias ? Activation::relu : Activation::none;
      MatmulSpec spec{
          m, n, kk, (bits & 1) != 0, (bits & 2) != 0, bias, act, 0, add ? Write::add : Write::set};
      SCOPED_TRACE(std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(kk) +
                   " variant " + std::to_string(bits));
      const Problem p = problem(spec);
      const auto want = expected(spec, p);
      const Elements a = elements(p.a), b = elements(p.b);
      const float* of_columns = bias ? p.bias.data() : nullptr;
      for (bool pack : {false, true}) {
        PlanRunner plan(k, spec, pack);
        ASSERT_EQ(plan.status, Status::ok);
        Elements c = elements(p.c);
        ASSERT_EQ(plan.run(a, plan.weights(b), of_columns, c), Status::ok);
        expect_near(c, want, tolerance(3e-5, 2));
      }
      if (bias) continue;
      spec.full_result = true;
      PlanRunner plan(k, spec, false);
      ASSERT_EQ(plan.status, Status::ok);
      std::vector<float> c = p.c;
      ASSERT_EQ(plan.run(a, b, nullptr, c.data()), Status::ok);
      expect_near(c, want, 3e-5, "in fp32");
    }
  }
}

TEST_P(MatmulTest, EveryActivationFollowsTheSum) {
  for (const auto act : {Activation::none, Activation::relu, Activation::leaky_relu,
                         Activation::sigmoid, Activation::tanh}) {
    SCOPED_TRACE(static_cast<int>(act));
    MatmulSpec spec{9, 21, 300, false, true, true, Activation::none, 0.3f, Write::set};
    const Problem p = problem(spec);
    const Elements a = elements(p.a), b = elements(p.b);
    Elements plain = elements(p.c), want = plain, c = plain;
    PlanRunner sum(k, spec, true);
    ASSERT_EQ(sum.run(a, sum.weights(b), p.bias.data(), plain), Status::ok);
    spec.activation = act;
    PlanRunner plan(k, spec, true);
    ASSERT_EQ(plan.run(a, plan.weights(b), p.bias.data(), c), Status::ok);
    k.activation_forward(nullptr, act, spec.alpha, static_cast<int64_t>(plain.size()), plain, want);
    expect_near(c, want, tolerance(1e-5, 4));
  }
}

TEST_P(MatmulTest, ReluKeepsNotANumber) {
  const MatmulSpec spec{5, 11, 7, false, true, true, Activation::relu, 0, Write::set};
  Problem p = problem(spec);
  p.a[7] = std::nanf("");  // row 1
  PlanRunner plan(k, spec, true);
  const Elements b = elements(p.b);
  Elements c = elements(p.c);
  ASSERT_EQ(plan.run(elements(p.a), plan.weights(b), p.bias.data(), c), Status::ok);
  for (size_t i = 0; i < c.size(); ++i) EXPECT_EQ(std::isnan(c[i]), i / 11 == 1) << i;
}

TEST_P(MatmulTest, OnePlanServesManyThreadsAtOnce) {
  const MatmulSpec spec{17, 19, 23, false, true, false, Activation::none, 0, Write::set};
  const Problem p = problem(spec);
  const Elements a = elements(p.a), b = elements(p.b);
  PlanRunner once(k, spec, false);
  Elements want = elements(p.c);
  ASSERT_EQ(once.run(a, b, nullptr, want), Status::ok);
  Plan* plan = nullptr;
  PlanInfo info{};
  ASSERT_EQ(k.make_matmul(&spec, false, &plan, &info), Status::ok);
  std::vector<Elements> results(8, elements(std::vector<float>(p.c.size())));
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] {
      prepare_kernel_thread();
      const Bytes scratch(info.scratch_bytes);
      for (int i = 0; i < 50; ++i) {
        void* arguments[] = {a.at(0), b.at(0), nullptr, result.at(0)};
        if (k.run(plan, nullptr, arguments, scratch.data()) != Status::ok) result = elements({0});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  k.destroy(plan);
  for (const auto& result : results) EXPECT_EQ(result.values(), want.values());
}

// What run_leaves() promises: each leaf's product by itself, then left + right at every node.
std::vector<float> tree_of_products(const KernelTable& k, const MatmulSpec& spec,
                                    const std::vector<LeafProduct>& products) {
  std::vector<std::vector<float>> nodes;
  for (const LeafProduct& product : products) {
    nodes.emplace_back();
    if (product.k == 0) continue;
    MatmulSpec one = spec;
    one.k = product.k;
    one.leaves = 1;
    nodes.back().resize(static_cast<size_t>(spec.m * spec.n));
    PlanRunner plan(k, one, false);
    EXPECT_EQ(plan.run(product.a, product.b, nullptr, nodes.back().data()), Status::ok);
  }
  for (; nodes.size() > 1; nodes.resize(nodes.size() / 2)) {
    for (size_t i = 0; i < nodes.size() / 2; ++i) {
      std::vector<float> left = nodes[2 * i];
      const std::vector<float>& right = nodes[2 * i + 1];
      for (size_t j = 0; j < left.size() && !right.empty(); ++j) left[j] += right[j];
      nodes[i] = left.empty() ? right : left;
    }
  }
  return nodes.front();
}

TEST_P(MatmulTest, LeavesGiveTheBitsOfOneRunEachAddedAlongTheTree) {
  const std::vector<std::vector<int64_t>> pieces{{3, 2},
                                                 {4, 4, 4, 4},
                                                 {1, 1, 1, 1, 1, 1, 1, 1},
                                                 {0, 5},
                                                 {5, 0, 0, 3},
                                                 {2, 3, 0, 0},
                                                 {0, 0, 7, 0},
                                                 {9, 8, 9, 8, 9, 8, 9, 8},
                                                 {0, 1, 1, 1, 0, 0, 1, 1},
                                                 {1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0}};
  const int64_t shapes[][2] = {{1, 1}, {13, 50}, {10, 84}, {128, 300}, {5, 6001}};
  for (const auto& rows : pieces) {
    for (const auto& [m, n] : shapes) {
      int64_t most = 1;
      for (int64_t r : rows) most = std::max(most, r);
      MatmulSpec spec{m, n, most, true, false, false, Activation::none, 0, Write::set};
      spec.leaves = static_cast<int64_t>(rows.size());
      PlanRunner plan(k, spec, false);
      if (plan.status == Status::unsupported) GTEST_SKIP() << "no such kernel on this level";
      ASSERT_EQ(plan.status, Status::ok);
      std::vector<std::vector<float>> a, b;
      std::vector<LeafProduct> products;
      for (size_t i = 0; i < rows.size(); ++i) {
        a.push_back(random(rows[i] * m, 10 + i));
        b.push_back(random(rows[i] * n, 50 + i));
        products.push_back({a.back().data(), b.back().data(), rows[i]});
      }
      const std::vector<float> want = tree_of_products(k, spec, products);
      for (const int64_t parts : {1, 2, 5, 40}) {
        std::vector<float> c(static_cast<size_t>(m * n), 99.0f);
        ASSERT_EQ(plan.run_leaves(products, c.data(), parts), Status::ok);
        EXPECT_EQ(c, want) << m << "x" << n << ", " << rows.size() << ", in " << parts;
      }
    }
  }
}

// Forward, whose B is long dot products or packed, and backward data, whose B is packed or read
// where it is.
TEST_P(MatmulTest, BlocksOfRowsGiveTheBitsOfOneRunEach) {
  const std::vector<std::vector<int64_t>> blocks{{1, 1, 1, 1}, {3}, {2, 3, 2}, {13, 0, 1, 30}};
  const int64_t shapes[][2] = {{10, 84},  {128, 300}, {50, 1030},
                               {7, 9216}, {300, 128}, {1040, 130}};
  for (const bool forward : {true, false}) {
    for (const Write write : {Write::set, Write::add}) {
      for (const auto& [n, depth] : shapes) {
        const bool epilogue = forward && write == Write::set;
        const auto activation = epilogue ? Activation::relu : Activation::none;
        const MatmulSpec spec{1, n, depth, false, forward, epilogue, activation, 0, write};
        const auto weights = random(n * depth, 3), bias = random(n, 4);
        const float* given = epilogue ? bias.data() : nullptr;
        for (const auto& rows : blocks) {
          PlanRunner plan(k, spec, true);
          ASSERT_EQ(plan.status, Status::ok);
          const float* b = plan.weights(weights.data());
          std::vector<std::vector<float>> a, c, want;
          for (size_t i = 0; i < rows.size(); ++i) {
            a.push_back(random(rows[i] * depth, 10 + i));
            c.push_back(random(rows[i] * n, 20 + i));
            want.push_back(c.back());
          }
          std::vector<RowBlock> all;
          for (size_t i = 0; i < rows.size(); ++i)
            all.push_back({a[i].data(), c[i].data(), rows[i]});
          const Status status = plan.run_blocks(all, b, given);
          if (status == Status::unsupported) GTEST_SKIP() << "no such kernel on this level";
          ASSERT_EQ(status, Status::ok);
          for (size_t i = 0; i < rows.size(); ++i) {
            if (rows[i] == 0) continue;
            MatmulSpec one = spec;
            one.m = rows[i];
            PlanRunner alone(k, one, true);
            const float* own = alone.weights(weights.data());
            ASSERT_EQ(alone.run(a[i].data(), own, given, want[i].data()), Status::ok);
            EXPECT_EQ(c[i], want[i]) << rows[i] << " of " << n << "x" << depth;
          }
        }
      }
    }
  }
}

TEST_P(MatmulTest, LeavesAreRefusedWhereTheyHaveNoMeaning) {
  MatmulSpec spec{4, 4, 4, true, false, false, Activation::none, 0, Write::set};
  spec.leaves = 2;
  if (PlanRunner(k, spec, false).status == Status::unsupported) GTEST_SKIP() << "no such kernel";
  spec.leaves = 3;
  EXPECT_EQ(PlanRunner(k, spec, false).status, Status::invalid) << "no power of two";
  spec.leaves = 2;
  EXPECT_EQ(PlanRunner(k, spec, true).status, Status::unsupported) << "packed";
  spec.transpose_a = false;
  EXPECT_EQ(PlanRunner(k, spec, false).status, Status::unsupported) << "A as stored";
}

TEST_P(MatmulTest, EmptyProductsDoNothingAndBadOnesAreRefused) {
  MatmulSpec spec{0, 4, 4, false, false, false, Activation::none, 0, Write::set};
  PlanRunner empty(k, spec, false);
  ASSERT_EQ(empty.status, Status::ok);
  EXPECT_EQ(empty.run(nullptr, nullptr, nullptr, nullptr), Status::ok);
  spec.m = -1;
  EXPECT_EQ(PlanRunner(k, spec, false).status, Status::invalid);
  spec = {4, 4, 0, false, false, false, Activation::none, 0, Write::set};
  EXPECT_EQ(PlanRunner(k, spec, false).status, Status::invalid) << "no inner extent";
  spec = {4, 4, 4, false, false, true, Activation::none, 0, Write::add};
  EXPECT_EQ(PlanRunner(k, spec, false).status, Status::invalid) << "bias with add";
  spec.write = Write::set;
  spec.full_result = true;
  EXPECT_EQ(PlanRunner(k, spec, false).status, Status::invalid) << "bias with a gradient";
  spec = {4, 4, 4, false, false, false, Activation::gelu_erf, 0, Write::set};
  EXPECT_EQ(PlanRunner(k, spec, false).status,
            on_cpu() || in_shim() ? Status::unsupported : Status::ok);
}

INSTANTIATE_TEST_SUITE_P(Devices, MatmulTest, testing::ValuesIn(devices_with_plans()), device_name);

}  // namespace
}  // namespace trireme::test
