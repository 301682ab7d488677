#pragma once
// The safetensors format: 8 bytes little-endian header length, JSON header, data without holes.
// Writes {"format":"pt"} and the given metadata; sorts by dtype alignment, then name.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/state.h"

namespace trireme {

// Streams `tensors` of `source` into `path` atomically. Returns size and SHA-256 of the file.
struct WrittenFile {
  uint64_t bytes = 0;
  std::string sha256;
};
WrittenFile write_safetensors(const Path& path, const std::vector<TensorMeta>& tensors,
                              StateSource& source,
                              const std::map<std::string, std::string>& metadata);

// Maps and checks a file: header length, UTF-8 JSON, duplicate names, contiguous offsets, sizes, no
// holes. Throws FormatError with the offset. Limits: header 100 MB.
class SafetensorsReader {
 public:
  explicit SafetensorsReader(const Path& path);
  ~SafetensorsReader();
  const std::vector<TensorMeta>& tensors() const;
  const std::map<std::string, std::string>& metadata() const;
  const TensorMeta* find(std::string_view name) const;
  std::span<const std::byte> data(const TensorMeta& tensor) const;
  HostTensor tensor(const std::string& name) const;  // a copy; FormatError when missing

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A few tensors at once (goldens, gradients).
void write_tensors(const Path& path, const std::map<std::string, HostTensor>& tensors,
                   const std::map<std::string, std::string>& metadata = {});

}  // namespace trireme
