#include "worker/device/device_buckets.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "kernels/kernel_table.h"

namespace trireme {

DeviceBuckets::DeviceBuckets(const Device& device, DeviceGroup& group, const DeviceStream& compute,
                             float* gradients, std::vector<Range> buckets, bool bf16)
    : device_(device),
      group_(group),
      compute_(compute),
      gradients_(gradients),
      buckets_(std::move(buckets)),
      stream_(device.stream(StreamPriority::high)),
      summed_(device.event()),
      rounded_(device.allocate(device_bytes(buckets_, bf16), Memory::device,
                               "a bucket of the gradient in bf16")) {
  for (size_t i = 0; i < buckets_.size(); ++i) written_.push_back(device.event());
}

size_t DeviceBuckets::device_bytes(std::span<const Range> buckets, bool bf16) {
  int64_t most = 0;
  for (const Range& bucket : buckets) most = std::max(most, bucket.size());
  return bf16 ? static_cast<size_t>(most) * sizeof(Bf16) : 0;
}

void DeviceBuckets::check(Status status) const {
  if (status != Status::ok)
    throw DeviceError(fmt::format("{}: rounding the gradient failed with status {}", device_.name(),
                                  static_cast<int>(status)));
}

void DeviceBuckets::sum(float* gradients, int64_t elements) {
  const auto count = static_cast<size_t>(elements);
  if (rounded_.size() == 0) return group_.all_reduce(gradients, count, stream_);
  const KernelTable& k = device_.kernels();
  auto* rounded = reinterpret_cast<Bf16*>(rounded_.data());
  check(k.to_bf16(stream_.get(), elements, gradients, rounded));
  group_.all_reduce(rounded, count, stream_);
  check(k.from_bf16(stream_.get(), elements, rounded, gradients));
}

void DeviceBuckets::send(const Range& bucket, const DeviceEvent& written) {
  device_.record(written, compute_);
  device_.wait(stream_, written);
  sum(gradients_ + bucket.begin, bucket.size());
}

void DeviceBuckets::ready(int64_t watermark) {
  for (; next_ < buckets_.size() && buckets_[next_].end <= watermark; ++next_)
    send(buckets_[next_], written_[next_]);
}

void DeviceBuckets::finish() {
  for (; next_ < buckets_.size(); ++next_) send(buckets_[next_], written_[next_]);
  device_.record(summed_, stream_);
  device_.wait(compute_, summed_);
}

}  // namespace trireme
