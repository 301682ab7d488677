#pragma once
// A TensorBoard event file: records of tensorflow.Event, framed as TFRecord does (length and
// payload, each with a masked CRC-32C), the protobuf encoded by hand.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/run_log/append_file.h"

namespace trireme {

struct Scalar {
  std::string tag;
  double value;
};

// length u64 | masked crc of it u32 | payload | masked crc of it u32, all little-endian.
std::string frame_record(std::string_view payload);
// crc rotated right by 15 plus 0xa282ead8, as TFRecord stores it.
uint32_t masked_crc(std::string_view bytes);

class EventFile {
 public:
  // Creates RUN/events.out.tfevents.<seconds>.<host>.<pid>.<n>, always a new file: a reader stops
  // for good at a record that a kill tore.
  explicit EventFile(const Path& run);
  // Readers forget steps from `step` on that older files hold.
  void start_from(int64_t step);
  void scalars(int64_t step, const std::vector<Scalar>& values);
  void flush() { file_.flush(); }

 private:
  AppendFile file_;
};

}  // namespace trireme
