#include "worker/exchange/bucket_sink.h"

#include <cstdint>

namespace trireme {

BucketSink::BucketSink(const std::vector<Range>& buckets, const GradientStack& gradients,
                       int last_leaf, Arrivals arrivals, int node_member)
    : buckets_(buckets),
      gradients_(gradients),
      last_leaf_(last_leaf),
      arrivals_(arrivals),
      node_member_(node_member) {}

void BucketSink::hand_in(int64_t watermark, bool present) {
  for (; next_ < buckets_.size() && buckets_[next_].end <= watermark; ++next_) {
    if (last_leaf_ >= 0) gradients_.merge(last_leaf_, present, buckets_[next_]);
    arrivals_.arrive(node_member_);
  }
}

void BucketSink::finish(bool present) { hand_in(INT64_MAX, present); }

}  // namespace trireme
