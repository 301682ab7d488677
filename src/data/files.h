#pragma once
// Files of a data set: finding, reading, fingerprinting.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "data/raw_data.h"

namespace trireme {

// What to do with a file that is cut or damaged.
inline constexpr const char* kCopyAgain = "download or copy it again";

// Files and globs as given; of a folder, its files with one of `extensions` (".csv"). Sorted within
// each entry. Throws DataError for an entry that names nothing.
std::vector<Path> expand_files(const std::vector<std::string>& entries,
                               std::span<const std::string_view> extensions);

// The whole content, unpacked if the file is gzip. Throws DataError: missing, empty, truncated,
// corrupt.
std::string read_maybe_gzip(const Path& path);

// SHA-256 over name, size and content hash of the files, sorted by name. Above kFullHashBytes in
// total, the content hash covers the first and last MiB of each file.
std::string fingerprint_files(std::vector<NamedFile> files);

constexpr uintmax_t kFullHashBytes = uintmax_t{4} << 30;

std::vector<NamedFile> named_by_file(std::span<const Path> paths);

}  // namespace trireme
