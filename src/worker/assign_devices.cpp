#include "worker/assign_devices.h"

#include <fmt/format.h>

#include <algorithm>

namespace trireme {
namespace {

int ordinal_of(size_t rank, bool alike, const std::vector<int>& wanted) {
  if (!wanted.empty()) return wanted[rank];
  return alike ? static_cast<int>(rank) : 0;
}

// Two ranks on one device; "" when there are none.
std::string shared_device(const std::vector<std::string>& taken) {
  for (size_t rank = 1; rank < taken.size(); ++rank) {
    const auto end = taken.begin() + static_cast<int64_t>(rank);
    const auto first = std::find(taken.begin(), end, taken[rank]);
    if (first != end)
      return fmt::format("node-local ranks {} and {} would share the device {}",
                         first - taken.begin(), rank, taken[rank]);
  }
  return {};
}

}  // namespace

DeviceAssignment assign_devices(const std::vector<VisibleDevices>& seen,
                                const std::vector<int>& wanted) {
  if (!wanted.empty() && wanted.size() != seen.size())
    return {{},
            fmt::format("{} devices are listed for the {} ranks of this node", wanted.size(),
                        seen.size())};
  const bool alike =
      std::adjacent_find(seen.begin(), seen.end(), std::not_equal_to()) == seen.end();
  DeviceAssignment assignment;
  std::vector<std::string> taken;
  for (size_t rank = 0; rank < seen.size(); ++rank) {
    const int ordinal = ordinal_of(rank, alike, wanted);
    const auto count = static_cast<int>(seen[rank].size());
    if (ordinal < 0 || ordinal >= count) {
      if (wanted.empty() && count > 0)
        return {{},
                fmt::format("{} ranks on this node, but only {} CUDA device{}", seen.size(), count,
                            count == 1 ? "" : "s")};
      return {{},
              fmt::format("node-local rank {} shall take CUDA device {}, but sees {}", rank,
                          ordinal, count)};
    }
    assignment.ordinals.push_back(ordinal);
    taken.push_back(seen[rank][static_cast<size_t>(ordinal)]);
  }
  if (wanted.empty())
    if (std::string problem = shared_device(taken); !problem.empty()) return {{}, problem};
  return assignment;
}

}  // namespace trireme
