#include "worker/verify/table.h"

#include <fmt/format.h>

namespace trireme {
namespace {

constexpr const char* kFormat = "{:<22} {:>13} {:>6}  {:<16} {:>8}  {}\n";

}  // namespace

std::string table_header() {
  return fmt::format(kFormat, "case", "ranks x lanes", "steps", "weights SHA-256", "seconds",
                     "verdict");
}

std::string table_row(const VerifyRow& row) {
  return fmt::format(kFormat, row.name, row.place, row.steps, row.hash.substr(0, 16),
                     fmt::format("{:.1f}", row.seconds), row.verdict);
}

}  // namespace trireme
