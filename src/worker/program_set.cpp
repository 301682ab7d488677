#include "worker/program_set.h"

#include <algorithm>

namespace trireme {

ProgramSet::ProgramSet(const Graph& graph, const KernelTable& kernels, ProgramOptions options)
    : graph_(graph), kernels_(kernels), options_(options) {}

void ProgramSet::prepare(int64_t samples) {
  if (samples == 0 || entries_.contains(samples)) return;
  Entry entry;
  entry.program = Program::compile(graph_, kernels_, samples, options_);
  entry.packed = AlignedBuffer(entry.program->packed_bytes());
  arena_bytes_ = std::max(arena_bytes_, entry.program->arena_bytes());
  kept_bytes_ = std::max(kept_bytes_, entry.program->kept_bytes());
  packs_ = packs_ || entry.packed.size() > 0;
  entries_.emplace(samples, std::move(entry));
}

const Program& ProgramSet::at(int64_t samples) const { return *entries_.at(samples).program; }

const std::byte* ProgramSet::packed(int64_t samples) const {
  return entries_.at(samples).packed.data();
}

std::byte* ProgramSet::packed(int64_t samples) { return entries_.at(samples).packed.data(); }

std::vector<int64_t> ProgramSet::sizes() const {
  std::vector<int64_t> sizes;
  for (const auto& [samples, entry] : entries_) sizes.push_back(samples);
  return sizes;
}

size_t ProgramSet::packed_bytes() const {
  size_t total = 0;
  for (const auto& [samples, entry] : entries_) total += entry.packed.size();
  return total;
}

void ProgramSet::pack(const std::vector<int64_t>& sizes, const float* params, int part, int parts) {
  for (int64_t samples : sizes) {
    Entry& entry = entries_.at(samples);
    if (entry.packed.size() > 0)
      entry.program->pack(params, entry.packed.data(), part, parts, nullptr);
  }
}

}  // namespace trireme
