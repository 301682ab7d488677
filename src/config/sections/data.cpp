#include "config/sections/sections.h"

namespace trireme::config {

namespace {

const std::vector<std::string> kReaders = {"csv", "idx", "tar", "folder", "npy", "synthetic"};

void read_files(Section& s, DataConfig& c) {
  s.only_for("reader", {"csv", "idx", "tar", "folder", "npy"});
  c.train =
      s.paths("train", "files, globs or folders of the training split; required unless synthetic");
  c.validation = s.paths("validation", "files, globs or folders of the validation split");
  s.only_for("reader", {"idx", "npy"});
  c.train_labels =
      s.paths("train_labels", "label files of the training split, in the order of train");
  c.validation_labels = s.paths("validation_labels",
                                "label files of the validation split, in the order of validation");
  s.for_all();
  c.validation_split =
      s.number("validation_split", 0, {0, 0.999}, "of the training data",
               "share held out for validation, chosen by a hash of the sample's id");
}

void read_csv(Section& s, DataConfig& c) {
  s.only_for("reader", {"csv"});
  c.delimiter = s.text("delimiter", ",", "one character, or tab");
  c.header = s.boolean("header", true, "the first line names the columns");
  c.label = s.text("label", "label", "label column: its name, or its index from 0");
  c.categorical =
      s.list("categorical", "columns to encode one-hot, by their sorted training values");
  c.ignore = s.list("ignore", "columns to leave out");
  c.log = s.list("log", "numeric columns that become log(1 + max(0, x)) before normalisation");
  c.weight = s.text("weight", "", "column of sample weights; empty: all 1");
  c.missing =
      s.choice("missing", "error", {"mean", "zero", "error"}, "what empty numeric cells become");
  c.in_memory = s.choice("in_memory", "auto", {"auto", "true", "false"},
                         "false: rows are read block by block as they are needed; auto: above 1 "
                         "GiB of files");
  s.only_for("reader", {"csv", "npy", "synthetic"});
  c.target = s.choice("target", "class", {"class", "value"}, "labels are classes, or real numbers");
}

void read_ids(Section& s, DataConfig& c) {
  s.only_for("reader", {"csv"});
  c.ids = s.list("ids",
                 "columns whose cells become ids, keys of embedding rows; FIRST-LAST: all from one "
                 "to the other, as in categorical, ignore and log");
  c.ids_from = s.choice("ids_from", "hash", {"hash", "vocabulary"},
                        "hash: 63 bits of XXH64 seeded with the column's name; vocabulary: 1 + "
                        "place among the sorted training texts, 0: none of them");
  c.ids_buckets = s.integer("ids_buckets", 0, {0, 1e18}, "ids", "hash: modulo this; 0: none");
  c.ids_min_count = s.integer("ids_min_count", 1, {1, 1e12}, "rows",
                              "vocabulary: of training, that a text must occur in");
  c.ids_separator = s.text("ids_separator", "", "between the values of a cell; empty: it is one");
  c.ids_max =
      s.integer("ids_max", 1, {1, 65536}, "values", "kept of a cell; the others are cut off");
}

void read_images(Section& s, DataConfig& c) {
  s.only_for("reader", {"csv", "idx", "tar", "folder", "npy"});
  c.channels = s.integer("channels", 0, {0, 1024}, "channels", "of an image; 0: from the data");
  c.height = s.integer("height", 0, {0, 65536}, "pixels", "of an image; 0: from the data");
  c.width = s.integer("width", 0, {0, 65536}, "pixels", "of an image; 0: from the data");
  s.only_for("reader", {"idx", "tar", "folder", "npy"});
  c.resize =
      s.boolean("resize", false, "resize images (bilinear) of another size, instead of an error");
  s.only_for("reader", {"idx", "tar", "folder", "npy", "synthetic"});
  c.crop_padding = s.integer("crop_padding", 0, {0, 1024}, "pixels",
                             "training: pad by this much and crop at random; 0: off");
  c.flip = s.boolean("flip", false, "training: mirror horizontally at random");
}

void read_normalization(Section& s, DataConfig& c) {
  s.for_all();
  c.normalize = s.choice("normalize", "none", {"none", "unit", "standard", "given"},
                         "unit: x / scale; standard: by mean and deviation of the training split; "
                         "given: (x / scale - mean) / std");
  s.only_for("normalize", {"unit", "given"});
  c.scale = s.number("scale", 0, {0, 1e30}, "", "divisor; 0: 255 for images, 1 otherwise");
  s.only_for("normalize", {"given"});
  c.mean = s.numbers("mean", {-1e30, 1e30}, "", "per channel or column, of x / scale");
  c.std = s.numbers("std", {1e-30, 1e30}, "", "per channel or column, of x / scale");
}

void read_order(Section& s, DataConfig& c) {
  s.for_all();
  c.order = s.choice(
      "order", "full", {"full", "block", "sequential"},
      "full: a permutation of all samples; block: of blocks, then within groups of blocks");
  s.only_for("order", {"block"});
  c.block_size = s.integer("block_size", 4096, {1, 1 << 30}, "samples", "of a block");
  s.for_all();
  c.shuffle =
      s.boolean("shuffle", c.order != "sequential", "a new order each epoch; false: as stored");
  c.drop_last = s.boolean("drop_last", false, "leave out an epoch's last, smaller batch");
  c.class_balanced = s.boolean("class_balanced", false, "draw classes uniformly, with replacement");
  c.prefetch_threads = s.integer("prefetch_threads", -1, {-1, 256}, "threads",
                                 "that read ahead; -1: chosen, 0: none");
  c.prefetch_batches = s.integer("prefetch_batches", 2, {1, 1024}, "batches", "read ahead at most");
}

void read_synthetic(Section& s, DataConfig& c) {
  s.only_for("reader", {"synthetic"});
  c.shape = s.integers("shape", {1, 1 << 24}, "", "of a sample: C,H,W or F (also as 3x32x32)");
  c.samples = s.integer("samples", 1024, {1, 1e12}, "samples", "in the training split");
  c.validation_samples =
      s.integer("validation_samples", 0, {0, 1e12}, "samples", "in the validation split");
  c.ids_features = s.integer("ids_features", 0, {0, 1 << 16}, "features", "of ids; 0: no ids");
  c.ids_values = s.integer("ids_values", 1, {1, 1 << 16}, "ids",
                           "most of one feature; a sample has 1 or more");
  c.ids_range = s.integer("ids_range", 1000, {1, 1e15}, "ids", "of one feature: 0 to this - 1");
  c.ids_skew = s.number("ids_skew", 1, {0, 10}, "",
                        "exponent of Zipf's law: id k comes up in proportion to (k + 1) ^ -skew");
  s.for_all();
  c.classes =
      s.integer("classes", 0, {0, 1 << 24}, "classes", "0: from the data; synthetic needs it");
}

// (data.reader, needs) pairs that the types alone do not say.
void check(Section& s, const DataConfig& c) {
  const bool synthetic = c.reader == "synthetic", labels = c.reader == "idx" || c.reader == "npy";
  if (c.reader.empty()) return;
  const auto require = [&](bool missing, const std::string& key, const std::string& what) {
    if (missing && !s.given(key)) s.fail(key, "missing (" + what + ")");
  };
  require(!synthetic && c.train.empty(), "train", "the training files of reader = " + c.reader);
  require(labels && c.train_labels.empty(), "train_labels",
          "the label files of reader = " + c.reader);
  require(labels && !c.validation.empty() && c.validation_labels.empty(), "validation_labels",
          "data.validation is set");
  require(synthetic && c.shape.empty(), "shape", "the shape of a synthetic sample");
  require(synthetic && c.target == "class" && c.classes == 0, "classes",
          "the number of synthetic classes");
  require(c.normalize == "given" && c.mean.empty(), "mean", "normalize = given");
  require(c.normalize == "given" && c.std.empty(), "std", "normalize = given");
}

void check_ids(Section& s, const DataConfig& c) {
  const bool hash = c.ids_from == "hash";
  if (!hash && c.ids_buckets > 0)
    s.fail("ids_buckets", "conflicts with data.ids_from = vocabulary (" +
                              s.place("ids_from").str() + "): its size is that of the data");
  if (hash && c.ids_min_count > 1)
    s.fail("ids_min_count", "needs data.ids_from = vocabulary: hashing counts nothing");
  if (c.ids_max > 1 && c.ids_separator.empty())
    s.fail("ids_max", "needs data.ids_separator: without one a cell is one value");
  if (!c.ids_separator.empty() &&
      (c.ids_separator == c.delimiter || (c.delimiter == "tab" && c.ids_separator == "\t")))
    s.fail("ids_separator", "is data.delimiter, which ends the cell");
}

void check_conflicts(Section& s, const DataConfig& c) {
  if (c.validation_split > 0 && (!c.validation.empty() || c.validation_samples > 0)) {
    const std::string other = c.validation.empty() ? "validation_samples" : "validation";
    s.fail("validation_split", "conflicts with data." + other + " (" + s.place(other).str() +
                                   "): validation data comes from one of them");
  }
  if (!c.mean.empty() && !c.std.empty() && c.mean.size() != c.std.size()) {
    s.fail("std", std::to_string(c.std.size()) + " values, but data.mean has " +
                      std::to_string(c.mean.size()));
  }
  if (c.order == "sequential" && c.shuffle && s.given("shuffle") && s.given("order")) {
    s.fail("shuffle", "conflicts with data.order = sequential (" + s.place("order").str() + ")");
  }
  if (c.class_balanced && c.target == "value") {
    s.fail("class_balanced", "conflicts with data.target = value (" + s.place("target").str() +
                                 "): there are no classes");
  }
  check_ids(s, c);
  if (c.delimiter != "tab" && c.delimiter.size() != 1) {
    s.fail("delimiter", "\"" + c.delimiter + "\" is not one character or tab");
  }
}

}  // namespace

DataConfig read_data(Section& s) {
  DataConfig c;
  c.reader = s.required_choice("reader", kReaders, "format of the data");
  read_files(s, c);
  read_csv(s, c);
  read_ids(s, c);
  read_images(s, c);
  read_normalization(s, c);
  read_order(s, c);
  read_synthetic(s, c);
  check(s, c);
  check_conflicts(s, c);
  return c;
}

}  // namespace trireme::config
