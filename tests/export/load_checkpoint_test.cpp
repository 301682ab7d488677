// A checkpoint as a model, and its score on data.
#include "export/load_checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "export/data_shape.h"
#include "export/evaluation_data.h"
#include "export/score.h"
#include "export/test_models.h"

namespace trireme {
namespace {

using namespace testing_models;

constexpr char kExperiment[] = R"([data]
reader = synthetic
shape = 1,6,6
classes = 3
samples = 80
validation_samples = 67

[model]
layer = c1: conv2d filters=3 kernel=3 activation=relu
layer = b1: batch_norm
layer = flatten
layer = out: dense units=3
loss = softmax_cross_entropy
metric = accuracy
metric = confusion_matrix

[train]
batch_size = 8
)";

// Tensors held in memory.
class MapSource : public StateSource {
 public:
  void add(const std::string& name, const HostTensor& tensor) {
    list_.push_back({name, tensor.shape, tensor.dtype});
    tensors_[name] = tensor;
  }
  const std::vector<TensorMeta>& list() const override { return list_; }
  void read(const TensorMeta& tensor, std::span<std::byte> out) override {
    std::memcpy(out.data(), tensors_.at(tensor.name).bytes.data(), out.size());
  }

 private:
  std::vector<TensorMeta> list_;
  std::map<std::string, HostTensor> tensors_;
};

class LoadCheckpoint : public testing::Test {
 protected:
  LoadCheckpoint() {
    state.config = kExperiment;
    state.step = 17;
    state.epoch = 2;
    experiment = parse_experiment(kExperiment, "test.ini", {});
    data = open_data(experiment.data, experiment.run.seed);
    state.preprocessing = data.train->preprocessing().to_json();
    graph = build_graph(experiment, data_shape_of(data.train->preprocessing().schema));
    state.graph_hash = graph->hash().hex();
  }
  // Model, average and statistics of different values, except tensor `leave_out`.
  Path save(const std::string& leave_out = {}) {
    MapSource source;
    const auto add = [&](const std::string& prefix, const ParamTable& table, uint64_t seed) {
      const auto values = random_weights(*graph, seed);
      for (const Slot& slot : table.slots())
        if (prefix + slot.name != leave_out) source.add(prefix + slot.name, values.at(slot.name));
    };
    add("model.", graph->params(), 1);
    add("state.", graph->state(), 1);
    add("ema.", graph->params(), 2);
    return save_checkpoint(dir / "checkpoints", source, state, {});
  }

  TemporaryDir dir;
  RunState state;
  Experiment experiment;
  DataSets data;
  std::unique_ptr<Graph> graph;
};

TEST_F(LoadCheckpoint, ReadsWeightsAndStatistics) {
  const LoadedModel loaded = load_checkpoint_model(save());
  const auto expected = random_weights(*graph, 1);
  ASSERT_EQ(loaded.weights.size(), expected.size());
  for (const auto& [name, tensor] : expected)
    EXPECT_EQ(loaded.weights.at(name).bytes, tensor.bytes) << name;
  EXPECT_EQ(loaded.config, kExperiment);
}

TEST_F(LoadCheckpoint, TakesTheAverageWhereTrainingKeptOne) {
  state.config += "ema = 0.9\n";
  const LoadedModel loaded = load_checkpoint_model(save());
  EXPECT_EQ(loaded.weights.at("out.weight").bytes,
            random_weights(*graph, 2).at("out.weight").bytes);
  EXPECT_EQ(loaded.weights.at("b1.running_var").bytes,
            random_weights(*graph, 1).at("b1.running_var").bytes);
}

TEST_F(LoadCheckpoint, NamesTheTensorThatIsMissing) {
  const Path checkpoint = save("model.c1.bias");
  EXPECT_EQ(message_of<FormatError>([&] { load_checkpoint_model(checkpoint); }),
            checkpoint.string() + ": no tensor model.c1.bias");
}

TEST_F(LoadCheckpoint, SaysWhereItComesFrom) {
  const Path checkpoint = save();
  EXPECT_EQ(checkpoint_origin(checkpoint),
            "run " + parse_experiment(kExperiment, checkpoint.string(), {}).run.name +
                ", step 17 (epoch 2), checkpoint " + checkpoint.filename().string());
}

// Mean cross-entropy and accuracy by hand from the predictions.
TEST_F(LoadCheckpoint, ScoresAsTheDefinitionsSay) {
  const LoadedModel loaded = load_checkpoint_model(save());
  const DataSource& source = *data.validation;
  const Goldens all = record_goldens(*loaded.graph, loaded.weights, &source, source.size(), 1);
  double loss = 0, right = 0;
  for (int64_t i = 0; i < source.size(); ++i) {
    const auto z = all.output.floats().subspan(static_cast<size_t>(3 * i), 3);
    const size_t label = static_cast<size_t>(source.label(static_cast<uint64_t>(i)));
    double sum = 0;
    for (float v : z) sum += std::exp(double{v});
    loss += std::log(sum) - double{z[label]};
    right += std::max_element(z.begin(), z.end()) - z.begin() == static_cast<ptrdiff_t>(label);
  }
  const ModelScore score = score_model(loaded, experiment, source);
  ASSERT_EQ(score.samples, 67);
  EXPECT_EQ(score.values.at(0).name, "loss");
  EXPECT_NEAR(score.values[0].value, loss / 67, 1e-5);
  EXPECT_EQ(score.values.at(1).name, "accuracy");
  EXPECT_DOUBLE_EQ(score.values[1].value, right / 67);
  int64_t counted = 0;
  for (const auto& row : score.confusion)
    for (int64_t count : row) counted += count;
  EXPECT_EQ(counted, 67);
}

TEST_F(LoadCheckpoint, ScoresAnOnnxFileAsTheCheckpointItCameFrom) {
  const LoadedModel loaded = load_checkpoint_model(save());
  TrainedModel model{graph.get(), loaded.weights, loaded.preprocessing, loaded.config, "test"};
  write_onnx(model, dir / "m.onnx");
  const ModelScore a = score_model(loaded, experiment, *data.validation);
  const ModelScore b = score_model(read_onnx(dir / "m.onnx"), experiment, *data.validation);
  ASSERT_EQ(a.values.size(), b.values.size());
  for (size_t i = 0; i < a.values.size(); ++i) {
    EXPECT_EQ(a.values[i].name, b.values[i].name);
    EXPECT_NEAR(a.values[i].value, b.values[i].value, 1e-6);
  }
  EXPECT_EQ(a.confusion, b.confusion);
}

// The training file may be gone where a model is measured.
TEST(EvaluationData, OpensValidationFilesWithoutTheTrainingFiles) {
  TemporaryDir dir;
  write_atomic(dir / "v.csv", std::string_view("label,a,b\n0,1,2\n1,3,4\n"));
  const Experiment experiment = parse_experiment(
      "[data]\nreader = csv\ntrain = /nowhere/t.csv\nvalidation = " + (dir / "v.csv").string() +
          "\n[model]\npreset = logistic_regression\n",
      "test.ini", {});
  Experiment whole = experiment;
  whole.data.train = whole.data.validation;
  const Preprocessing fixed = open_data(whole.data, 1).train->preprocessing();
  EXPECT_EQ(open_evaluation_data(experiment, fixed)->size(), 2);
}

TEST_F(LoadCheckpoint, RecordsGoldensFromTheData) {
  const LoadedModel loaded = load_checkpoint_model(save());
  const Goldens goldens =
      record_goldens(*loaded.graph, loaded.weights, data.validation.get(), 1000, 1);
  EXPECT_EQ(goldens.input.shape, (Shape{67, 1, 6, 6}));
}

}  // namespace
}  // namespace trireme
