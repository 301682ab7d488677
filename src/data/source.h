#pragma once
// Where samples come from. A source is const and thread-safe: lanes and prefetch threads call
// read().

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "kernels/kernel_types.h"  // SampleKey
#include "tensor/buffer.h"

namespace trireme {

// What a data set looks like; decides the model's input and output when the file does not say.
struct Schema {
  Shape input;                           // C,H,W (image = true) or F
  bool image = false;                    // memory order of a sample is H,W,C
  int64_t classes = 0;                   // 0: real-valued targets
  std::vector<std::string> class_names;  // empty: the numbers
  int64_t target_width = 1;              // values per sample when classes == 0
  bool weighted = false;
  // Beside the input, or instead of one (input 0): keys of rows in embedding tables, id_values of
  // each of id_features features; -1 where a feature has fewer.
  int64_t id_features = 0, id_values = 0;
  std::vector<std::string> id_names;                       // of the features; empty: the numbers
  int64_t ids() const { return id_features * id_values; }  // of a sample
};

// x' = (x - mean) * inverse_std, by channel (image) or column; computed once from the training
// split, kept in checkpoints and exports. Empty: none.
struct Normalization {
  std::vector<double> mean, std;
};

// Columns that CSV features come from, so that a prediction can read the same file. Kept in
// exports.
struct FeatureMap {
  struct Column {
    std::string name;
    std::vector<std::string> categories;  // empty: numeric
    double fill = 0;                      // for missing numeric values
    bool log = false;                     // log(1 + max(0, x)) instead of x
  };
  std::vector<Column> columns;
  // Columns whose cells become ids: a hash of the text, or 1 + its place in the vocabulary, 0: it
  // is not there. A missing cell is the text "".
  struct IdColumn {
    std::string name;
    std::vector<std::string> vocabulary;  // sorted; empty where hashed
  };
  struct Ids {
    std::vector<IdColumn> columns;
    bool hashed = true;
    int64_t buckets = 0;    // hashed: ids are below this; 0: below 2^63
    std::string separator;  // between the values of a cell; "": one
    int64_t values = 1;     // kept of a cell
  };
  Ids ids;
};

// Everything that turns raw data into model input; serialised into checkpoints and exports as JSON.
struct Preprocessing {
  Schema schema;
  Normalization normalization;
  FeatureMap features;
  std::string to_json() const;
  static Preprocessing from_json(const std::string& text);  // FormatError
};

// Where one sample is to be written. Sizes as in Schema.
struct SampleOut {
  float* input;            // H,W,C for images; may be null
  int64_t* label;          // classes > 0
  float* target;           // classes == 0
  float* weight;           // may be null
  int64_t* ids = nullptr;  // id_features x id_values; may be null
  // In place of `input`, of sources that read bytes: the same, but not normalised.
  uint8_t* bytes = nullptr;
};

class DataSource {
 public:
  virtual ~DataSource() = default;
  virtual int64_t size() const = 0;
  virtual const Preprocessing& preprocessing() const = 0;
  // Sample `id`, normalised; with augmentation when `augment`, drawn from (seed, key) alone.
  // Throws DataError naming file and offset, line or sample.
  virtual void read(uint64_t id, const SampleKey& key, bool augment,
                    const SampleOut& out) const = 0;
  virtual int64_t label(uint64_t id) const = 0;  // classes > 0; for class-balanced order and checks
  // Where the sample is in what was read: its row or number over all files, from 0.
  virtual uint64_t place(uint64_t id) const { return id; }
  virtual bool in_memory() const = 0;  // read() is a copy: no prefetch thread is worth it
  // Before they are normalised, inputs are bytes: SampleOut::bytes may be asked for.
  virtual bool reads_bytes() const { return false; }
  // SHA-256 over sorted file names, sizes and contents' hashes (or the synthetic parameters): ranks
  // compare it.
  virtual std::string fingerprint() const = 0;
};

struct DataSets {
  std::unique_ptr<DataSource> train, validation;  // validation may be null
};
// Opens what [data] declares. `fixed`: preprocessing from a checkpoint or export, instead of
// computing it.
DataSets open_data(const DataConfig& config, uint64_t seed,
                   const std::optional<Preprocessing>& fixed = {});

}  // namespace trireme
