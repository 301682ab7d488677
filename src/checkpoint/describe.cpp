#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/describe_tables.h"

namespace trireme {
namespace {

constexpr std::array kSummaryKeys = {"run.name",         "data.reader",     "model.preset",
                                     "train.batch_size", "train.precision", "train.virtual_shards",
                                     "optimizer.name",   "optimizer.lr",    "schedule.name"};

// section.key -> value of an INI text.
std::map<std::string, std::string> ini_values(const std::string& ini) {
  std::map<std::string, std::string> values;
  std::string section;
  for (const std::string& raw : split(ini, '\n')) {
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == '[' && line.back() == ']') {
      section = std::string(line.substr(1, line.size() - 2)) + ".";
      continue;
    }
    const size_t at = line.find('=');
    if (at == std::string_view::npos) continue;
    values.emplace(section + std::string(trim(line.substr(0, at))), trim(line.substr(at + 1)));
  }
  return values;
}

using Out = std::back_insert_iterator<std::string>;

void describe_state(Out out, const Manifest& m) {
  const RunState& s = m.state;
  fmt::format_to(out, "created         {}\n", m.created);
  fmt::format_to(out, "step            {} ({} updates applied)\n", s.step, s.updates);
  fmt::format_to(out, "samples         {}\n", s.samples);
  fmt::format_to(out, "next            epoch {}, position {}\n", s.epoch, s.position);
  fmt::format_to(out, "seed            {}\n", s.seed);
  if (s.best_step >= 0) {
    fmt::format_to(out, "best            {} at step {}, {} evaluations ago\n", s.best_metric,
                   s.best_step, s.evaluations_without_improvement);
  }
  fmt::format_to(out, "elapsed         {:.1f} s\n", s.elapsed_seconds);
  fmt::format_to(out,
                 "ranks           any (virtual shards {}, reproducible {}, level {}, oneDNN {})\n",
                 s.virtual_shards, s.reproducible, s.cpu_level, s.onednn_version);
  fmt::format_to(out, "graph           {}\nparameters      {}\ndata            {}\n", s.graph_hash,
                 s.params_hash, s.data_fingerprint);
  const auto values = ini_values(s.config);
  for (const char* key : kSummaryKeys) {
    const auto it = values.find(key);
    if (it != values.end()) fmt::format_to(out, "{:<22}{}\n", key, it->second);
  }
}

void describe_tensors(Out out, const std::vector<TensorMeta>& tensors) {
  size_t name_width = 6, shape_width = 5, total = 0;
  int64_t elements = 0;
  for (const TensorMeta& t : tensors) {
    name_width = std::max(name_width, t.name.size());
    shape_width = std::max(shape_width, t.shape.str().size());
  }
  fmt::format_to(out, "\n{:<{}}  {:<{}}  {:<8}  {:>12}\n", "tensor", name_width, "shape",
                 shape_width, "dtype", "bytes");
  for (const TensorMeta& t : tensors) {
    fmt::format_to(out, "{:<{}}  {:<{}}  {:<8}  {:>12}\n", t.name, name_width, t.shape.str(),
                   shape_width, name_of(t.dtype), t.bytes());
    total += t.bytes();
    elements += t.shape.elements();
  }
  fmt::format_to(out, "{} tensors, {} elements, {} bytes ({})\n", tensors.size(), elements, total,
                 human_bytes(static_cast<double>(total)));
}

}  // namespace

std::string describe_checkpoint(const Path& checkpoint) {
  const CheckpointReader reader(checkpoint, /*verify=*/false);
  const Manifest& m = reader.manifest();
  std::string text;
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "checkpoint      {}\n", checkpoint.string());
  describe_state(out, m);
  describe_tensors(out, reader.whole_tensors());
  for (const StoredTable& table : stored_tables(reader))
    text += describe_table(table, m.state.updates);
  fmt::format_to(out, "\nsha256 of the weights  {}\n", weights_hash(reader));
  for (const ShardFile& f : m.files) {
    fmt::format_to(out, "{}  {}  {} bytes\n", f.sha256, f.name, f.bytes);
  }
  return text;
}

}  // namespace trireme
