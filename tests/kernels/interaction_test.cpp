// dot_interaction and factorization_machine against their definitions in fp64.
#include <algorithm>

#include "kernels/support.h"
#include "kernels/writes.h"

namespace trireme::test {
namespace {

struct Sizes {
  int64_t samples, rows, dim;
};
// The last's vectors do not fit into the shared memory of a block.
constexpr Sizes kSizes[] = {{0, 3, 4},  {1, 1, 1},  {5, 2, 3},    {3, 26, 16},
                            {17, 7, 9}, {2, 9, 65}, {33, 4, 100}, {2, 97, 130}};

// v_i of one sample, in fp64.
struct Vectors {
  const std::vector<float>*z, *x;
  Sizes size;
  int64_t first_row() const { return z ? 1 : 0; }
  int64_t count() const { return size.rows + first_row(); }
  int64_t width() const { return size.dim + count() * (count() - 1) / 2; }
  double at(int64_t sample, int64_t i, int64_t e) const {
    if (i < first_row())
      return static_cast<double>((*z)[static_cast<size_t>(sample * size.dim + e)]);
    const int64_t row = sample * size.rows + i - first_row();
    return static_cast<double>((*x)[static_cast<size_t>(row * size.dim + e)]);
  }
};

class DotTest : public KernelTest {
 protected:
  template <class Check>
  void for_cases(const Check& check) {
    for (const Sizes& size : kSizes)
      for (const bool two : {false, true}) {
        const auto z = rounded(random(size.samples * size.dim, 1)),
                   x = rounded(random(size.samples * size.rows * size.dim, 2));
        check(size, Vectors{two ? &z : nullptr, &x, size});
      }
  }
};

TEST_P(DotTest, ProductsOfAllPairsFollowTheFirstVector) {
  for_cases([&](const Sizes& size, const Vectors& v) {
    std::vector<double> want;
    for (int64_t s = 0; s < size.samples; ++s) {
      for (int64_t e = 0; e < size.dim; ++e) want.push_back(v.at(s, 0, e));
      for (int64_t i = 1; i < v.count(); ++i)
        for (int64_t j = 0; j < i; ++j) {
          double dot = 0;
          for (int64_t e = 0; e < size.dim; ++e) dot += v.at(s, i, e) * v.at(s, j, e);
          want.push_back(dot);
        }
    }
    Elements y = elements(std::vector<float>(want.size(), 9.0f));
    const Elements z = elements(v.z ? *v.z : std::vector<float>{}), x = elements(*v.x);
    k.dot_interaction_forward(nullptr, size.samples, size.rows, size.dim, v.z ? z.at(0) : nullptr,
                              x, y);
    expect_near(y, want, tolerance(2e-5));
  });
}

TEST_P(DotTest, GradientsOfTheVectorsAreThoseOfTheirPairs) {
  for_cases([&](const Sizes& size, const Vectors& v) {
    const auto dy = rounded(random(size.samples * v.width(), 3));
    std::vector<double> dz(v.z ? v.z->size() : 0), dx(v.x->size());
    const auto d = [&](int64_t s, int64_t i, int64_t e) -> double& {
      return i < v.first_row()
                 ? dz[static_cast<size_t>(s * size.dim + e)]
                 : dx[static_cast<size_t>((s * size.rows + i - v.first_row()) * size.dim + e)];
    };
    for (int64_t s = 0; s < size.samples; ++s) {
      const float* g = dy.data() + s * v.width();
      for (int64_t e = 0; e < size.dim; ++e) d(s, 0, e) += static_cast<double>(*g++);
      for (int64_t i = 1; i < v.count(); ++i)
        for (int64_t j = 0; j < i; ++j, ++g)
          for (int64_t e = 0; e < size.dim; ++e) {
            d(s, i, e) += static_cast<double>(*g) * v.at(s, j, e);
            d(s, j, e) += static_cast<double>(*g) * v.at(s, i, e);
          }
    }
    const Elements z = elements(v.z ? *v.z : std::vector<float>{}), x = elements(*v.x),
                   gradient = elements(dy);
    for (const Write write : {Write::set, Write::add})
      for (const bool want_z : {true, false})
        for (const bool want_x : {true, false}) {
          Elements of_z = start(k.element, dz.size(), write),
                   of_x = start(k.element, dx.size(), write);
          k.dot_interaction_backward(
              nullptr, size.samples, size.rows, size.dim, v.z ? z.at(0) : nullptr, x, gradient,
              want_z ? of_z.at(0) : nullptr, write, want_x ? of_x.at(0) : nullptr, write);
          std::vector<double> wanted_z = dz, wanted_x = dx;
          const double before = start_of(write);
          for (double& w : wanted_z) w = want_z ? w + before : held(write);
          for (double& w : wanted_x) w = want_x ? w + before : held(write);
          expect_near(of_z, wanted_z, tolerance(5e-5), "dz");
          expect_near(of_x, wanted_x, tolerance(5e-5), "dx");
        }
  });
}

INSTANTIATE_TEST_SUITE_P(Devices, DotTest, testing::ValuesIn(devices()), device_name);

class FactorizationTest : public KernelTest {};

// The products of all pairs, one by one.
TEST_P(FactorizationTest, SumsTheProductsOfAllPairsOfRows) {
  for (const Sizes& size : std::span(kSizes).first(7)) {
    const auto x = rounded(random(size.samples * size.rows * size.dim, 1));
    const Vectors v{nullptr, &x, size};
    std::vector<double> by_element, reduced;
    for (int64_t s = 0; s < size.samples; ++s) {
      reduced.push_back(0);
      for (int64_t e = 0; e < size.dim; ++e) {
        double sum = 0;
        for (int64_t i = 0; i < size.rows; ++i)
          for (int64_t j = 0; j < i; ++j) sum += v.at(s, i, e) * v.at(s, j, e);
        by_element.push_back(sum);
        reduced.back() += sum;
      }
    }
    Elements y = elements(std::vector<float>(by_element.size(), 9.0f)),
             one = elements(std::vector<float>(reduced.size(), 9.0f));
    const Elements in = elements(x);
    k.factorization_machine_forward(nullptr, size.samples, size.rows, size.dim, false, in, y);
    k.factorization_machine_forward(nullptr, size.samples, size.rows, size.dim, true, in, one);
    expect_near(y, by_element, tolerance(1e-4));
    expect_near(one, reduced, tolerance(2e-4));
  }
}

TEST_P(FactorizationTest, TheGradientOfARowIsTheSumOfTheOthers) {
  for (const Sizes& size : std::span(kSizes).first(7))
    for (const bool reduce : {false, true})
      for (const Write write : {Write::set, Write::add}) {
        const auto x = rounded(random(size.samples * size.rows * size.dim, 1)),
                   dy = rounded(random(size.samples * (reduce ? 1 : size.dim), 2));
        const Vectors v{nullptr, &x, size};
        std::vector<double> want;
        for (int64_t s = 0; s < size.samples; ++s)
          for (int64_t i = 0; i < size.rows; ++i)
            for (int64_t e = 0; e < size.dim; ++e) {
              double others = 0;
              for (int64_t j = 0; j < size.rows; ++j) others += j == i ? 0 : v.at(s, j, e);
              const float g = dy[static_cast<size_t>(reduce ? s : s * size.dim + e)];
              want.push_back(start_of(write) + static_cast<double>(g) * others);
            }
        Elements dx = start(k.element, want.size(), write);
        k.factorization_machine_backward(nullptr, size.samples, size.rows, size.dim, reduce,
                                         elements(x), elements(dy), dx, write);
        expect_near(dx, want, tolerance(2e-5));
      }
}

INSTANTIATE_TEST_SUITE_P(Devices, FactorizationTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
