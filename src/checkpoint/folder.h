#pragma once
// What the entries of a checkpoints folder are called.

#include <cstdint>
#include <optional>
#include <string>

#include "base/file.h"

namespace trireme {

constexpr const char* kBestName = "best.json";

std::string step_name(int64_t step);                      // "step-00001234"
std::optional<int64_t> step_of(const std::string& name);  // nullopt: not a checkpoint's name
bool is_leftover(const std::string& name);                // "step-00001234.tmp-567"

// Entries of `folder`, sorted; empty where there is no such folder. Throws DataError when it cannot
// be read.
std::vector<Path> entries_of(const Path& folder);
// Removes a file or a whole folder. Throws DataError.
void remove_tree(const Path& path);
void rename_path(const Path& from, const Path& to);

}  // namespace trireme
