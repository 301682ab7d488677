// Every kind of layer: graph -> ONNX file -> graph predicts what the first graph predicts.
#include <onnx/onnx_pb.h>

#include <cstdlib>
#include <numeric>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "export/parity.h"
#include "export/test_models.h"

namespace trireme {
namespace {

using namespace testing_models;
using Pair = std::vector<int64_t>;

constexpr double kTolerance = 1e-5;

struct Case {
  std::string name;
  std::unique_ptr<Graph> (*make)();
};

template <class Layer>
std::unique_ptr<Graph> one(const Shape& input, Layer add) {
  GraphMaker maker(input);
  add(maker);
  return maker.finish();
}

const std::vector<Case> kCases = {
    {"Dense",
     [] { return one({7}, [](auto& m) {
            m.layer("fc", "dense", {{"units", int64_t{3}}});
          }); }},
    {"DenseWithoutBias",
     [] {
       return one({7}, [](auto& m) {
         m.layer("fc", "dense", {{"units", int64_t{3}}, {"bias", int64_t{0}}});
       });
     }},
    {"DenseOverRows",
     [] {
       return one({4, 5}, [](auto& m) { m.layer("fc", "dense", {{"units", int64_t{3}}}); });
     }},
    {"DenseOverRowsWithoutBias",
     [] {
       return one({4, 5}, [](auto& m) {
         m.layer("fc", "dense", {{"units", int64_t{3}}, {"bias", int64_t{0}}});
       });
     }},
    {"DenseWithItsActivation",
     [] {
       return one({7}, [](auto& m) {
         m.layer(
             "fc", "dense",
             {{"units", int64_t{3}}, {"activation", std::string("leaky_relu")}, {"alpha", 0.2}});
       });
     }},
    {"Conv2d",
     [] {
       return one({3, 7, 9}, [](auto& m) {
         m.layer("c", "conv2d",
                 {{"filters", int64_t{4}},
                  {"kernel", Pair{3, 5}},
                  {"stride", Pair{2, 1}},
                  {"padding", Pair{1, 2}},
                  {"dilation", Pair{1, 1}}});
       });
     }},
    {"DilatedConv2dWithoutBias",
     [] {
       return one({2, 9, 9}, [](auto& m) {
         m.layer("c", "conv2d",
                 {{"filters", int64_t{3}},
                  {"kernel", Pair{3, 3}},
                  {"dilation", Pair{2, 2}},
                  {"bias", int64_t{0}}});
       });
     }},
    {"GroupedConv2d",
     [] {
       return one({4, 5, 5}, [](auto& m) {
         m.layer("c", "conv2d",
                 {{"filters", int64_t{6}}, {"kernel", Pair{3, 3}}, {"groups", int64_t{2}}});
       });
     }},
    {"DepthwiseConv2d",
     [] {
       return one({4, 5, 5}, [](auto& m) {
         m.layer("c", "conv2d",
                 {{"filters", int64_t{4}}, {"kernel", Pair{3, 3}}, {"groups", int64_t{4}}});
       });
     }},
    {"MaxPool",
     [] {
       return one({2, 7, 7}, [](auto& m) {
         m.layer("p", "max_pool2d",
                 {{"size", Pair{3, 3}}, {"stride", Pair{2, 2}}, {"padding", Pair{1, 1}}});
       });
     }},
    {"AvgPoolThatCountsPadding",
     [] {
       return one({2, 7, 7}, [](auto& m) {
         m.layer("p", "avg_pool2d",
                 {{"size", Pair{3, 3}},
                  {"stride", Pair{2, 2}},
                  {"padding", Pair{1, 1}},
                  {"count_include_pad", int64_t{1}}});
       });
     }},
    {"AvgPoolThatLeavesPaddingOut",
     [] {
       return one({2, 7, 7}, [](auto& m) {
         m.layer("p", "avg_pool2d",
                 {{"size", Pair{3, 3}},
                  {"stride", Pair{2, 2}},
                  {"padding", Pair{1, 1}},
                  {"count_include_pad", int64_t{0}}});
       });
     }},
    {"GlobalAvgPool",
     [] {
       return one({5, 3, 4}, [](auto& m) { m.layer("g", "global_avg_pool"); });
     }},
    {"BatchNormOfImages",
     [] {
       return one({3, 4, 5}, [](auto& m) { m.layer("b", "batch_norm"); });
     }},
    {"BatchNormOfFeatures", [] { return one({6}, [](auto& m) { m.layer("b", "batch_norm"); }); }},
    {"LayerNorm", [] { return one({6}, [](auto& m) { m.layer("l", "layer_norm"); }); }},
    {"LayerNormOfRows",
     [] {
       return one({3, 6}, [](auto& m) { m.layer("l", "layer_norm"); });
     }},
    {"DropoutAtTheEnd",
     [] {
       return one({6}, [](auto& m) {
         m.layer("t", "tanh");
         m.layer("d", "dropout");
       });
     }},
    {"FlattenOfImages",
     [] {
       return one({2, 3, 4}, [](auto& m) {
         m.layer("r", "relu");
         m.layer("f", "flatten");
       });
     }},
    {"FlattenThenRelu",
     [] {
       return one({2, 3, 4}, [](auto& m) {
         m.layer("f", "flatten");
         m.layer("r", "relu");
       });
     }},
    {"FlattenThenSoftmax",
     [] {
       return one({2, 3, 4}, [](auto& m) {
         m.layer("f", "flatten");
         m.layer("s", "softmax");
       });
     }},
    {"ReshapeToImage",
     [] {
       return one({24}, [](auto& m) {
         m.layer("r", "reshape", {{"shape", std::vector<int64_t>{2, 3, 4}}});
       });
     }},
    {"AddOfTwo",
     [] {
       return one({6}, [](auto& m) {
         const NodeId a = m.layer("a", "relu");
         m.layer("s", "add", {}, {a, 0});
       });
     }},
    {"AddOfThree",
     [] {
       return one({6}, [](auto& m) {
         const NodeId a = m.layer("a", "relu");
         const NodeId b = m.layer("b", "tanh", {}, {0});
         m.layer("s", "add", {{"inputs", int64_t{3}}}, {a, b, 0});
       });
     }},
    {"ConcatOfFeatures",
     [] {
       return one({6}, [](auto& m) {
         const NodeId a = m.layer("a", "relu");
         m.layer("s", "concat", {}, {a, 0});
       });
     }},
    {"ConcatOfChannels",
     [] {
       return one({2, 3, 3}, [](auto& m) {
         const NodeId a = m.layer("a", "relu");
         m.layer("s", "concat", {}, {a, 0});
       });
     }},
    {"SliceOfFeatures",
     [] {
       return one({6}, [](auto& m) {
         m.layer("s", "slice", {{"begin", int64_t{2}}, {"count", int64_t{3}}});
       });
     }},
    {"SliceOfRows",
     [] {
       return one({4, 6}, [](auto& m) {
         m.layer("s", "slice", {{"begin", int64_t{5}}, {"count", int64_t{1}}});
       });
     }},
    {"SliceOfChannels",
     [] {
       return one({4, 3, 3}, [](auto& m) {
         m.layer("s", "slice", {{"begin", int64_t{1}}, {"count", int64_t{2}}});
       });
     }},
    {"SliceOfAFlattenedImage",
     [] {
       return one({2, 3, 4}, [](auto& m) {
         m.layer("f", "flatten");
         m.layer("s", "slice", {{"begin", int64_t{7}}, {"count", int64_t{9}}});
       });
     }},
    {"TwoInputsOfOneSample",
     [] {
       return one({10}, [](auto& m) {
         m.layer("a_columns", "slice", {{"begin", int64_t{0}}, {"count", int64_t{6}}});
         m.layer("a", "reshape", {{"shape", std::vector<int64_t>{1, 2, 3}}});
         const NodeId a = m.layer("fa", "flatten");
         const NodeId b =
             m.layer("b", "slice", {{"begin", int64_t{6}}, {"count", int64_t{4}}}, {0});
         m.layer("s", "concat", {}, {a, b});
       });
     }},
    {"Relu", [] { return one({9}, [](auto& m) { m.layer("a", "relu"); }); }},
    {"LeakyRelu",
     [] { return one({9}, [](auto& m) {
            m.layer("a", "leaky_relu", {{"alpha", 0.03}});
          }); }},
    {"Gelu", [] { return one({9}, [](auto& m) { m.layer("a", "gelu"); }); }},
    {"GeluByTanh",
     [] {
       return one({9}, [](auto& m) {
         m.layer("a", "gelu", {{"approximate", std::string("tanh")}});
       });
     }},
    {"Silu", [] { return one({9}, [](auto& m) { m.layer("a", "silu"); }); }},
    {"Sigmoid", [] { return one({9}, [](auto& m) { m.layer("a", "sigmoid"); }); }},
    {"Tanh", [] { return one({9}, [](auto& m) { m.layer("a", "tanh"); }); }},
    {"Softmax", [] { return one({9}, [](auto& m) { m.layer("a", "softmax"); }); }},
    {"SoftmaxOverChannels",
     [] {
       return one({4, 3, 2}, [](auto& m) { m.layer("a", "softmax"); });
     }},
    {"SoftmaxOfRows",
     [] {
       return one({4, 3}, [](auto& m) { m.layer("a", "softmax"); });
     }},
    {"ConcatOfRows",
     [] {
       return one({4, 3}, [](auto& m) {
         const NodeId a = m.layer("a", "relu");
         m.layer("s", "concat", {}, {a, 0});
       });
     }},
    {"TiedWeights",
     [] {
       return one({5}, [](auto& m) {
         m.layer("a", "dense", {{"units", int64_t{5}}});
         m.layer("b", "dense", {{"units", int64_t{5}}}, {}, {{"weight", "a.weight"}});
       });
     }},
    {"ALayerCalledOutputInTheMiddle",
     [] {
       return one({5}, [](auto& m) {
         m.layer("output", "relu");
         m.layer("end", "tanh");
       });
     }},
    {"LenetLike", lenet_like},
    {"ResnetLike", resnet_like},
};

// For check_with_onnxruntime.py: keeps the file and its goldens where TRIREME_PEERS_OUT points.
void keep_for_peers(const std::string& name, const Path& file, const Goldens& goldens) {
  const char* out = std::getenv("TRIREME_PEERS_OUT");
  if (!out) return;
  const Path folder = Path(out) / name;
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(file, folder / "model.onnx",
                             std::filesystem::copy_options::overwrite_existing);
  write_tensors(folder / "goldens.safetensors",
                {{"input", goldens.input}, {"output", goldens.output}});
}

class OnnxRoundTrip : public testing::TestWithParam<size_t> {
 protected:
  const Case& c = kCases[GetParam()];
  std::unique_ptr<Graph> graph = c.make();
  TrainedModel model = trained(*graph, random_weights(*graph));
  TemporaryDir dir;
  Path file = dir / "model.onnx";
};

TEST_P(OnnxRoundTrip, PredictsWhatTheTrainedProgramPredicts) {
  const Goldens goldens = record_goldens(*graph, model.weights, nullptr, 5, 7);
  write_onnx(model, file);
  const LoadedModel loaded = read_onnx(file);
  const HostTensor got = Predictor(*loaded.graph, loaded.weights).run(goldens.input);
  const ParityReport report = compare_outputs(c.name, got, goldens.output, kTolerance, kTolerance);
  EXPECT_TRUE(report.passed) << report.text;
  keep_for_peers(c.name, file, goldens);
}

TEST_P(OnnxRoundTrip, KeepsTheNamesOfParameters) {
  write_onnx(model, file);
  const LoadedModel loaded = read_onnx(file);
  for (const ParamTable* table : {&graph->params(), &graph->state()})
    for (const Slot& slot : table->slots()) {
      ASSERT_TRUE(loaded.weights.contains(slot.name)) << slot.name;
      EXPECT_EQ(loaded.weights.at(slot.name).bytes, model.weights.at(slot.name).bytes);
    }
}

std::vector<size_t> indices() {
  std::vector<size_t> all(kCases.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Layers, OnnxRoundTrip, testing::ValuesIn(indices()),
                         [](const auto& p) { return kCases[p.param].name; });

onnx::ModelProto parse(const Path& file) {
  onnx::ModelProto proto;
  EXPECT_TRUE(proto.ParseFromString(read_text(file)));
  return proto;
}

TEST(OnnxFile, DeclaresVersionsInterfaceAndMetadata) {
  const auto graph = lenet_like();
  TrainedModel model = trained(*graph, random_weights(*graph));
  model.config = "[run]\nname = x\n";
  TemporaryDir dir;
  write_onnx(model, dir / "m.onnx");
  const onnx::ModelProto proto = parse(dir / "m.onnx");
  EXPECT_EQ(proto.ir_version(), 8);
  EXPECT_EQ(proto.opset_import(0).version(), 17);
  ASSERT_EQ(proto.graph().input_size(), 1);
  EXPECT_EQ(proto.graph().input(0).name(), "input");
  const auto& shape = proto.graph().input(0).type().tensor_type().shape();
  EXPECT_EQ(shape.dim(0).dim_param(), "N");
  EXPECT_EQ(shape.dim(1).dim_value(), 1);
  EXPECT_EQ(shape.dim(3).dim_value(), 12);
  EXPECT_EQ(proto.graph().output(0).name(), "output");
  std::map<std::string, std::string> metadata;
  for (const auto& entry : proto.metadata_props()) metadata[entry.key()] = entry.value();
  EXPECT_EQ(metadata.at("trireme.config"), "[run]\nname = x\n");
  EXPECT_EQ(metadata.at("trireme.origin"), "a test");
  EXPECT_EQ(metadata.at("trireme.preprocessing"), model.preprocessing.to_json());
  EXPECT_NE(metadata.at("trireme.layers").find("\"name\":\"c1\",\"kind\":\"conv2d\""),
            std::string::npos);
  EXPECT_TRUE(metadata.contains("trireme.version"));
}

TEST(OnnxFile, LeavesOutLosses) {
  auto graph = std::make_unique<Graph>();
  const NodeId in = graph->add_input("input", {6});
  const NodeId fc = graph->add("fc", make_op("dense", {{"units", int64_t{3}}}), {in});
  graph->add_loss("loss", make_op("softmax_cross_entropy", {}), {fc}, "target", 1);
  graph->freeze();
  TemporaryDir dir;
  write_onnx(trained(*graph, random_weights(*graph)), dir / "m.onnx");
  const onnx::ModelProto proto = parse(dir / "m.onnx");
  ASSERT_EQ(proto.graph().node_size(), 1);
  EXPECT_EQ(proto.graph().node(0).op_type(), "Gemm");
}

TEST(OnnxFile, NamesTheWeightThatIsMissing) {
  const auto graph = lenet_like();
  auto weights = random_weights(*graph);
  weights.erase("c2.weight");
  TemporaryDir dir;
  EXPECT_EQ(message_of<FormatError>([&] { write_onnx(trained(*graph, weights), dir / "m.onnx"); }),
            "the weights lack c2.weight 7x6x3x3");
  EXPECT_EQ(dir.entries(), 0u);
}

}  // namespace
}  // namespace trireme
