#include "worker/run_log/event_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>

#include "worker/run_log/crc32c.h"

namespace trireme {

namespace {

template <class Word>
void put_little_endian(std::string& out, Word word) {
  for (size_t byte = 0; byte < sizeof(Word); ++byte) out += static_cast<char>(word >> (8 * byte));
}

// The writer of one protobuf message; fields are added in order.
class Message {
 public:
  void varint(int field, uint64_t value) {
    key(field, 0);
    raw_varint(value);
  }
  void fixed64(int field, double value) {
    key(field, 1);
    put_little_endian(bytes_, std::bit_cast<uint64_t>(value));
  }
  void fixed32(int field, float value) {
    key(field, 5);
    put_little_endian(bytes_, std::bit_cast<uint32_t>(value));
  }
  void bytes(int field, std::string_view value) {
    key(field, 2);
    raw_varint(value.size());
    bytes_ += value;
  }
  const std::string& str() const { return bytes_; }

 private:
  void key(int field, int wire_type) { raw_varint(static_cast<uint64_t>(field << 3 | wire_type)); }
  void raw_varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

// Field numbers of event.proto and summary.proto.
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
constexpr int kSummaryValue = 1, kTag = 1, kSimpleValue = 2;
constexpr int kSessionStatus = 1, kSessionStart = 1;

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

Path free_name(const Path& run) {
  const std::string stem = fmt::format("events.out.tfevents.{:010}.{}.{}.",
                                       static_cast<int64_t>(wall_time()), host_name(), ::getpid());
  int number = 0;
  while (std::filesystem::exists(run / (stem + std::to_string(number)))) ++number;
  return run / (stem + std::to_string(number));
}

Message event(int64_t step) {
  Message event;
  event.fixed64(kWallTime, wall_time());
  if (step != 0) event.varint(kStep, static_cast<uint64_t>(step));
  return event;
}

}  // namespace

uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8u; }

std::string frame_record(std::string_view payload) {
  std::string record;
  put_little_endian(record, static_cast<uint64_t>(payload.size()));
  put_little_endian(record, masked_crc(record));
  record += payload;
  put_little_endian(record, masked_crc(payload));
  return record;
}

EventFile::EventFile(const Path& run) : file_(free_name(run), /*exclusive=*/true) {
  Message version = event(0);
  version.bytes(kFileVersion, "brain.Event:2");
  file_.append(frame_record(version.str()));
}

void EventFile::start_from(int64_t step) {
  Message status;
  status.varint(kSessionStatus, kSessionStart);
  Message start = event(step);
  start.bytes(kSessionLog, status.str());
  file_.append(frame_record(start.str()));
}

void EventFile::scalars(int64_t step, const std::vector<Scalar>& values) {
  Message summary;
  for (const Scalar& scalar : values) {
    Message value;
    value.bytes(kTag, scalar.tag);
    value.fixed32(kSimpleValue, static_cast<float>(scalar.value));
    summary.bytes(kSummaryValue, value.str());
  }
  Message record = event(step);
  record.bytes(kSummary, summary.str());
  file_.append(frame_record(record.str()));
}

}  // namespace trireme
