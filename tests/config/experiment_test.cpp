#include "config/experiment.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/rng.h"
#include "config/support.h"

namespace trireme {
namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

std::string in_folder(const std::string& path) {
  return (std::filesystem::current_path() / path).lexically_normal().string();
}

std::string origin_of(const Experiment& e, const std::string& section, const std::string& key) {
  for (const ResolvedKey& resolved : e.resolved) {
    if (resolved.section == section && resolved.key == key) return resolved.origin;
  }
  return "not resolved";
}

TEST(Experiment, HasTheDeclaredDefaults) {
  const Experiment e = parse(kSmall);
  EXPECT_EQ(e.run.name, "exp");
  EXPECT_EQ(e.run.dir, in_folder("runs"));
  EXPECT_EQ(e.train.batch_size, 64);
  EXPECT_EQ(e.data.prefetch_threads, -1);
  EXPECT_EQ(e.data.delimiter, ",");
  EXPECT_EQ(e.optimizer.lr, 0.01);
  EXPECT_EQ(e.model.preset_options,
            (Options{{"hidden", "128,64"}, {"activation", "relu"}, {"dropout", "0"}}));
}

TEST(Experiment, DefaultsFollowTheChosenMethod) {
  EXPECT_EQ(parse(kSmall, {"optimizer.name=adamw"}).optimizer.weight_decay, 0.01);
  EXPECT_EQ(parse(kSmall, {"optimizer.name=adam"}).optimizer.lr, 0.001);
  EXPECT_EQ(parse(kSmall, {"schedule.name=exponential"}).schedule.gamma, 0.95);
}

TEST(Experiment, KnowsTheOriginOfEachValue) {
  const Experiment e = parse(kSmall + "batch_size = 32\nema = 0.5\n", {"train.ema=0.9"});
  EXPECT_EQ(e.train.ema, 0.9);
  EXPECT_EQ(origin_of(e, "train", "batch_size"), "exp.ini:7");
  EXPECT_EQ(origin_of(e, "train", "ema"), "command line");
  EXPECT_EQ(origin_of(e, "train", "clip_norm"), "default");
  EXPECT_EQ(origin_of(e, "model", "dropout"), "preset mlp");
  EXPECT_EQ(origin_of(e, "optimizer", "beta1"), "not resolved");
}

TEST(Experiment, PathsStartAtTheFileOrAtTheCurrentFolder) {
  const std::string text =
      "[data]\nreader = csv\ntrain = ../a/*.csv, /b/./c.csv\n[model]\npreset = mlp\n[run]\ndir = "
      "r\n";
  const Experiment e = parse_experiment(text, "sub/folder/exp.ini", {"data.validation=v/"});
  EXPECT_EQ(e.data.train, (std::vector<std::string>{in_folder("sub/a/*.csv"), "/b/c.csv"}));
  EXPECT_EQ(e.data.validation, (std::vector<std::string>{in_folder("v")}));
  EXPECT_EQ(e.run.dir, in_folder("r"));
}

TEST(Experiment, TheCommandLineMayChangeTheChoiceThatAKeyBelongsTo) {
  const Experiment e = parse(kSmall + "[optimizer]\nmomentum = 0.9\n", {"optimizer.name=adam"});
  EXPECT_EQ(e.optimizer.momentum, 0);
  EXPECT_EQ(origin_of(e, "optimizer", "momentum"), "not resolved");
}

const std::string kLayers = R"([data]
reader = synthetic
shape = 1x28x28
classes = 10
[model]
input = 1x28x28
layer = c1: conv2d filters=32 \
        kernel=3 # the first
layer = merge: add from=c1,b.0
loss = softmax_cross_entropy from=merge target=label weight=0.5
metric = accuracy
)";

TEST(Experiment, ReadsLayerLinesInOrder) {
  const ModelConfig m = parse(kLayers).model;
  ASSERT_EQ(m.layers.size(), 2u);
  EXPECT_EQ(m.inputs[0].op, "1x28x28");
  EXPECT_EQ(m.layers[0].name, "c1");
  EXPECT_EQ(m.layers[0].options, (Options{{"filters", "32"}, {"kernel", "3"}}));
  EXPECT_EQ(m.layers[0].line, 7);
  EXPECT_EQ(m.layers[0].file, "exp.ini");
  EXPECT_EQ(m.layers[1].from, (std::vector<std::string>{"c1", "b.0"}));
  EXPECT_EQ(m.losses[0].target, "label");
  EXPECT_EQ(m.losses[0].options, (Options{{"weight", "0.5"}}));
}

TEST(Experiment, LinesOnTheCommandLineReplaceTheFiles) {
  const ModelConfig m = parse(kLayers, {"model.layer=flatten", "model.layer=dense units=10"}).model;
  ASSERT_EQ(m.layers.size(), 2u);
  EXPECT_EQ(m.layers[0].op, "flatten");
  EXPECT_EQ(m.layers[1].op, "dense");
}

TEST(Experiment, ChangesOneLayerByItsName) {
  const ModelConfig m =
      parse(kLayers + "c1.padding = same\n", {"model.block.0.conv.filters=8"}).model;
  EXPECT_EQ(m.overrides.at("c1"), (Options{{"padding", "same"}}));
  EXPECT_EQ(m.overrides.at("block.0.conv"), (Options{{"filters", "8"}}));
}

void expect_same(const Experiment& a, const Experiment& b) {
  EXPECT_EQ(a.run, b.run);
  EXPECT_EQ(a.data, b.data);
  EXPECT_EQ(a.model, b.model);
  EXPECT_EQ(a.train, b.train);
  EXPECT_EQ(a.optimizer, b.optimizer);
  EXPECT_EQ(a.schedule, b.schedule);
  EXPECT_EQ(a.exchange, b.exchange);
  EXPECT_EQ(a.checkpoint, b.checkpoint);
  EXPECT_EQ(a.export_, b.export_);
  EXPECT_EQ(a.debug, b.debug);
}

// Every combination is valid by itself; an entry may hold several overrides.
const std::vector<std::vector<std::vector<std::string>>> kVariations = {
    {{},
     {"optimizer.name=adam"},
     {"optimizer.name=rmsprop", "optimizer.momentum=0.3"},
     {"optimizer.name=adagrad", "optimizer.lr=1e-7"},
     {"optimizer.momentum=0.9", "optimizer.nesterov=true"}},
    {{},
     {"schedule.name=cosine", "schedule.warmup=0.1"},
     {"schedule.name=step", "schedule.step_size=3"},
     {"schedule.name=multi_step", "schedule.milestones=1, 2.5"},
     {"schedule.name=polynomial"}},
    {{},
     {"run.name= a # b \\"},
     {"run.name=\"quoted \\\" and , = \""},
     {"train.monitor=two\nlines"},
     {"run.name=5\" John's"},
     {"train.monitor="}},
    {{},
     {"train.freeze=a*, \"b,c\", \" d\""},
     {"train.max_steps=1000000000000"},
     {"train.ema=0.1234567890123"}},
    {{},
     {"data.validation_split=0.1"},
     {"data.validation=/x/*.csv, \"/y, z.csv\""},
     {"data.delimiter=\"\\t\""},
     {"data.normalize=given", "data.mean=1,2e-9", "data.std=3,4"}},
    {{}, {"data.order=sequential"}, {"data.order=block", "data.shuffle=false"}},
    {{}, {"model.dropout=0.5"}, {"model.preset=svm"}, {"model.dense_1.init=\"a b\""}},
    {{}, {"optimizer.lr_scale=conv*:0.1, \"a,b:2\""}, {"export.formats=onnx,safetensors"}},
};

TEST(Experiment, ReadsBackFromItsIniWhateverIsSet) {
  for (uint32_t trial = 0; trial < 60; ++trial) {
    std::vector<std::string> overrides;
    for (size_t i = 0; i < kVariations.size(); ++i) {
      const auto& choices = kVariations[i];
      const auto& chosen = choices[philox(trial, i, 0)[0] % choices.size()];
      overrides.insert(overrides.end(), chosen.begin(), chosen.end());
    }
    const Experiment e = parse(kSmall, overrides);
    SCOPED_TRACE(e.to_ini(false));
    expect_same(parse_experiment(e.to_ini(false), "other/place.ini", {}), e);
    expect_same(parse_experiment(e.to_ini(true), "other/place.ini", {}), e);
  }
}

TEST(Experiment, ReadsBackLayerLines) {
  const Experiment e = parse(kLayers, {"model.c1.name=\"a b\""});
  expect_same(parse(e.to_ini(true)), e);
}

}  // namespace
}  // namespace trireme
