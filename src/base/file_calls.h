#pragma once
// What the kinds of files share: calls of the system that are done again, and how they fail.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/file.h"

namespace trireme {

// Throws DataError: "cannot OPERATION PATH: ..." with the system's reason and what helps.
[[noreturn]] void fail_file(const char* operation, const Path& path, int reason = errno);

// Writes all bytes at an offset of an open file, which `path` names in errors.
void write_all_at(int fd, const Path& path, uint64_t offset, std::span<const std::byte> bytes);

}  // namespace trireme
