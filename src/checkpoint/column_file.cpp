#include "checkpoint/column_file.h"

#include "checkpoint/spare_hash.h"

namespace trireme {

ColumnFile::ColumnFile(const Path& path, std::vector<TensorMeta> tensors)
    : path_(path), layout_(path, std::move(tensors), {}), file_(path) {
  file_.write(layout_.head());
}

void ColumnFile::write(const std::string& tensor, uint64_t at, std::span<const std::byte> bytes) {
  file_.write_at(layout_.offset_of(tensor) + at, bytes);
}

WrittenFile ColumnFile::finish(const std::function<void()>& goes_on) {
  file_.commit();
  return {layout_.bytes(), hash_in_spare_time(path_, goes_on)};
}

}  // namespace trireme
