#pragma once
// What std::filesystem throws, as an error of ours.

#include <filesystem>

#include "base/error.h"

namespace trireme {

// "cannot read PATH: REASON", with the exit code of bad data.
inline DataError as_data_error(const std::filesystem::filesystem_error& error) {
  return DataError("cannot read " + error.path1().string() + ": " + error.code().message(),
                   "check the path and the permissions of its folders");
}

}  // namespace trireme
