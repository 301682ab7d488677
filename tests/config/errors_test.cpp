// The full message of every kind of error and of every rule that ties keys together.
#include <gtest/gtest.h>

#include "config/support.h"

namespace trireme {
namespace {

struct Case {
  std::string text;
  std::vector<std::string> overrides;
  std::string message;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.message; }

const std::string kSynthetic =
    "[model]\npreset = mlp\n[data]\nreader = synthetic\nshape = 4\nclasses = 2\n";
const std::string kCsv = "[data]\nreader = csv\ntrain = a.csv\n";

const std::vector<Case> kSyntax = {
    {kSmall + "[train\n", {}, "exp.ini:7: malformed section line: [train (expected [name])"},
    {kSmall + "batch_size 3\n",
     {},
     "exp.ini:7: malformed line: batch_size 3 (expected key = value)"},
    {kSmall + "# \xfc\nmonitor = gr\xfcn\n",
     {},
     "exp.ini:8: not UTF-8 (byte 13): save the file as UTF-8"},
    {kSmall + std::string("monitor = a\0b\n", 14),
     {},
     "exp.ini:7: holds a zero byte: save the file as UTF-8"},
    {kSmall, {"run.name=gr\xfcn"}, "command line: run.name: the value is not UTF-8"},
    {kSmall + "; old\n", {}, "exp.ini:7: malformed line: ; old (comments start with #)"},
    {kSmall + "monitor = \"a\n", {}, "exp.ini:7: a quote is not closed: monitor = \"a"},
    {kSmall + "monitor = a \\", {}, "exp.ini:7: ends with '\\', but no line follows"},
    {"seed = 1\n" + kSmall,
     {},
     "exp.ini:1: seed: key outside any section (start with a line such as [train])"},
    {kSmall + "monitor = \"a\" b\n",
     {},
     "exp.ini:7: train.monitor: \"a\" b has something after its closing quote"},
};

const std::vector<Case> kKeys = {
    {kSmall + "batch_sise = 3\n",
     {},
     "exp.ini:7: train.batch_sise: unknown key (did you mean train.batch_size?)"},
    {kSmall + "lr = 3\n",
     {},
     "exp.ini:7: train.lr: unknown key (it belongs to [optimizer]: optimizer.lr)"},
    {kSmall + "momentun = 3\n",
     {},
     "exp.ini:7: train.momentun: unknown key (did you mean optimizer.momentum?)"},
    {kSmall + "qqqqqqqq = 3\n", {}, "exp.ini:7: train.qqqqqqqq: unknown key"},
    {kSmall + "[trian]\nx = 1\n", {}, "exp.ini:7: unknown section [trian] (did you mean [train]?)"},
    {kSmall + "[tabels]\n", {}, "exp.ini:7: unknown section [tabels] (did you mean [tables]?)"},
    {kSmall + "expire_after = 5\n",
     {},
     "exp.ini:7: train.expire_after: unknown key (it belongs to [tables]: tables.expire_after)"},
    {kSmall + "[zzzzzzz]\n",
     {},
     "exp.ini:7: unknown section [zzzzzzz] (sections: run, data, model, train, optimizer, "
     "schedule, "
     "exchange, tables, cuda, checkpoint, export, debug)"},
    {kSmall + "ema = 0.1\n\nema = 0.2\n",
     {},
     "exp.ini:9: train.ema: duplicate key (first at exp.ini:7)"},
    {kSmall,
     {"train.ema=0", "train.ema=0"},
     "command line: train.ema: duplicate key (first at command line)"},
    {kSmall,
     {"train.batch_size"},
     "command line: --train.batch_size: no value (write --train.batch_size=VALUE)"},
    {kSmall, {"batch_size=3"}, "command line: --batch_size=3: not of the form --section.key=value"},
    {kSmall,
     {"trian.x=3"},
     "command line: trian.x: unknown section [trian] (did you mean [train]?)"},
    {kSmall, {"run.name=\"a"}, "command line: run.name: a quote is not closed: \"a"},
};

const std::vector<Case> kValues = {
    {kSmall + "batch_size = many\n", {}, "exp.ini:7: train.batch_size: \"many\" is not an integer"},
    {kSmall + "batch_size = 1.5\n", {}, "exp.ini:7: train.batch_size: \"1.5\" is not an integer"},
    {kSmall + "batch_size =\n", {}, "exp.ini:7: train.batch_size: \"\" is not an integer"},
    {kSmall,
     {"run.name=../a"},
     "command line: run.name: \"../a\" cannot begin the name of a folder"},
    {kSmall, {"run.name="}, "command line: run.name: \"\" cannot begin the name of a folder"},
    {kSmall,
     {"run.name=\"a\\nb\""},
     "command line: run.name: \"a\nb\" cannot begin the name of a folder"},
    {kSmall, {"run.dir="}, "command line: run.dir: empty (. is the current folder)"},
    {kSmall + "batch_size = 0\n",
     {},
     "exp.ini:7: train.batch_size: 0 is out of range (1 to 16777216 samples)"},
    {kSmall + "ema = high\n", {}, "exp.ini:7: train.ema: \"high\" is not a number"},
    {kSmall + "ema = nan\n", {}, "exp.ini:7: train.ema: \"nan\" is not a number"},
    {kSmall,
     {"run.timeout=0"},
     "command line: run.timeout: 0 is out of range (1 to 86400 seconds)"},
    {kSmall, {"run.seed=-1"}, "command line: run.seed: -1 is out of range (at least 0)"},
    {kSmall, {"run.progress=maybe"}, "command line: run.progress: \"maybe\" is not true or false"},
    {kSmall + "precision = fp31\n",
     {},
     "exp.ini:7: train.precision: \"fp31\" is not one of fp32, tf32, bf16, fp16 (did you mean "
     "fp32?)"},
    {kSmall,
     {"run.cpu_level=z"},
     "command line: run.cpu_level: \"z\" is not one of baseline, x86-64-v3, x86-64-v4"},
    {kSmall + "freeze = a,,b\n", {}, "exp.ini:7: train.freeze: \"a,,b\" has an empty element"},
    {kSmall,
     {"export.formats=onnx, tflite"},
     "command line: export.formats: \"tflite\" is not one of onnx, safetensors"},
    {kSmall,
     {"optimizer.lr_scale=conv"},
     "command line: optimizer.lr_scale: \"conv\" is not PATTERN:FACTOR with a factor of at least "
     "0"},
    {kSmall,
     {"optimizer.decay_scale=conv:-1"},
     "command line: optimizer.decay_scale: \"conv:-1\" is not PATTERN:FACTOR with a factor of at "
     "least 0"},
};

const std::vector<Case> kDataRules = {
    {"[model]\npreset = mlp\n",
     {},
     "exp.ini: data.reader: missing (one of csv, idx, tar, folder, npy, synthetic)"},
    {"[model]\npreset = mlp\n[data]\nreader = csv\n",
     {},
     "exp.ini: data.train: missing (the training files of reader = csv)"},
    {"[model]\npreset = mlp\n[data]\nreader = idx\ntrain = a\n",
     {},
     "exp.ini: data.train_labels: missing (the label files of reader = idx)"},
    {"[model]\npreset = mlp\n[data]\nreader = idx\ntrain = a\ntrain_labels = b\nvalidation = c\n",
     {},
     "exp.ini: data.validation_labels: missing (data.validation is set)"},
    {"[model]\npreset = mlp\n[data]\nreader = synthetic\n",
     {},
     "exp.ini: data.shape: missing (the shape of a synthetic sample)\n"
     "exp.ini: data.classes: missing (the number of synthetic classes)"},
    {kSynthetic + "train = a\n",
     {},
     "exp.ini:7: data.train: only used by reader = csv, idx, tar, folder, npy, not synthetic"},
    {kSynthetic + "delimiter = ;\n",
     {},
     "exp.ini:7: data.delimiter: only used by reader = csv, not synthetic"},
    {kSmall,
     {"data.validation=b.csv", "data.validation_split=0.1"},
     "command line: data.validation_split: conflicts with data.validation (command line): "
     "validation "
     "data comes from one of them"},
    {kSynthetic + "validation_samples = 3\nvalidation_split = 0.1\n",
     {},
     "exp.ini:8: data.validation_split: conflicts with data.validation_samples (exp.ini:7): "
     "validation "
     "data comes from one of them"},
    {kSmall,
     {"data.normalize=given", "data.mean=1,2", "data.std=1"},
     "command line: data.std: 1 values, but data.mean has 2"},
    {kSmall,
     {"data.normalize=given"},
     "exp.ini: data.mean: missing (normalize = given)\nexp.ini: data.std: missing (normalize = "
     "given)"},
    {kSmall,
     {"data.scale=2"},
     "command line: data.scale: only used by normalize = unit, given, not none"},
    {kSmall,
     {"data.block_size=2"},
     "command line: data.block_size: only used by order = block, not full"},
    {kSmall,
     {"data.order=sequential", "data.shuffle=true"},
     "command line: data.shuffle: conflicts with data.order = sequential (command line)"},
    {kSmall,
     {"data.target=value", "data.class_balanced=true"},
     "command line: data.class_balanced: conflicts with data.target = value (command line): there "
     "are "
     "no classes"},
    {kSmall,
     {"data.delimiter=;;"},
     "command line: data.delimiter: \";;\" is not one character or tab"},
    {kSmall,
     {"data.ids_from=vocabulary", "data.ids_buckets=100"},
     "command line: data.ids_buckets: conflicts with data.ids_from = vocabulary (command line): "
     "its size is that of the data"},
    {kSmall,
     {"data.ids_min_count=2"},
     "command line: data.ids_min_count: needs data.ids_from = vocabulary: hashing counts nothing"},
    {kSmall,
     {"data.ids_max=4"},
     "command line: data.ids_max: needs data.ids_separator: without one a cell is one value"},
    {kSmall,
     {"data.ids_separator=,"},
     "command line: data.ids_separator: is data.delimiter, which ends the cell"},
};

const std::vector<Case> kModelRules = {
    {kCsv, {}, "exp.ini: model.preset: missing (a model is a preset or a list of layer lines)"},
    {kCsv + "[model]\npreset = mpl\n",
     {},
     "exp.ini:5: model.preset: \"mpl\" is not one of linear_regression, logistic_regression, svm, "
     "mlp, "
     "lenet5, mnist_cnn, cifar_cnn, resnet20, resnet18, resnet50, "
     "sparse_logistic, wide_deep, deepfm, dlrm, matrix_factorization (did you mean mlp?)"},
    {kCsv + "[model]\npreset = mlp\nlayer = flatten\nloss = mse\n",
     {},
     "exp.ini:5: model.preset: conflicts with model.layer (exp.ini:6): a model is a preset or a "
     "list of "
     "layers"},
    {kCsv + "[model]\nlayer = flatten\n",
     {},
     "exp.ini: model.loss: missing (layers need a loss line)"},
    {kCsv + "[model]\npreset = mlp\nmargin = 2\n",
     {},
     "exp.ini:6: model.margin: only used by preset = svm, not mlp"},
    {kCsv + "[model]\nlayer = flatten\nloss = mse\nmargin = 2\n",
     {},
     "exp.ini:7: model.margin: only used by preset = svm; preset is not set"},
    {kCsv + "[model]\npreset = mlp\ndropout = 1\n",
     {},
     "exp.ini:6: model.dropout: 1 is out of range (0 to 0.999)"},
};

const std::vector<Case> kOtherRules = {
    {kSmall + "max_epochs = 0\n",
     {},
     "exp.ini:7: train.max_epochs: 0, and neither train.max_steps nor train.max_time ends the run"},
    {kSmall + "early_stopping = 3\n",
     {},
     "exp.ini:7: train.early_stopping: needs validation data for train.monitor = validation/loss "
     "(set "
     "data.validation or data.validation_split)"},
    {kSmall + "early_stopping = 3\nmonitor = accuracy\n",
     {},
     "exp.ini:7: train.early_stopping: needs validation data for train.monitor = accuracy (set "
     "data.validation or data.validation_split)"},
    {kSmall + "[optimizer]\nname = adam\nmomentum = 0.9\n",
     {},
     "exp.ini:9: optimizer.momentum: only used by name = sgd, rmsprop, not adam"},
    {kSmall + "[optimizer]\nnesterov = true\n",
     {},
     "exp.ini:8: optimizer.nesterov: needs optimizer.momentum > 0, which is 0"},
    {kSmall + "[optimizer]\nnesterov = true\nmomentum = 0.9\ndampening = 0.5\n",
     {},
     "exp.ini:8: optimizer.nesterov: needs optimizer.dampening = 0, which is 0.5 (exp.ini:10)"},
    {kSmall + "[schedule]\nname = cosine\nstep_size = 3\n",
     {},
     "exp.ini:9: schedule.step_size: only used by name = step, not cosine"},
    {kSmall, {"schedule.name=step"}, "exp.ini: schedule.step_size: missing (schedule.name = step)"},
    {kSmall,
     {"schedule.name=multi_step"},
     "exp.ini: schedule.milestones: missing (schedule.name = multi_step)"},
    {kSmall,
     {"schedule.name=multi_step", "schedule.milestones=3,2"},
     "command line: schedule.milestones: not in ascending order"},
    {kSmall,
     {"schedule.name=cosine", "train.max_epochs=0", "train.max_time=5"},
     "exp.ini: schedule.total: missing (train.max_epochs and train.max_steps are 0, so the run's "
     "length "
     "is not known)"},
    {kSmall,
     {"exchange.name=parameter_server", "exchange.consistency=async", "train.clip_norm=1"},
     "command line: train.clip_norm: needs the gradients of all workers first, and "
     "exchange.consistency = async applies each by itself (use train.clip_value, or consistency = "
     "sync)"},
    {kSmall,
     {"exchange.name=parameter_server", "run.device=cuda"},
     "command line: run.device: = cuda, but exchange.name = parameter_server trains on CPUs (set "
     "run.device = cpu, or exchange.name = all_reduce)"},
    {kSmall,
     {"cuda.reduce_type=bf16"},
     "command line: cuda.reduce_type: = bf16 rounds what each device sends, so weights depend on "
     "how many there are (set run.reproducible = false)"},
    {kSmall,
     {"export.best=true", "checkpoint.keep_best=false"},
     "command line: export.best: needs checkpoint.keep_best = true\n"
     "command line: export.best: needs validation data (set data.validation or "
     "data.validation_split)"},
    {kSmall,
     {"debug.kill_step=3"},
     "command line: debug.kill_step: needs debug.kill_rank, the rank that fails"},
    {kSmall,
     {"debug.slow_rank_ms=3"},
     "command line: debug.slow_rank_ms: needs debug.kill_rank, the rank that is slow"},
};

class ErrorTest : public testing::TestWithParam<Case> {};
TEST_P(ErrorTest, HasItsFullMessage) {
  EXPECT_EQ(errors_of(GetParam().text, GetParam().overrides), GetParam().message);
}
INSTANTIATE_TEST_SUITE_P(Syntax, ErrorTest, testing::ValuesIn(kSyntax));
INSTANTIATE_TEST_SUITE_P(Keys, ErrorTest, testing::ValuesIn(kKeys));
INSTANTIATE_TEST_SUITE_P(Values, ErrorTest, testing::ValuesIn(kValues));
INSTANTIATE_TEST_SUITE_P(Data, ErrorTest, testing::ValuesIn(kDataRules));
INSTANTIATE_TEST_SUITE_P(Model, ErrorTest, testing::ValuesIn(kModelRules));
INSTANTIATE_TEST_SUITE_P(Other, ErrorTest, testing::ValuesIn(kOtherRules));

TEST(Errors, TheSmallExperimentHasNone) { EXPECT_EQ(errors_of(kSmall), "no error"); }

TEST(Errors, AreReportedTogetherSortedByLine) {
  EXPECT_EQ(
      errors_of(
          kSmall +
              "batch_size = 0\n[trian]\nema = 1\n[optimizer]\nlr = x\nlr = 1\n[train]\nemma = 1\n",
          {"run.seed"}),
      "exp.ini:7: train.batch_size: 0 is out of range (1 to 16777216 samples)\n"
      "exp.ini:8: unknown section [trian] (did you mean [train]?)\n"
      "exp.ini:11: optimizer.lr: \"x\" is not a number\n"
      "exp.ini:12: optimizer.lr: duplicate key (first at exp.ini:11)\n"
      "exp.ini:14: train.emma: unknown key (did you mean train.ema?)\n"
      "command line: --run.seed: no value (write --run.seed=VALUE)");
}

TEST(Errors, AFileValueIsCheckedEvenWhenTheCommandLineOverridesIt) {
  EXPECT_EQ(errors_of(kSmall + "batch_size = x\n", {"train.batch_size=3"}),
            "exp.ini:7: train.batch_size: \"x\" is not an integer");
}

TEST(Errors, AnUnreadableFileIsAConfigError) {
  try {
    load_experiment("/nonexistent/exp.ini", {});
    FAIL() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "cannot open /nonexistent/exp.ini: No such file or directory");
    EXPECT_EQ(error.hint(), "check the path");
  }
}

TEST(Errors, HintAtTheSchema) {
  try {
    parse("");
    FAIL() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.hint(),
              "`trireme config --schema` lists every key with type, range and default");
    EXPECT_EQ(error.code(), ExitCode::config);
  }
}

}  // namespace
}  // namespace trireme
