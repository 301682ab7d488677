// The whole export: files written, read back, replayed, published or refused.
#include <gmock/gmock.h>

#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "export/data_shape.h"
#include "export/safetensors_model.h"
#include "export/test_models.h"

namespace trireme {
namespace {

using namespace testing_models;
using testing::AllOf;
using testing::HasSubstr;

constexpr char kExperiment[] = R"([data]
reader = synthetic
shape = 2,6,6
classes = 4
samples = 70
validation_samples = 70

[model]
layer = c1: conv2d filters=3 kernel=3 padding=1 activation=relu
layer = b1: batch_norm
layer = p1: maxpool2d size=2
layer = flatten
layer = out: dense units=4
loss = softmax_cross_entropy
metric = accuracy
metric = confusion_matrix

[train]
batch_size = 8
)";

std::string weight_bytes(const HostTensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

class ExportModel : public testing::Test {
 protected:
  ExportModel() {
    model.preprocessing.schema.input = {2, 6, 6};
    model.preprocessing.schema.image = true;
    model.preprocessing.schema.classes = 4;
    graph = build_graph(parse_experiment(kExperiment, "test.ini", {}),
                        data_shape_of(model.preprocessing.schema));
    model.graph = graph.get();
    model.weights = random_weights(*graph);
    model.config = kExperiment;
    model.origin = "run test, step 12";
    goldens = record_goldens(*graph, model.weights, nullptr, 3, 42);
  }
  ParityReport run(const std::vector<std::string>& formats) {
    return export_model(model, goldens, formats, 1e-5, 1e-4, dir / "out");
  }

  std::unique_ptr<Graph> graph;
  TrainedModel model;
  Goldens goldens;
  TemporaryDir dir;
};

TEST_F(ExportModel, PublishesBothFormatsWithGoldensCardAndExperiment) {
  const ParityReport report = run({"onnx", "safetensors"});
  EXPECT_TRUE(report.passed);
  EXPECT_EQ(report.compared, 2 * 3 * 4);
  EXPECT_THAT(report.text, HasSubstr("model.onnx: 12 values compared"));
  EXPECT_THAT(report.text, HasSubstr("model.safetensors: 12 values compared"));
  for (const char* name : {"model.onnx", "model.safetensors", "goldens.safetensors",
                           "preprocessing.json", "experiment.ini", "README.md"})
    EXPECT_TRUE(std::filesystem::exists(dir / "out" / name)) << name;
  EXPECT_EQ(dir.entries(), 1u);
}

TEST_F(ExportModel, WritesACardThatNamesOriginInterfaceAndParity) {
  model.preprocessing.schema.class_names = {"ant", "bee", "cat", "dog"};
  model.preprocessing.normalization = {{0.5, 0.25}, {2, 4}};
  run({"onnx", "safetensors"});
  const std::string card = read_text(dir / "out" / "README.md");
  for (const char* text : {"run test, step 12", "N x 2x6x6", "ant, bee, cat, dog",
                           "mean: 0.5, 0.25", "model.onnx: 12 values compared", "InferenceSession",
                           "load_state_dict", "| c1 | conv2d | 3x6x6 |"})
    EXPECT_THAT(card, HasSubstr(text));
}

TEST_F(ExportModel, ReadsBackFromTheFolderAndFromEitherFile) {
  run({"onnx", "safetensors"});
  for (const Path& what :
       {dir / "out", dir / "out" / "model.onnx", dir / "out" / "model.safetensors"}) {
    const LoadedModel loaded = load_export(what);
    EXPECT_EQ(loaded.config, kExperiment);
    EXPECT_EQ(loaded.preprocessing.to_json(), model.preprocessing.to_json());
    EXPECT_EQ(loaded.weights.at("c1.weight").bytes, model.weights.at("c1.weight").bytes);
    EXPECT_EQ(loaded.weights.at("b1.running_var").bytes, model.weights.at("b1.running_var").bytes);
  }
}

TEST_F(ExportModel, RefusesAMismatchAndLeavesNothing) {
  goldens.output.floats()[6] += 0.5f;
  for (const char* format : {"onnx", "safetensors"}) {
    const std::string what = message_of<FormatError>([&] { run({format}); });
    EXPECT_THAT(what, HasSubstr("export refused, the file predicts something else: model." +
                                std::string(format)));
    EXPECT_THAT(what, HasSubstr("largest difference 0.5"));
    EXPECT_THAT(what, HasSubstr("sample 1, output 2"));
    EXPECT_EQ(dir.entries(), 0u);
  }
}

TEST_F(ExportModel, RefusesWeightsThatAreNotTheGoldens) {
  model.weights.at("out.bias").floats()[0] += 1;
  EXPECT_THROW(run({"onnx", "safetensors"}), FormatError);
  EXPECT_EQ(dir.entries(), 0u);
}

TEST_F(ExportModel, NeverOverwritesAFolderOrAFile) {
  std::filesystem::create_directory(dir / "out");
  EXPECT_EQ(message_of<ConfigError>([&] { run({"onnx"}); }),
            (dir / "out").string() + " exists; an export is never overwritten");
  EXPECT_TRUE(std::filesystem::is_empty(dir / "out"));
  std::filesystem::remove(dir / "out");
  write_atomic(dir / "out", std::string_view("precious"));
  EXPECT_THROW(run({"onnx"}), ConfigError);
  EXPECT_EQ(read_text(dir / "out"), "precious");
  EXPECT_EQ(dir.entries(), 1u);
}

TEST_F(ExportModel, RefusesAnUnknownFormatAndNone) {
  EXPECT_EQ(message_of<ConfigError>([&] { run({"onx"}); }), "export: unknown format onx");
  EXPECT_EQ(message_of<ConfigError>([&] { run({}); }), "export: no format given");
}

TEST_F(ExportModel, RefusesGoldensThatAreEmptyOrNotFinite) {
  goldens.output.floats()[0] = INFINITY;
  EXPECT_EQ(message_of<FormatError>([&] { run({"onnx"}); }),
            "export: training's own program gives outputs that are not finite");
  goldens = {HostTensor::zeros({0, 2, 6, 6}), HostTensor::zeros({0, 4})};
  EXPECT_EQ(message_of<FormatError>([&] { run({"onnx"}); }),
            "export: no recorded samples to check against");
}

TEST_F(ExportModel, NamesTheTensorsOfAFileThatBelongsElsewhere) {
  run({"safetensors"});
  std::string other = kExperiment;
  other.replace(other.find("out: dense"), 10, "end: dense");
  const Path file = dir / "out" / "model.safetensors";
  EXPECT_THAT(
      message_of<FormatError>([&] { read_safetensors_model(file, other, model.preprocessing); }),
      HasSubstr("out.bias belongs to no layer of the experiment"));
}

TEST_F(ExportModel, RefusesATruncatedSafetensorsFile) {
  run({"safetensors"});
  const Path file = dir / "out" / "model.safetensors";
  const std::string whole = read_text(file);
  for (size_t keep : {size_t{0}, size_t{7}, size_t{40}, whole.size() - 1}) {
    write_atomic(file, std::string_view(whole).substr(0, keep));
    EXPECT_THROW(load_export(file), FormatError) << keep;
  }
}

TEST_F(ExportModel, RefusesFilesThatChangedAfterTheyHadBeenChecked) {
  run({"onnx", "safetensors"});
  for (const char* name : {"model.onnx", "model.safetensors", "preprocessing.json"}) {
    const Path file = dir / "out" / name;
    const std::string whole = read_text(file);
    std::string changed = whole;
    // One bit of a weight, or a space that JSON does not mind.
    if (std::string_view(name).ends_with(".json"))
      changed += ' ';
    else
      changed[changed.find(weight_bytes(model.weights.at("out.weight")))] ^= 1;
    write_atomic(file, changed);
    const Path model_file =
        dir / "out" / (std::string_view(name) == "model.onnx" ? "model.onnx" : "model.safetensors");
    EXPECT_THAT(
        message_of<FormatError>([&] { load_export(model_file); }),
        AllOf(HasSubstr(file.string() + ": its SHA-256 is "), HasSubstr("SHA256SUMS says")));
    write_atomic(file, whole);
    EXPECT_NO_THROW(load_export(model_file));
  }
}

TEST_F(ExportModel, ListsTheDigestOfEveryFile) {
  run({"onnx"});
  std::string expected;
  for (const char* name :
       {"README.md", "experiment.ini", "goldens.safetensors", "model.onnx", "preprocessing.json"})
    expected += sha256_file((dir / "out" / name).string()).hex() + "  " + name + "\n";
  EXPECT_EQ(read_text(dir / "out" / "SHA256SUMS"), expected);
}

TEST_F(ExportModel, NamesTheLineOfADamagedListOfDigests) {
  run({"onnx"});
  write_atomic(dir / "out" / "SHA256SUMS", std::string_view("not a list\n"));
  EXPECT_EQ(message_of<FormatError>([&] { load_export(dir / "out"); }),
            (dir / "out" / "SHA256SUMS").string() + ":1: not a digest and a file name");
}

TEST_F(ExportModel, WantsTheExperimentBesideASafetensorsFile) {
  run({"safetensors"});
  std::filesystem::remove(dir / "out" / "experiment.ini");
  EXPECT_THAT(message_of<FormatError>([&] { load_export(dir / "out"); }),
              HasSubstr("experiment.ini is not beside it"));
}

TEST_F(ExportModel, NamesWhatIsNoExport) {
  EXPECT_EQ(message_of<DataError>([&] { load_export(dir / "none"); }),
            (dir / "none").string() + ": no such file or folder");
  std::filesystem::create_directory(dir / "empty");
  EXPECT_THAT(message_of<FormatError>([&] { load_export(dir / "empty"); }),
              HasSubstr("no model.onnx and no model.safetensors"));
  write_atomic(dir / "model.pt", std::string_view("x"));
  EXPECT_THAT(message_of<FormatError>([&] { load_export(dir / "model.pt"); }),
              HasSubstr("neither .onnx nor .safetensors"));
}

}  // namespace
}  // namespace trireme
