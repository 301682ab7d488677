#include "worker/device/device_rows.h"

#include <algorithm>

#include "tensor/buffer.h"

namespace trireme {
namespace {

constexpr const char* kWhat = "the rows of a batch";

size_t words_of(int64_t count) { return align_up(static_cast<size_t>(count) * sizeof(int32_t)); }
size_t floats_of(int64_t rows, int64_t dim) {
  return static_cast<size_t>(rows * dim) * sizeof(float);
}

}  // namespace

DeviceRows::DeviceRows(const Device& device, int64_t positions, int64_t dim)
    : device_(device),
      dim_(dim),
      layout_(positions),
      row_of_at_(words_of(positions)),
      runs_at_(row_of_at_ + words_of(positions)),
      rows_at_(runs_at_ + words_of(layout_.words())),
      host_(device.allocate(rows_at_ + floats_of(positions, dim), Memory::pinned, kWhat)),
      given_(device.allocate(host_.size(), Memory::device, kWhat)),
      gradients_(device.allocate(floats_of(positions, dim), Memory::device, kWhat)),
      partials_(device.allocate(floats_of(layout_.partials(), dim), Memory::device, kWhat)),
      host_gradients_(device.allocate(gradients_.size(), Memory::pinned, kWhat)) {
  const auto ints = [&](size_t at) { return reinterpret_cast<const int32_t*>(given_.data() + at); };
  leaf_ = {ints(0), ints(row_of_at_), reinterpret_cast<const float*>(given_.data() + rows_at_),
           gradients_.floats(), layout_.at(ints(runs_at_), partials_.floats())};
}

size_t DeviceRows::device_bytes(int64_t positions, int64_t dim) {
  const RowRunLayout layout(positions);
  return 2 * words_of(positions) + words_of(layout.words()) + 2 * floats_of(positions, dim) +
         floats_of(layout.partials(), dim);
}

void DeviceRows::upload(std::span<const int32_t> index, std::span<const uint8_t> present,
                        const DeviceStream& stream) {
  const auto numbers = static_cast<int64_t>(present.size());
  std::ranges::copy(index, words(0));
  for (size_t number = 0; number < present.size(); ++number)
    words(row_of_at_)[number] = present[number] ? static_cast<int32_t>(number) : -1;
  builder_.build(index, numbers, layout_, words(runs_at_));
  device_.copy(given_.data(), host_.data(), rows_at_ + floats_of(numbers, dim_), stream);
}

void DeviceRows::clear(const DeviceStream& stream) const {
  device_.set_bytes(gradients_.data(), 0, gradients_.size(), stream);
}

void DeviceRows::download(int64_t numbers, const DeviceStream& stream) const {
  device_.copy(host_gradients_.data(), gradients_.data(), floats_of(numbers, dim_), stream);
}

}  // namespace trireme
