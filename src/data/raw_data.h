#pragma once
// Samples as a reader found them, before normalisation.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "data/source.h"

namespace trireme {

// As data.classes: where nothing declares how many there are, a higher label is a mistake.
constexpr int64_t kMostClasses = int64_t{1} << 24;

// A file of the data set and the name that stands for it in fingerprints.
struct NamedFile {
  Path path;
  std::string name;
};

// A sample of data that is not in memory: as it was read, valid as long as `keep` is held. Null or
// 0: the data has no such thing.
struct RawSample {
  const float* input = nullptr;
  const float* target = nullptr;
  const int64_t* ids = nullptr;
  int64_t label = 0;
  float weight = 1;
  std::shared_ptr<const void> keep;
};

// Values are N samples of `shape` in memory order (H,W,C for images). Exactly one of bytes, floats,
// decode, generate and fetch gives them, none where there are ids alone (shape 0). fetch gives
// labels, targets, weights and ids as well. The functions are thread-safe.
struct RawData {
  int64_t samples = 0;
  Shape shape;
  bool image = false;
  std::vector<uint8_t> bytes;
  std::vector<float> floats;
  std::function<void(uint64_t id, uint8_t* values)> decode;
  std::function<void(uint64_t id, float* values)> generate;
  std::function<RawSample(uint64_t id)> fetch;
  std::vector<int64_t> class_counts;  // fetch, data.target = class: training samples of each class
  bool fetches_weights = false;

  std::vector<int64_t> labels;  // data.target = class
  int64_t classes = 0;  // known to the reader (folders, names, synthetic); 0: from the labels
  std::vector<std::string> class_names;
  std::vector<float> targets;  // data.target = value
  int64_t target_width = 1;
  std::vector<float> weights;  // empty: none
  std::vector<int64_t> ids;    // N x id_features x id_values, -1: none
  int64_t id_features = 0, id_values = 0;
  std::vector<std::string> id_names;

  FeatureMap features;           // CSV only
  std::vector<NamedFile> files;  // what the fingerprint covers
  std::string parameters;        // synthetic: what it was drawn from

  bool eight_bit() const { return !bytes.empty() || decode; }
  bool has_labels() const { return !labels.empty() || !class_counts.empty(); }
  bool has_weights() const { return !weights.empty() || fetches_weights; }
  bool has_input() const { return shape.elements() > 0; }
  int64_t channels() const { return shape[0]; }  // of an image; a table's columns otherwise
};

// Which samples belong to the validation split: a pure function of (seed, id).
struct Split {
  double fraction = 0;
  uint64_t seed = 0;
  bool validation(uint64_t id) const;
};

// What a reader is asked for.
struct ReadRequest {
  const DataConfig& config;
  const std::vector<std::string>& files;
  const std::vector<std::string>& label_files;
  const Preprocessing* known = nullptr;  // of the training split or an export; null: derive it
  Split split;                           // held-out samples take no part in what is derived
  uint64_t seed = 0;
  bool training = true;
};

// One reader a file in data/readers/. Each throws DataError naming file and line, offset or sample.
RawData read_idx(const ReadRequest& request);
RawData read_npy(const ReadRequest& request);
RawData read_csv(const ReadRequest& request);
RawData read_tar(const ReadRequest& request);
RawData read_folder(const ReadRequest& request);
RawData read_synthetic(const ReadRequest& request);

}  // namespace trireme
