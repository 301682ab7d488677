#include "worker/device/memory_needs.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace trireme {
namespace {

std::string in_units(size_t bytes) { return human_bytes(static_cast<double>(bytes)); }

std::vector<MemoryNeed> largest_first(std::span<const MemoryNeed> needs) {
  std::vector<MemoryNeed> sorted(needs.begin(), needs.end());
  std::erase_if(sorted, [](const MemoryNeed& n) { return n.bytes == 0; });
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const MemoryNeed& a, const MemoryNeed& b) { return a.bytes > b.bytes; });
  return sorted;
}

}  // namespace

size_t total_of(std::span<const MemoryNeed> needs) {
  size_t total = 0;
  for (const MemoryNeed& need : needs) total += need.bytes;
  return total;
}

std::string in_words(std::span<const MemoryNeed> needs) {
  std::vector<std::string> parts;
  for (const MemoryNeed& need : largest_first(needs))
    parts.push_back(fmt::format("{} {}", need.what, in_units(need.bytes)));
  return join(parts, ", ");
}

void require(const Device& device, std::span<const MemoryNeed> needs) {
  const size_t wanted = total_of(needs), free = device.memory().free;
  if (wanted <= free) return;
  std::string table;
  for (const MemoryNeed& need : largest_first(needs))
    table += fmt::format("\n  {:<28} {:>10}{}", need.what, in_units(need.bytes),
                         need.keys.empty() ? "" : "   " + need.keys);
  throw DeviceError(fmt::format("{}: training needs {} of its memory, {} are free:{}",
                                device.name(), in_units(wanted), in_units(free), table),
                    "change the keys beside the largest, or use more ranks: each takes its share "
                    "of the batch; `trireme devices` shows what else holds the memory");
}

}  // namespace trireme
