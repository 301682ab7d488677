#include "checkpoint/column_file.h"

#include "base/sha256.h"

namespace trireme {

ColumnFile::ColumnFile(const Path& path, std::vector<TensorMeta> tensors)
    : path_(path), layout_(path, std::move(tensors), {}), file_(path) {
  file_.write(layout_.head());
}

void ColumnFile::write(const std::string& tensor, uint64_t at, std::span<const std::byte> bytes) {
  file_.write_at(layout_.offset_of(tensor) + at, bytes);
}

WrittenFile ColumnFile::finish() {
  file_.commit();
  return {layout_.bytes(), sha256_file(path_.string()).hex()};
}

}  // namespace trireme
