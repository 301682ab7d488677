// Models with embedding tables, through both formats and back.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "export/export.h"
#include "export/tables.h"
#include "model/build.h"

namespace trireme {
namespace {

constexpr int64_t kFeatures = 3, kValues = 2, kDim = 4, kSamples = 5;

struct TableModel {
  TableModel(const std::string& mode, bool per_feature, bool flat) {
    const NodeId x = graph.add_input("input", {kDim});
    const NodeId ids = graph.add_input("ids", {kFeatures, kValues}, DType::i64);
    const NodeId bag = graph.add("bag",
                                 make_op("embedding_bag", {{"table", std::string("items")},
                                                           {"dim", kDim},
                                                           {"mode", mode},
                                                           {"per_feature", int64_t{per_feature}},
                                                           {"flat", int64_t{flat}}}),
                                 {ids});
    NodeId last;
    if (flat) {
      last = graph.add("all", make_op("concat", {}), {x, bag});
    } else {
      const NodeId dots =
          graph.add("dots", make_op("dot_interaction", {{"inputs", int64_t{2}}}), {x, bag});
      const NodeId alone = graph.add("alone", make_op("dot_interaction", {}), {bag});
      const NodeId pairs = graph.add("pairs", make_op("factorization_machine", {}), {bag});
      const NodeId elements =
          graph.add("elements", make_op("factorization_machine", {{"reduce", int64_t{0}}}), {bag});
      const NodeId crossed = graph.add("crossed", make_op("cross", {}), {x, elements});
      last = graph.add("all", make_op("concat", {}), {dots, alone, pairs, crossed});
    }
    graph.add("out", make_op("dense", {{"units", int64_t{2}}}), {last});
    graph.freeze();
    fill(per_feature);
  }

  void fill(bool per_feature) {
    std::map<std::string, HostTensor> weights;
    for (const Slot& slot : graph.params().slots()) {
      std::vector<float> w(static_cast<size_t>(slot.count));
      for (size_t i = 0; i < w.size(); ++i) w[i] = 0.3f * std::sin(static_cast<float>(i) + 1);
      weights[slot.name] = HostTensor::from(slot.logical, std::span<const float>(w));
    }
    std::vector<int64_t> keys;
    for (int64_t f = 0; f < (per_feature ? kFeatures : 1); ++f)
      for (int64_t id = 0; id < 6; ++id)
        if (id != 4) keys.push_back(table_key(id, f, per_feature));
    std::sort(keys.begin(), keys.end());
    std::vector<float> rows(keys.size() * kDim);
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = 0.5f * std::cos(static_cast<float>(i));
    const auto n = static_cast<int64_t>(keys.size());
    weights["table.items.keys"] = HostTensor::from(Shape{n}, std::span<const int64_t>(keys));
    weights["table.items.rows"] = HostTensor::from(Shape{n, kDim}, std::span<const float>(rows));
    model.graph = &graph;
    model.weights = std::move(weights);
    model.preprocessing.schema.input = {kDim};
    model.preprocessing.schema.id_features = kFeatures;
    model.preprocessing.schema.id_values = kValues;
    model.preprocessing.schema.target_width = 2;
  }

  Graph graph;
  TrainedModel model;
};

HostTensor some_input() {
  std::vector<float> x;
  for (int64_t i = 0; i < kSamples * kDim; ++i) x.push_back(std::sin(static_cast<float>(i)));
  return HostTensor::from({kSamples, kDim}, std::span<const float>(x));
}

// Some absent, some (4) without a row.
HostTensor some_ids() {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < kSamples * kFeatures * kValues; ++i) ids.push_back(i * 5 % 7 - 1);
  return HostTensor::from({kSamples, kFeatures, kValues}, std::span<const int64_t>(ids));
}

class TableModels : public testing::TestWithParam<std::tuple<const char*, bool, bool>> {
 protected:
  Path file = std::filesystem::temp_directory_path() /
              ("trireme-tables-" + std::to_string(::getpid()) + ".onnx");
  ~TableModels() override { std::filesystem::remove(file); }
};

TEST_P(TableModels, PredictTheSameAfterTheWayThroughOnnx) {
  const auto [mode, per_feature, flat] = GetParam();
  const TableModel trained(mode, per_feature, flat);
  const Predictor before(trained.graph, trained.model.weights);
  write_onnx(trained.model, file);
  const LoadedModel loaded = read_onnx(file);
  EXPECT_EQ(loaded.weights.at("table.items.keys").bytes,
            trained.model.weights.at("table.items.keys").bytes);
  EXPECT_EQ(loaded.weights.at("table.items.rows").bytes,
            trained.model.weights.at("table.items.rows").bytes);
  const Predictor after(*loaded.graph, loaded.weights);
  const HostTensor a = before.run(some_input(), some_ids()),
                   b = after.run(some_input(), some_ids());
  EXPECT_EQ(a.bytes, b.bytes);
}

INSTANTIATE_TEST_SUITE_P(Modes, TableModels,
                         testing::Combine(testing::Values("sum", "mean"), testing::Bool(),
                                          testing::Bool()));

TEST(ModelTables, RefuseWhatDoesNotFitTheGraph) {
  TableModel trained("sum", true, true);
  auto& weights = trained.model.weights;
  EXPECT_NO_THROW(ModelTables(trained.graph, weights));
  auto keys = weights.at("table.items.keys");
  std::swap(keys.bytes[0], keys.bytes[8]);
  std::swap(keys.bytes[7], keys.bytes[15]);
  auto disordered = weights;
  disordered["table.items.keys"] = keys;
  EXPECT_THROW(ModelTables(trained.graph, disordered), FormatError);
  weights.erase("table.items.rows");
  EXPECT_THROW(ModelTables(trained.graph, weights), FormatError);
}

}  // namespace
}  // namespace trireme
