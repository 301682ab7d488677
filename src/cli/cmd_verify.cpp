#include "base/error.h"
#include "cli/commands.h"

namespace trireme {
int command_verify(const Args&) { throw ConfigError("verify is being written"); }
}  // namespace trireme
