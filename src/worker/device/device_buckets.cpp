#include "worker/device/device_buckets.h"

namespace trireme {

DeviceBuckets::DeviceBuckets(const Device& device, DeviceGroup& group, const DeviceStream& compute,
                             float* gradients, std::vector<Range> buckets)
    : device_(device),
      group_(group),
      compute_(compute),
      gradients_(gradients),
      buckets_(std::move(buckets)),
      stream_(device.stream(StreamPriority::high)),
      summed_(device.event()) {
  for (size_t i = 0; i < buckets_.size(); ++i) written_.push_back(device.event());
}

void DeviceBuckets::send(const Range& bucket, const DeviceEvent& written) {
  device_.record(written, compute_);
  device_.wait(stream_, written);
  group_.all_reduce(gradients_ + bucket.begin, static_cast<size_t>(bucket.size()), stream_);
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
