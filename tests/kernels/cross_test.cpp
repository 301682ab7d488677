// cross against its definition in fp64.
#include "kernels/support.h"
#include "kernels/writes.h"

namespace trireme::test {
namespace {

class CrossTest : public KernelTest {
 protected:
  struct Case {
    int64_t samples, dim;
    std::vector<float> x0, x, dy, weight, bias;
    double at(const std::vector<float>& v, int64_t s, int64_t e) const {
      return static_cast<double>(v[static_cast<size_t>(s * dim + e)]);
    }
    double factor(int64_t s) const {
      double sum = static_cast<double>(bias[0]);
      for (int64_t e = 0; e < dim; ++e) sum += at(weight, 0, e) * at(x, s, e);
      return sum;
    }
    double slope(int64_t s) const {
      double sum = 0;
      for (int64_t e = 0; e < dim; ++e) sum += at(dy, s, e) * at(x0, s, e);
      return sum;
    }
  };
  std::vector<Case> cases() const {
    std::vector<Case> all;
    for (const auto& [samples, dim] :
         {std::pair<int64_t, int64_t>{0, 5}, {1, 1}, {7, 6}, {33, 64}, {301, 16}, {5, 1031}})
      all.push_back({samples, dim, rounded(random(samples * dim, 1)),
                     rounded(random(samples * dim, 2)), rounded(random(samples * dim, 3)),
                     random(dim, 4, -0.1f, 0.1f), random(1, 5)});
    return all;
  }
};

TEST_P(CrossTest, ScalesTheFirstInputByASumOfTheSecond) {
  for (const Case& c : cases()) {
    std::vector<double> want;
    for (int64_t s = 0; s < c.samples; ++s)
      for (int64_t e = 0; e < c.dim; ++e)
        want.push_back(c.at(c.x0, s, e) * c.factor(s) + c.at(c.x, s, e));
    Elements y = elements(std::vector<float>(want.size(), 9.0f));
    k.cross_forward(nullptr, c.samples, c.dim, elements(c.x0), elements(c.x), c.weight.data(),
                    c.bias.data(), y);
    expect_near(y, want, tolerance(1e-5));
  }
}

TEST_P(CrossTest, GradientsAreThoseOfTheDefinition) {
  for (const Case& c : cases())
    for (const Write write : {Write::set, Write::add}) {
      const double before = start_of(write);
      std::vector<double> dx0, dx, dw(c.weight.size(), before), db(1, before);
      for (int64_t s = 0; s < c.samples; ++s) {
        const double factor = c.factor(s), slope = c.slope(s);
        for (int64_t e = 0; e < c.dim; ++e) {
          dx0.push_back(before + factor * c.at(c.dy, s, e));
          dx.push_back(before + slope * c.at(c.weight, 0, e) + c.at(c.dy, s, e));
          dw[static_cast<size_t>(e)] += slope * c.at(c.x, s, e);
        }
        db[0] += slope;
      }
      Elements of_x0 = start(k.element, dx0.size(), write),
               of_x = start(k.element, dx.size(), write);
      std::vector<float> of_weight(c.weight.size(), held(write)), of_bias(1, held(write));
      const Bytes slopes(static_cast<size_t>(c.samples) * sizeof(float));
      const Elements x0 = elements(c.x0), x = elements(c.x), dy = elements(c.dy);
      const Scratch scratch(k, c.samples, c.dim);
      const auto run = [&](Element* to_x0, Element* to_x, Write x_write, float* to_weight,
                           float* to_bias) {
        return k.cross_backward(nullptr, c.samples, c.dim, x0, x, c.weight.data(), c.bias.data(),
                                dy, to_x0, write, to_x, x_write, to_weight, write, to_bias, write,
                                slopes.floats(), scratch);
      };
      EXPECT_EQ(run(of_x0, of_x, write, of_weight.data(), of_bias.data()), Status::ok);
      expect_near(of_x0, dx0, tolerance(1e-5), "dx0");
      expect_near(of_x, dx, tolerance(3e-5), "dx");
      expect_near(of_weight, dw, 2e-4, "dw");
      expect_near(of_bias, db, 2e-4, "db");

      // One input twice: the second gradient is added to the first.
      Elements both = start(k.element, dx.size(), write);
      EXPECT_EQ(run(both, both, Write::add, nullptr, nullptr), Status::ok);
      for (size_t i = 0; i < dx.size(); ++i) dx[i] += dx0[i] - before;
      expect_near(both, dx, tolerance(3e-5, 6), "dx0 + dx");
      EXPECT_EQ(run(nullptr, nullptr, write, nullptr, nullptr), Status::ok) << "nothing is wanted";
    }
}

INSTANTIATE_TEST_SUITE_P(Devices, CrossTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
