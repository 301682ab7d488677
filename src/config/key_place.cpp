#include "config/key_place.h"

namespace trireme {

std::string key_place(const Experiment& experiment, const std::string& section,
                      const std::string& key) {
  const std::string name = section + "." + key;
  for (const ResolvedKey& resolved : experiment.resolved)
    if (resolved.section == section && resolved.key == key && resolved.origin != "default")
      return resolved.origin + ": " + name;
  return name;
}

}  // namespace trireme
