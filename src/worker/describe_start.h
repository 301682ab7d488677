#pragma once
#include <string>

#include "worker/place.h"
#include "worker/session.h"

namespace trireme {

// The first lines of a run's log. `device`: in words.
void describe_start(const Session& session, const Place& place, const std::string& device);

}  // namespace trireme
