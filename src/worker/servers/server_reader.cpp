#include "worker/servers/server_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/mapped_pages.h"
#include "base/sha256.h"
#include "checkpoint/manifest.h"
#include "ps/message.h"
#include "ps/table_shards.h"
#include "tensor/slot_order.h"
#include "worker/servers/save_place.h"

namespace trireme {
namespace {
constexpr size_t kChunkBytes = 4 << 20;
}

ServerReader::ServerReader(int server, int servers, What what)
    : server_(server), servers_(servers), what_(std::move(what)) {}

bool ServerReader::sees(const std::string& place) {
  const SavePlace wanted = SavePlace::from(place);
  const Path manifest = wanted.path / kManifestName;
  std::error_code ignored;
  return std::filesystem::is_regular_file(manifest, ignored) &&
         sha256_file(manifest.string()).hex() == wanted.words;
}

void ServerReader::begin(const std::string& place) {
  checkpoint_ = std::make_unique<CheckpointReader>(SavePlace::from(place).path, /*verify=*/false);
  const auto add = [&](size_t table, ps::Part part, std::vector<StoredRows> parts) {
    for (StoredRows& rows : parts)
      sources_.push_back({static_cast<int>(table), part, std::move(rows)});
  };
  for (size_t t = 0; t < what_.tables.size(); ++t) {
    const TableSpec& table = what_.tables[t];
    add(t, ps::Part::rows,
        stored_rows(*checkpoint_, table, what_.optimizer.moments(table.dim),
                    what_.optimizer.row_state(table.dim)));
    if (what_.life.admit_after > 1)
      add(t, ps::Part::candidates, stored_candidates(*checkpoint_, table));
  }
}

const TensorMeta* ServerReader::find(uint32_t buffer, const Slot& slot) const {
  const std::string weights = "model." + slot.name;
  if (buffer == ps::kWeights) return checkpoint_->find(weights);
  if (buffer != ps::kAverage)
    return checkpoint_->find("optimizer." + what_.moments[buffer - ps::kFirstMoment] + "." +
                             slot.name);
  const TensorMeta* average = checkpoint_->find("ema." + slot.name);
  return average ? average : checkpoint_->find(weights);
}

void ServerReader::read(uint32_t buffer, Range range, float* out) {
  for (const Slot& slot : what_.params.slots()) {
    const Range part{std::max(range.begin - slot.offset, int64_t{0}),
                     std::min(range.end - slot.offset, slot.count)};
    if (part.size() <= 0) continue;
    const TensorMeta* tensor = find(buffer, slot);
    if (!tensor) continue;
    if (tensor->shape != slot.logical || tensor->dtype != DType::f32)
      throw FormatError(
          fmt::format("{}: {} is {} {}, this experiment needs float32 {}",
                      checkpoint_->path().string(), tensor->name, name_of(tensor->dtype),
                      tensor->shape.str(), slot.logical.str()),
          "resume with the experiment file that started the run");
    const std::byte* from = checkpoint_->data(*tensor).data();
    float* to = out + (slot.offset - range.begin);
    for_each_run(slot, part, [&](const LogicalRun& run) {
      const std::byte* first = from + static_cast<size_t>(run.logical) * sizeof(float);
      const size_t bytes = static_cast<size_t>(run.length) * sizeof(float);
      if (run.stride == 1) {
        std::memcpy(to + run.stored, first, bytes);
        forget_pages({first, bytes});
      } else
        for (int64_t i = 0; i < run.length; ++i)
          std::memcpy(to + run.stored + i,
                      first + static_cast<size_t>(i * run.stride) * sizeof(float), sizeof(float));
    });
  }
}

std::optional<ps::StateReader::Rows> ServerReader::next() {
  chunk_.clear();
  for (; source_ < sources_.size(); ++source_, row_ = forgotten_ = 0) {
    const auto& [table, part, rows] = sources_[source_];
    const size_t size = rows.row_bytes();
    for (; row_ < rows.size() && chunk_.size() < kChunkBytes; ++row_) {
      if (ps::server_of_key(rows.key(row_), servers_) != server_) continue;
      chunk_.resize(chunk_.size() + size);
      rows.copy(row_, chunk_.data() + chunk_.size() - size);
    }
    rows.forget(std::exchange(forgotten_, row_), row_);
    if (!chunk_.empty()) return Rows{table, part, chunk_};
  }
  return std::nullopt;
}

void ServerReader::end() {
  sources_.clear();
  chunk_ = {};
  checkpoint_.reset();
}

}  // namespace trireme
