#pragma once
// Where the files of a tar archive lie (POSIX ustar, with pax and GNU long names).

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace trireme {

struct TarEntry {
  std::string name;
  size_t offset = 0, size = 0;
};

// Regular files, in archive order. `file` is for messages. Throws DataError with the offset:
// truncated, a header whose checksum is wrong.
std::vector<TarEntry> index_tar(std::span<const std::byte> archive, const std::string& file);

}  // namespace trireme
