#include "worker/servers/moment_files.h"

#include <algorithm>
#include <array>
#include <map>

#include "checkpoint/shards.h"
#include "tensor/slot_order.h"

namespace trireme {
namespace {

std::string tensor_name(const std::string& moment, const Slot& slot) {
  return "optimizer." + moment + "." + slot.name;
}

Bytes bytes_of(const float* values, int64_t count) {
  return std::as_bytes(std::span(values, static_cast<size_t>(count)));
}

}  // namespace

MomentFiles::MomentFiles(const ParamTable& params, std::span<const std::string> moments,
                         size_t max_bytes)
    : params_(params) {
  std::vector<TensorMeta> tensors;
  for (const std::string& moment : moments)
    for (const Slot& slot : params.slots())
      tensors.push_back({tensor_name(moment, slot), slot.logical, DType::f32});
  if (tensors.empty()) return;
  std::map<std::string, Place> places;
  auto shards = cut_shards(std::move(tensors), max_bytes);
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name("optimizer", i, shards.size());
    files_.push_back({name, SafetensorsLayout(name, std::move(shards[i]), {})});
    const SafetensorsLayout& layout = files_.back().layout;
    for (const TensorMeta& t : layout.tensors()) places[t.name] = {i, layout.offset_of(t.name)};
  }
  for (const std::string& moment : moments) {
    places_.emplace_back();
    for (const Slot& slot : params.slots())
      places_.back().push_back(places.at(tensor_name(moment, slot)));
  }
}

void MomentFiles::create(const Path& folder) const {
  for (const File& f : files_) {
    FilePieces file = FilePieces::make(folder / f.name);
    file.write_at(0, std::as_bytes(std::span(f.layout.head())));
    constexpr std::array<std::byte, 1> kZero{};
    if (f.layout.bytes() > f.layout.head().size()) file.write_at(f.layout.bytes() - 1, kZero);
    file.close();
  }
}

std::vector<WrittenPart> MomentFiles::parts() const {
  std::vector<WrittenPart> parts;
  for (const File& f : files_)
    parts.push_back({{f.name, f.layout.bytes(), {}}, f.layout.tensors()});
  return parts;
}

MomentPieces::MomentPieces(const MomentFiles& files, const Path& folder) : files_(files) {
  for (const MomentFiles::File& f : files.files()) opened_.emplace_back(folder / f.name);
}

void MomentPieces::write(size_t moment, Range range, const float* values) {
  const std::span<const Slot> slots = files_.params().slots();
  auto at = std::ranges::partition_point(
      slots, [&](const Slot& s) { return s.offset + s.count <= range.begin; });
  for (; at != slots.end() && at->offset < range.end; ++at) {
    const Range part{std::max(range.begin - at->offset, int64_t{0}),
                     std::min(range.end - at->offset, at->count)};
    const auto& place = files_.place(moment, static_cast<size_t>(at - slots.begin()));
    write_slot(opened_[place.file], place.offset, *at, part,
               values + (at->offset + part.begin - range.begin));
  }
}

// part: of the slot, counted from its first element. Where the first axis keeps its place, whole
// rows of it are whole rows of the logical tensor, and written together; what is left of others
// goes element by element.
void MomentPieces::write_slot(FilePieces& file, uint64_t at, const Slot& slot, Range part,
                              const float* values) {
  const auto offset = [at](int64_t element) {
    return at + static_cast<uint64_t>(element) * sizeof(float);
  };
  const auto write_runs = [&](Range range) {
    for_each_run(slot, range, [&](const LogicalRun& run) {
      const float* from = values + (run.stored - part.begin);
      if (run.stride == 1) return file.write_at(offset(run.logical), bytes_of(from, run.length));
      for (int64_t i = 0; i < run.length; ++i)
        file.write_at(offset(run.logical + i * run.stride), bytes_of(from + i, 1));
    });
  };
  if (slot.permutation.empty() || slot.permutation.front() != 0) return write_runs(part);
  const int64_t row = slot.count / slot.view[0];
  const Range rows{(part.begin + row - 1) / row * row, part.end / row * row};
  if (rows.size() <= 0) return write_runs(part);
  logical_.resize(static_cast<size_t>(rows.size()));
  for_each_run(slot, rows, [&](const LogicalRun& run) {
    for (int64_t i = 0; i < run.length; ++i)
      logical_[static_cast<size_t>(run.logical + i * run.stride - rows.begin)] =
          values[run.stored + i - part.begin];
  });
  write_runs({part.begin, rows.begin});
  file.write_at(offset(rows.begin), bytes_of(logical_.data(), rows.size()));
  write_runs({rows.end, part.end});
}

void MomentPieces::sync() {
  for (FilePieces& file : opened_) file.sync();
}

}  // namespace trireme
