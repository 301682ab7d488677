#pragma once
// Codes one worker's pushes. What int8 and top_k leave out of a gradient is added to the next of
// the same block (and piece of the tree): "error feedback" (Karimireddy et al., ICML 2019;
// Stich et al., NeurIPS 2018):
//
//   r = g + residual,   q = decode(encode(r)) is what the server gets,   residual = r - q
//
// Gradients are sums over samples. A residual remembers what its gradient was to be divided by, and
// is brought to the divisor of the one that it is added to: a small last batch does not enlarge it.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "comm/tree.h"
#include "ps/codec.h"
#include "ps/payload.h"
#include "ps/placement.h"

namespace trireme::ps {

// Of the pushes since it was last asked for.
struct CodingCounts {
  int64_t bytes = 0, plain_bytes = 0;  // of payloads; what they would be as fp32
  double left_out = 0, all = 0;        // sums of squares of r - q and of r
};

class PushCoder {
 public:
  // at_once: what is pushed is applied for sure. Else, only conclude() says whether it was.
  PushCoder(const CodecSpec& spec, bool at_once, std::shared_ptr<PayloadPool> pool);

  // The payload for a gradient that is to be divided by `divisor`. Null: something is not finite,
  // and the gradient has to travel as it is, so that the server sees it; the residual stays.
  struct Coded {
    Payload payload;
    size_t bytes;
  };
  std::optional<Coded> code(int block, Piece piece, std::span<const float> gradient,
                            double divisor);
  // What was pushed of the block since the last call was applied, or all of it was dropped: then
  // the residuals are again what they were. at_once: not called.
  void conclude(int block, bool applied);

  // out += the residuals as mean gradients, over the index space.
  void add_residuals(const Placement& placement, std::span<float> out) const;
  // Starts from such residuals instead of none.
  void set_residuals(const Placement& placement, std::span<const float> mean);

  CodingCounts take_counts() { return std::exchange(counts_, {}); }
  const CodecSpec& spec() const { return spec_; }

 private:
  struct Residual {
    std::vector<float> kept, next;  // next: holds where the push is applied
    double divisor = 1, next_divisor = 1;
    bool pending = false;
  };
  using Key = std::tuple<int, int, int>;  // block, level and index of the piece
  Residual& residual(int block, Piece piece, size_t n);

  const CodecSpec spec_;
  const bool at_once_;
  const std::shared_ptr<PayloadPool> pool_;
  std::map<Key, Residual> residuals_;
  std::vector<float> sum_, decoded_;
  std::vector<uint32_t> room_;
  CodingCounts counts_;
};

}  // namespace trireme::ps
