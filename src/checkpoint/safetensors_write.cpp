#include <algorithm>
#include <memory>

#include "base/error.h"
#include "checkpoint/hashed_file.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_layout.h"

namespace trireme {
namespace {

// Holds `tensors` for the streaming writer.
class MapSource : public StateSource {
 public:
  explicit MapSource(const std::map<std::string, HostTensor>& tensors) : tensors_(tensors) {
    for (const auto& [name, t] : tensors) list_.push_back({name, t.shape, t.dtype});
  }
  const std::vector<TensorMeta>& list() const override { return list_; }
  void read(const TensorMeta& tensor, std::span<std::byte> out) override {
    const auto& bytes = tensors_.at(tensor.name).bytes;
    if (bytes.size() != out.size()) {
      throw FormatError("tensor '" + tensor.name + "' of shape " + tensor.shape.str() + " has " +
                            std::to_string(bytes.size()) + " bytes, not " +
                            std::to_string(out.size()),
                        "shape, dtype and contents must agree");
    }
    std::copy(bytes.begin(), bytes.end(), out.begin());
  }

 private:
  const std::map<std::string, HostTensor>& tensors_;
  std::vector<TensorMeta> list_;
};

}  // namespace

WrittenFile write_safetensors(const Path& path, const std::vector<TensorMeta>& tensors,
                              StateSource& source,
                              const std::map<std::string, std::string>& metadata) {
  const SafetensorsLayout layout(path, tensors, metadata);
  size_t largest = 0;
  for (const TensorMeta& t : tensors)
    if (source.in_place(t).empty()) largest = std::max(largest, t.bytes());
  const auto staging = std::make_unique_for_overwrite<std::byte[]>(largest);

  HashedFile file(path);
  file.write(layout.head());
  for (const TensorMeta& t : layout.tensors()) {
    std::span<const std::byte> bytes = source.in_place(t);
    if (bytes.empty()) {
      const std::span<std::byte> copy(staging.get(), t.bytes());
      source.read(t, copy);
      bytes = copy;
    }
    file.write(bytes);
  }
  return file.finish();
}

void write_tensors(const Path& path, const std::map<std::string, HostTensor>& tensors,
                   const std::map<std::string, std::string>& metadata) {
  MapSource source(tensors);
  write_safetensors(path, source.list(), source, metadata);
}

}  // namespace trireme
