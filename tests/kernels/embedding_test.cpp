// Rows pooled to bags, and their gradients, against the definition in fp64.
#include <algorithm>

#include "kernels/row_runs.h"
#include "kernels/support.h"

namespace trireme::test {
namespace {

class EmbeddingTest : public KernelTest {};

// Random ids of `numbers` keys, some absent, some without a row; rows lie backwards.
struct Case {
  Case(int64_t bags, int64_t values, int64_t dim, int64_t numbers, bool mean)
      : spec{bags, values, dim, mean},
        index(static_cast<size_t>(bags * values)),
        row_of(static_cast<size_t>(numbers)),
        rows(random(numbers * dim, 1)),
        gradient(rows.size(), 0.5f),
        layout(bags * values),
        words(static_cast<size_t>(layout.words())),
        partials(static_cast<size_t>(layout.partials() * dim), NAN) {
    for (size_t i = 0; i < index.size(); ++i) {
      const auto w = philox(2, i, 0);
      index[i] = w[1] % 5 == 0 ? -1 : static_cast<int32_t>(w[0] % static_cast<uint32_t>(numbers));
    }
    for (size_t i = 0; i < row_of.size(); ++i)
      row_of[i] = i % 7 == 3 ? -1 : static_cast<int32_t>(row_of.size() - 1 - i);
    RowRunBuilder().build(index, numbers, layout, words.data());
  }
  TableLeaf leaf() {
    return {index.data(), row_of.data(), rows.data(), gradient.data(),
            layout.at(words.data(), partials.data())};
  }
  int32_t row(int64_t position) const {
    const int32_t number = index[static_cast<size_t>(position)];
    return number < 0 ? -1 : row_of[static_cast<size_t>(number)];
  }
  int64_t count(int64_t bag) const {
    int64_t n = 0;
    for (int64_t v = 0; v < spec.values; ++v) n += row(bag * spec.values + v) >= 0;
    return n;
  }
  double divisor(int64_t bag) const {
    return spec.mean ? static_cast<double>(std::max<int64_t>(1, count(bag))) : 1;
  }

  EmbeddingBagSpec spec;
  std::vector<int32_t> index, row_of;
  std::vector<float> rows, gradient;
  RowRunLayout layout;
  std::vector<int32_t> words;
  std::vector<float> partials;
};

// Odd and even widths; keys that are looked up once, and by everybody: rows of several runs.
struct Sizes {
  int64_t bags, values, dim, numbers;
};
constexpr Sizes kSizes[] = {{0, 1, 4, 1},   {1, 1, 1, 1},     {33, 3, 5, 20}, {31, 1, 16, 1000},
                            {257, 2, 8, 9}, {1000, 1, 12, 3}, {130, 4, 7, 1}};

TEST_P(EmbeddingTest, BagsAreSumsOrMeansOfTheRowsThatAreThere) {
  for (const Sizes& size : kSizes)
    for (const bool mean : {false, true}) {
      Case c(size.bags, size.values, size.dim, size.numbers, mean);
      const TableLeaf leaf = c.leaf();
      const auto bags = static_cast<size_t>(size.bags);
      Elements y = elements(std::vector<float>(bags * static_cast<size_t>(size.dim), 9.0f));
      std::vector<int32_t> counts(bags, -1);
      k.embedding_bag_forward(nullptr, &c.spec, &leaf, y, counts.data());
      std::vector<double> want(y.size());
      for (int64_t bag = 0; bag < size.bags; ++bag) {
        EXPECT_EQ(counts[static_cast<size_t>(bag)], c.count(bag));
        for (int64_t v = 0; v < size.values; ++v)
          if (const int32_t row = c.row(bag * size.values + v); row >= 0)
            for (int64_t e = 0; e < size.dim; ++e)
              want[static_cast<size_t>(bag * size.dim + e)] +=
                  static_cast<double>(c.rows[static_cast<size_t>(row * size.dim + e)]) /
                  c.divisor(bag);
      }
      expect_near(y, want, tolerance(1e-6));
    }
}

TEST_P(EmbeddingTest, GradientsOfRowsAreAddedUpOverTheirPositions) {
  for (const Sizes& size : kSizes)
    for (const bool mean : {false, true}) {
      Case c(size.bags, size.values, size.dim, size.numbers, mean);
      const TableLeaf leaf = c.leaf();
      const auto dy = rounded(random(size.bags * size.dim, 3));
      std::vector<int32_t> counts;
      for (int64_t bag = 0; bag < size.bags; ++bag)
        counts.push_back(static_cast<int32_t>(c.count(bag)));
      std::vector<double> want(c.gradient.begin(), c.gradient.end());
      for (int64_t position = 0; position < size.bags * size.values; ++position) {
        if (c.row(position) < 0) continue;
        const int64_t bag = position / size.values, number = c.index[static_cast<size_t>(position)];
        for (int64_t e = 0; e < size.dim; ++e)
          want[static_cast<size_t>(number * size.dim + e)] +=
              static_cast<double>(dy[static_cast<size_t>(bag * size.dim + e)]) / c.divisor(bag);
      }
      k.embedding_bag_backward(nullptr, &c.spec, &leaf, elements(dy),
                               mean ? counts.data() : nullptr);
      expect_near(c.gradient, want, 1e-5);
    }
}

TEST_P(EmbeddingTest, GradientsOfRowsHaveTheBitsOfAnyOtherRun) {
  Case first(1000, 1, 12, 3, false), second(1000, 1, 12, 3, false);
  const Elements dy = elements(random(12000, 3));
  for (Case* c : {&first, &second}) {
    const TableLeaf leaf = c->leaf();
    k.embedding_bag_backward(nullptr, &c->spec, &leaf, dy, nullptr);
  }
  EXPECT_EQ(first.gradient, second.gradient);
}

// A recorded step is launched for the most that can be looked up.
TEST_P(EmbeddingTest, LooksUpNoMoreThanTheMemorySays) {
  Case c(50, 2, 4, 30, false);
  std::fill(c.index.begin(), c.index.end(), -1);
  RowRunBuilder().build(c.index, 0, c.layout, c.words.data());
  const TableLeaf leaf = c.leaf();
  const std::vector<float> before = c.gradient;
  k.embedding_bag_backward(nullptr, &c.spec, &leaf, elements(random(200, 1)), nullptr);
  EXPECT_EQ(c.gradient, before);
}

INSTANTIATE_TEST_SUITE_P(Devices, EmbeddingTest, testing::ValuesIn(devices()), device_name);

}  // namespace
}  // namespace trireme::test
