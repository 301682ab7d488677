#pragma once
// A new safetensors file whose tensors grow side by side, a piece of rows at a time: a table of any
// size passes through it once.

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_layout.h"

namespace trireme {

class ColumnFile {
 public:
  // tensors: with all the rows that there will be. Throws as SafetensorsLayout and AtomicFile do.
  ColumnFile(const Path& path, std::vector<TensorMeta> tensors);
  // Bytes [at, at + bytes.size()) of a tensor's data; each once.
  void write(const std::string& tensor, uint64_t at, std::span<const std::byte> bytes);
  // Syncs the file to disk under its name and reads it once more for its hash. Once; when all was
  // written.
  // goes_on: called now and then meanwhile.
  WrittenFile finish(const std::function<void()>& goes_on = [] {});
  uint64_t bytes() const { return layout_.bytes(); }  // of the whole file

 private:
  const Path path_;
  const SafetensorsLayout layout_;
  AtomicFile file_;
};

}  // namespace trireme
