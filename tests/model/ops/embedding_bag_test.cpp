// Rows looked up and pooled, and the gradients that go back to them.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/error.h"
#include "model/build.h"
#include "model/lookup.h"
#include "model/program.h"

namespace trireme {
namespace {

using Ids = std::vector<int64_t>;

Attributes bag(int64_t dim, const std::string& mode, bool per_feature = true, bool flat = false) {
  return {{"table", std::string("items")},
          {"dim", dim},
          {"mode", mode},
          {"per_feature", int64_t{per_feature}},
          {"flat", int64_t{flat}}};
}

// ids -> embedding_bag -> mse against targets, one leaf.
struct BagRun {
  static constexpr int64_t kSamples = 3, kFeatures = 2, kValues = 3, kDim = 2;
  explicit BagRun(const std::string& mode, bool per_feature = true) : per_feature(per_feature) {
    const NodeId ids_node = graph.add_input("ids", {kFeatures, kValues}, DType::i64);
    const NodeId rows =
        graph.add("bag", make_op("embedding_bag", bag(kDim, mode, per_feature, true)), {ids_node});
    graph.add_loss("loss", make_op("mse", {}), {rows}, "target", 1);
    graph.freeze();
    program = Program::compile(graph, cpu_kernels(), kSamples, {});
    lookup.build(ids.data(), kSamples, kFeatures, kValues, per_feature);
    for (size_t i = 0; i < lookup.keys().size() * kDim; ++i)
      rows_.push_back(std::sin(static_cast<float>(i) + 1));
    for (size_t i = 0; i < lookup.keys().size(); ++i)  // backwards in memory
      row_of.push_back(static_cast<int32_t>(lookup.keys().size() - 1 - i));
    for (int64_t i = 0; i < kSamples * kFeatures * kDim; ++i)
      target.push_back(0.1f * static_cast<float>(i));
  }

  double run() {
    AlignedBuffer arena(program->arena_bytes());
    gradient.assign(rows_.size(), 0.0f);
    std::vector<std::byte*> fields = {reinterpret_cast<std::byte*>(ids.data()),
                                      reinterpret_cast<std::byte*>(target.data())};
    std::vector<SampleKey> keys(kSamples);
    std::vector<double> sums(2);
    const TableLeaf leaf{lookup.index().data(), row_of.data(), rows_.data(), gradient.data()};
    Workspace ws;
    ws.arena = arena.data();
    ws.fields = fields.data();
    ws.keys = keys.data();
    ws.sums = sums.data();
    ws.tables = &leaf;
    float none[64] = {};
    ws.params = ws.grads = none;
    program->run(ws, 0, nullptr, nullptr);
    const float* y = program->output(ws);
    output.assign(y, y + kSamples * kFeatures * kDim);
    return sums[0];
  }
  float& row(int64_t id, int64_t feature, int64_t e) {
    const auto keys = lookup.keys();
    const auto at = std::lower_bound(keys.begin(), keys.end(), table_key(id, feature, per_feature));
    return rows_[static_cast<size_t>(row_of[static_cast<size_t>(at - keys.begin())] * kDim + e)];
  }

  Ids ids = {7, 7, 3, /**/ 5, -1, -1, /**/ -1, -1, -1, /**/ 7, 5, -1, /**/ -1, 3, 7, /**/ 5, 5, 5};
  bool per_feature;
  Graph graph;
  std::unique_ptr<const Program> program;
  Lookup lookup;
  std::vector<int32_t> row_of;
  std::vector<float> rows_, gradient, target, output;
};

TEST(EmbeddingBag, SumsTheRowsOfEachFeature) {
  BagRun run("sum");
  run.run();
  EXPECT_EQ(run.output[0], run.row(7, 0, 0) + run.row(7, 0, 0) + run.row(3, 0, 0));
  EXPECT_EQ(run.output[3], run.row(5, 1, 1));
  EXPECT_EQ(run.output[4], 0) << "a feature without ids";
  EXPECT_EQ(run.output[6], run.row(7, 1, 0) + run.row(5, 1, 0));
}

TEST(EmbeddingBag, AveragesOverTheIdsThatAreThere) {
  BagRun run("mean");
  run.run();
  EXPECT_EQ(run.output[6], (run.row(7, 1, 0) + run.row(5, 1, 0)) / 2);
  EXPECT_EQ(run.output[3], run.row(5, 1, 1));
  EXPECT_EQ(run.output[4], 0);
}

TEST(EmbeddingBag, SharesRowsBetweenFeaturesWhereItIsTold) {
  EXPECT_EQ(BagRun("sum", false).lookup.keys().size(), 3u);
  EXPECT_EQ(BagRun("sum", true).lookup.keys().size(), 4u);
}

TEST(EmbeddingBag, GradientsAreTheDifferencesOfTheLoss) {
  for (const char* mode : {"sum", "mean"})
    for (const bool per_feature : {false, true}) {
      BagRun run(mode, per_feature);
      run.run();
      const std::vector<float> gradient = run.gradient;
      constexpr float kStep = 1e-2f;
      for (size_t i = 0; i < run.rows_.size(); ++i) {
        const float before = run.rows_[i];
        run.rows_[i] = before + kStep;
        const double above = run.run();
        run.rows_[i] = before - kStep;
        const double below = run.run();
        run.rows_[i] = before;
        const size_t number = run.row_of.size() - 1 - i / BagRun::kDim;
        EXPECT_NEAR(gradient[number * BagRun::kDim + i % BagRun::kDim],
                    (above - below) / (2 * kStep), 2e-3)
            << mode << " " << i;
      }
    }
}

TEST(EmbeddingBag, TakesAnIdWithoutARowForNoIdAtInference) {
  BagRun run("mean");
  run.program =
      Program::compile(run.graph, cpu_kernels(), BagRun::kSamples, {.mode = Mode::inference});
  const auto keys = run.lookup.keys();
  const auto at = std::lower_bound(keys.begin(), keys.end(), table_key(7, 1, true));
  run.row_of[static_cast<size_t>(at - keys.begin())] = -1;
  run.run();
  EXPECT_EQ(run.output[6], run.row(5, 1, 0));
}

TEST(EmbeddingBag, TrainsAsIfAnIdWithoutARowWereNotThere) {
  for (const char* mode : {"sum", "mean"}) {
    BagRun without(mode), absent(mode);
    for (int64_t& id : without.ids)
      if (id == 7) id = -1;
    without.lookup.build(without.ids.data(), BagRun::kSamples, BagRun::kFeatures, BagRun::kValues,
                         true);
    without.row_of.clear();
    for (const int64_t key : without.lookup.keys()) {  // the same rows
      const auto keys = absent.lookup.keys();
      const auto at = std::lower_bound(keys.begin(), keys.end(), key) - keys.begin();
      without.row_of.push_back(absent.row_of[static_cast<size_t>(at)]);
    }
    for (const int64_t feature : {0, 1}) {
      const auto keys = absent.lookup.keys();
      const auto at = std::lower_bound(keys.begin(), keys.end(), table_key(7, feature, true));
      absent.row_of[static_cast<size_t>(at - keys.begin())] = -1;
    }
    EXPECT_EQ(absent.run(), without.run()) << mode;
    EXPECT_EQ(absent.output, without.output) << mode;
    for (size_t i = 0; i < absent.row_of.size(); ++i) {
      const int64_t key = absent.lookup.keys()[i];
      const auto keys = without.lookup.keys();
      const auto at = std::lower_bound(keys.begin(), keys.end(), key);
      const bool there = at != keys.end() && *at == key;
      EXPECT_EQ(there, absent.row_of[i] >= 0);
      for (size_t e = 0; e < BagRun::kDim; ++e)
        EXPECT_EQ(
            absent.gradient[i * BagRun::kDim + e],
            there ? without.gradient[static_cast<size_t>(at - keys.begin()) * BagRun::kDim + e] : 0)
            << mode << " " << key;
    }
  }
}

TEST(EmbeddingBag, IsATableOfTheGraphAndNoParameter) {
  const BagRun run("sum");
  EXPECT_EQ(run.graph.params().size(), 0);
  ASSERT_EQ(run.graph.tables().size(), 1u);
  EXPECT_EQ(run.graph.tables()[0].name, "items");
  EXPECT_EQ(run.graph.tables()[0].init.kind, Init::uniform);
  EXPECT_NEAR(run.graph.tables()[0].init.b, 1 / std::sqrt(2.0), 1e-12);
}

TEST(EmbeddingBag, RefusesASecondLayerOnOneTable) {
  Graph graph;
  const NodeId ids = graph.add_input("ids", {2, 1}, DType::i64);
  graph.add("a", make_op("embedding_bag", bag(2, "sum")), {ids});
  EXPECT_THROW(graph.add("b", make_op("embedding_bag", bag(2, "sum")), {ids}), ShapeError);
}

TEST(EmbeddingBag, ReadsIdsAlone) {
  Graph graph;
  const NodeId x = graph.add_input("input", {2, 1});
  EXPECT_THROW(graph.add("a", make_op("embedding_bag", bag(2, "sum")), {x}), ShapeError);
}

TEST(Lookup, NumbersDistinctKeysInAscendingOrder) {
  Lookup lookup;
  const Ids ids = {9, -5, 9, -1, 0, -5};
  lookup.build(ids.data(), 3, 2, 1, false);
  EXPECT_EQ(Ids(lookup.keys().begin(), lookup.keys().end()), (Ids{-5, 0, 9}));
  const auto index = lookup.index();
  EXPECT_EQ(std::vector<int32_t>(index.begin(), index.end()),
            (std::vector<int32_t>{2, 0, 2, -1, 1, 0}));
  lookup.build(ids.data(), 1, 1, 1, false);  // its memory is used again
  EXPECT_EQ(lookup.keys().size(), 1u);
}

TEST(Lookup, SortsManyKeysOfEitherSign) {
  Ids ids;
  for (uint64_t i = 0; i < 5000; ++i) ids.push_back(static_cast<int64_t>(mix(i % 3000, 7)));
  Lookup lookup;
  lookup.build(ids.data(), 5000, 1, 1, false);
  ASSERT_EQ(lookup.keys().size(), 3000u);
  EXPECT_TRUE(std::is_sorted(lookup.keys().begin(), lookup.keys().end()));
  EXPECT_LT(lookup.keys().front(), 0);
  for (size_t i = 0; i < ids.size(); ++i)
    ASSERT_EQ(lookup.keys()[static_cast<size_t>(lookup.index()[i])], ids[i]);
}

TEST(Lookup, FindsRowsAmongThoseThatArePresent) {
  const Ids present = {-9, -2, 0, 1, 5, 6, 7, 8, 20, 30, 40};
  for (const Ids& keys : {Ids{-9, 0, 3, 7, 40}, Ids{-10, 41}, Ids{}, present}) {
    std::vector<int32_t> rows(keys.size());
    find_rows(keys, present, rows);
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto at = std::find(present.begin(), present.end(), keys[i]);
      EXPECT_EQ(rows[i], at == present.end() ? -1 : at - present.begin()) << keys[i];
    }
  }
}

}  // namespace
}  // namespace trireme
