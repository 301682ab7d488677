#pragma once
// The experiment, typed. Every field here is one key of the experiment file, declared once in
// config/sections/*.cpp with type, default, range, unit and help; from those declarations come
// parsing, `trireme config --schema` and docs/experiment-file.md. The batch size is the GLOBAL
// batch.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace trireme {

struct RunConfig {     // [run]
  std::string name;    // default: the file's stem
  std::string dir;     // parent of run directories, "runs"
  uint64_t seed;       // 42
  std::string device;  // cpu | cuda | auto; default auto
  std::vector<int64_t>
      device_ids;         // CUDA device of each node-local rank; empty: one each, in order
  int64_t lanes;          // threads that run leaves in each rank; 0: from the affinity mask
  bool reproducible;      // true
  double timeout;         // seconds a wait may last, 300
  double log_interval;    // seconds between progress lines in a batch log, 10
  bool progress;          // true: a bar on a terminal
  std::string cpu_level;  // "" = the best all ranks have; else baseline | x86-64-v3 | x86-64-v4
  friend bool operator==(const RunConfig&, const RunConfig&) = default;
};

struct DataConfig {    // [data]
  std::string reader;  // csv | idx | tar | folder | npy | synthetic; required
  std::vector<std::string>
      train;  // files, globs or folders; idx and npy: images/features first ...
  std::vector<std::string> train_labels;  // ... idx, npy: labels
  std::vector<std::string> validation, validation_labels;
  double validation_split;  // 0..1 of the training data, by hash of the sample id; when
                            // `validation` is empty
  // csv
  std::string delimiter;                 // "," | "tab" | ";" ...
  bool header;                           // true
  std::string label;                     // column name or index from 0; default "label"
  std::vector<std::string> categorical;  // columns, one-hot by sorted values of the training split
  std::vector<std::string> ignore;       // columns
  std::string weight;                    // column of sample weights; "" none
  std::vector<std::string> log;          // numeric columns that become log(1 + max(0, x))
  std::vector<std::string> ids;          // columns whose cells become ids
  std::string ids_from;                  // hash | vocabulary
  int64_t ids_buckets;                   // hash: modulo this; 0: 63 bits
  int64_t ids_min_count;                 // vocabulary: training rows that must hold a text
  std::string ids_separator;             // between the values of a cell; "": one
  int64_t ids_max;                       // values kept of a cell
  std::string in_memory;                 // auto | true | false: read block by block
  std::string missing;                   // mean | zero | error: numeric cells that are empty
  std::string target;  // class | value: labels are class names/ids, or real numbers; default class
  // images
  int64_t channels, height,
      width;  // 0: from the data; images of another size are an error (resize = true: bilinear)
  bool resize;
  int64_t crop_padding;  // random crop after padding by this many pixels; 0: off; training only
  bool flip;             // random horizontal flip; training only
  // normalisation: x' = (x - mean) / std per channel (images) or column (csv)
  std::string normalize;  // none | unit (divide by 255 or by scale) | standard (statistics of the
                          // training split) | given
  double scale;           // unit: divide by this; 0: 255 for images, 1 otherwise
  std::vector<double> mean, std;  // given
  // order and batches
  std::string order;         // full | block | sequential
  int64_t block_size;        // samples of a block, order = block
  bool shuffle;              // true
  bool drop_last;            // false: the last, smaller batch is trained exactly
  bool class_balanced;       // draw classes uniformly (with replacement)
  int64_t prefetch_threads;  // -1: auto (0 for data in memory without decoding)
  int64_t prefetch_batches;  // 2
  // synthetic
  std::vector<int64_t> shape;  // of a sample, C,H,W or F
  int64_t classes;             // 0: from the data; synthetic: required
  int64_t samples, validation_samples;
  int64_t ids_features, ids_values, ids_range;  // 0 features: no ids
  double ids_skew;
  friend bool operator==(const DataConfig&, const DataConfig&) = default;
};

// One `layer =`, `input =`, `loss =` or `metric =` line, as written; model/build.cpp gives it
// meaning.
struct LayerLine {
  std::string name;  // "" unnamed: the builder numbers it (conv2d_1)
  std::string op;
  std::vector<std::string> from;  // "" none: the previous layer
  std::vector<std::pair<std::string, std::string>>
      options;         // key=value in order, from= and target= excluded
  std::string target;  // losses
  std::string file;
  int line = 0;
  // Where a line was written does not matter.
  friend bool operator==(const LayerLine& a, const LayerLine& b) {
    return std::tie(a.name, a.op, a.from, a.options, a.target) ==
           std::tie(b.name, b.op, b.from, b.options, b.target);
  }
};

struct ModelConfig {                                                // [model]
  std::string preset;                                               // "" none
  std::vector<std::pair<std::string, std::string>> preset_options;  // the preset's own keys
  std::vector<LayerLine> inputs, layers, losses, metrics;
  // --model.NAME.key=value: layer name -> options that replace or extend
  std::map<std::string, std::vector<std::pair<std::string, std::string>>> overrides;
  std::string initializer;  // pytorch | keras
  std::string init_from;    // checkpoint, run or safetensors file
  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

struct SlotRuleConfig {  // lr_scale = PATTERN:FACTOR and so on
  std::string pattern;
  double factor;
  friend bool operator==(const SlotRuleConfig&, const SlotRuleConfig&) = default;
};

struct TrainConfig {                // [train]
  int64_t batch_size;               // global, 64
  double max_epochs;                // 10
  int64_t max_steps;                // 0: no limit
  double max_time;                  // seconds; 0: no limit
  int64_t virtual_shards;           // 8
  double eval_every;                // epochs; 1; 0: only at the end
  int64_t eval_batch_size;          // 0: batch_size
  std::string precision;            // fp32 | tf32 | bf16 | fp16
  double clip_norm, clip_value;     // 0: off
  double clip_row_norm;             // of each row of a table; 0: off
  double clip_table_norm;           // of each table's rows together; 0: off
  double ema;                       // 0: off; decay of the average used by evaluation and export
  int64_t early_stopping;           // evaluations without improvement; 0: off
  std::string monitor;              // validation/loss, validation/accuracy ...
  std::string non_finite;           // stop | skip
  std::vector<std::string> freeze;  // patterns over parameter names
  friend bool operator==(const TrainConfig&, const TrainConfig&) = default;
};

struct OptimizerConfig {  // [optimizer]
  std::string name;       // sgd | adam | adamw | adagrad | rmsprop | ftrl
  double lr, momentum, dampening, beta1, beta2, epsilon, weight_decay, rho, lr_decay,
      initial_accumulator, l1, l2, beta;
  bool nesterov, centered;
  bool rowwise;    // adagrad on tables: one sum a row
  bool decay_all;  // false: biases and normalisation parameters are excluded from decay
  std::vector<SlotRuleConfig> lr_scale, decay_scale;
  friend bool operator==(const OptimizerConfig&, const OptimizerConfig&) = default;
};

struct ScheduleConfig {  // [schedule]
  std::string name;      // constant | step | multi_step | exponential | polynomial | cosine
  double warmup;         // in `unit`s, linear from warmup_start * lr
  double warmup_start;
  std::string unit;                // epochs | steps
  double step_size, gamma;         // step, exponential
  std::vector<double> milestones;  // multi_step
  double power, end_factor;        // polynomial, cosine: final lr = end_factor * lr
  double total;                    // 0: the run's length
  friend bool operator==(const ScheduleConfig&, const ScheduleConfig&) = default;
};

struct ExchangeConfig {       // [exchange]
  std::string name;           // all_reduce | parameter_server
  double bucket_mib;          // of gradients that travel together between hosts
  int64_t hash_every;         // steps between comparisons of parameter hashes over nodes; 0: off
  int64_t servers;            // parameter_server: how many of the last ranks
  std::string consistency;    // parameter_server: sync | bounded | async
  int64_t staleness;          // bounded: steps
  std::string tables;         // parameter_server: served | replicated
  std::string dense;          // parameter_server: served | all_reduce
  std::string codec;          // of pushes to servers: none | fp16 | bf16 | int8 | top_k
  double top_k;               // share of a block's elements that top_k sends
  int64_t push_every;         // bounded, async: steps
  double delay_compensation;  // bounded, async: lambda of DC-ASGD; 0: off
  friend bool operator==(const ExchangeConfig&, const ExchangeConfig&) = default;
};

struct TablesConfig {    // [tables]: the life of a row of an embedding table
  int64_t admit_after;   // steps that must see a key before it gets a row; 1: the first
  int64_t expire_after;  // steps without the key, after which its row goes; 0: never
  double budget_mib;     // of memory for each table; 0: no limit
  std::string evict;     // over budget, rows go by: lru | lfu
  friend bool operator==(const TablesConfig&, const TablesConfig&) = default;
};

struct CudaConfig {         // [cuda]
  bool graph;               // record a step once, replay it
  bool tune;                // time cuDNN's engines when plans are made
  std::string plans;        // folder that keeps plans; "": in the user's cache
  std::string reduce_type;  // of gradients between devices: fp32 | bf16
  friend bool operator==(const CudaConfig&, const CudaConfig&) = default;
};

struct CheckpointConfig {  // [checkpoint]
  int64_t every_steps;     // 0: off
  double every_minutes;    // 0: off
  double every_epochs;     // 1
  int64_t keep;            // 3 newest
  bool keep_best;          // true, by train.monitor
  double max_shard_mib;    // 1024
  bool servers_write;      // true: rows of tables on servers, by these
  friend bool operator==(const CheckpointConfig&, const CheckpointConfig&) = default;
};

struct ExportConfig {                // [export]
  std::vector<std::string> formats;  // onnx, safetensors; empty: none
  int64_t goldens;                   // samples recorded, 4
  double atol, rtol;                 // 1e-5, 1e-4
  bool best;                         // false: the last weights; true: the best checkpoint's
  friend bool operator==(const ExportConfig&, const ExportConfig&) = default;
};

struct DebugConfig {  // [debug]
  int64_t kill_rank;  // -1: none
  int64_t kill_step;
  std::string kill_how;      // kill | exit | hang | throw
  int64_t nan_step;          // -1: none; poisons one sample's gradient at this step
  double loss_scale;         // 0: none; else where a device's starts, in any precision
  double slow_rank_ms;       // extra time per step on kill_rank
  double stall, stall_ms;    // of its steps, the share that each rank sleeps before
  double repeat_messages;    // between workers and servers: the share that comes twice
  double delay_messages_ms;  // at most; each by another time, so that they overtake
  friend bool operator==(const DebugConfig&, const DebugConfig&) = default;
};

// One resolved key, for printing and the run directory.
struct ResolvedKey {
  std::string section, key, value;
  std::string origin;  // "file.ini:12", "command line", "default", "preset lenet5"
};

struct Experiment {
  std::string file;
  RunConfig run;
  DataConfig data;
  ModelConfig model;
  TrainConfig train;
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  ExchangeConfig exchange;
  TablesConfig tables;
  CudaConfig cuda;
  CheckpointConfig checkpoint;
  ExportConfig export_;
  DebugConfig debug;
  std::vector<ResolvedKey> resolved;

  // The resolved experiment as an INI file that reads back to the same Experiment; with_origins
  // adds
  // "# origin" comments.
  std::string to_ini(bool with_origins) const;
};

// Reads `file` and applies overrides ("section.key=value", without the leading dashes). Reports
// every error at once in one ConfigError: one line per error, "file:line: section.key: what
// (hint)".
Experiment load_experiment(const std::string& file, const std::vector<std::string>& overrides);
// The same from text (checkpoints, exports). `file` names the origin in messages.
Experiment parse_experiment(const std::string& text, const std::string& file,
                            const std::vector<std::string>& overrides);

// Every key with type, default, range, unit and help.
std::string schema_text();
std::string schema_json();
std::string schema_markdown();  // docs/experiment-file.md

}  // namespace trireme
