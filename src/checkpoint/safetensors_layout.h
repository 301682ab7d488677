#pragma once
// What stands where in a safetensors file, before any of its data is there.

#include <map>
#include <string>
#include <vector>

#include "checkpoint/state.h"

namespace trireme {

class SafetensorsLayout {
 public:
  // Throws FormatError naming `path`: a name twice or not UTF-8, a header that is too long.
  SafetensorsLayout(const Path& path, std::vector<TensorMeta> tensors,
                    const std::map<std::string, std::string>& metadata);
  // As they follow each other.
  const std::vector<TensorMeta>& tensors() const { return tensors_; }
  // The file up to the first tensor's data: length of the header, header.
  const std::string& head() const { return head_; }
  uint64_t offset_of(const std::string& tensor) const;  // of its data in the file; it must be there
  uint64_t bytes() const;                               // of the file

 private:
  std::vector<TensorMeta> tensors_;
  std::string head_;
};

}  // namespace trireme
