#pragma once
// Gradients on their way to the other ranks' devices while backward goes on: a bucket of the index
// space is summed over all ranks, on a stream of its own, as soon as backward has written it.

#include <span>
#include <vector>

#include "comm/device_group.h"
#include "model/program.h"
#include "tensor/device.h"

namespace trireme {

class DeviceBuckets final : public GradSink {
 public:
  // buckets: ascending, together the whole index space. `compute`: the stream that backward runs
  // on. bf16: gradients are rounded to that, summed in it, and what comes out is widened. All must
  // outlive this.
  DeviceBuckets(const Device& device, DeviceGroup& group, const DeviceStream& compute,
                float* gradients, std::vector<Range> buckets, bool bf16);
  // Of device memory.
  static size_t device_bytes(std::span<const Range> buckets, bool bf16);
  void begin() { next_ = 0; }
  void ready(int64_t watermark) override;
  // Sends what is left, and lets the compute stream wait for all sums.
  void finish();

 private:
  void send(const Range& bucket, const DeviceEvent& written);
  void sum(float* gradients, int64_t elements);
  void check(Status status) const;

  const Device& device_;
  DeviceGroup& group_;
  const DeviceStream& compute_;
  float* const gradients_;
  const std::vector<Range> buckets_;
  DeviceStream stream_;
  std::vector<DeviceEvent> written_;  // by bucket
  DeviceEvent summed_;
  DeviceBuffer rounded_;  // a bucket in bf16, of one after the other; empty: they travel as fp32
  size_t next_ = 0;
};

}  // namespace trireme
