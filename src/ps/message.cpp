#include "ps/message.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <type_traits>

#include "base/error.h"
#include "base/xxh64.h"
#include "ps/consistency.h"

namespace trireme::ps {
namespace {

static_assert(std::is_trivially_copyable_v<Header>);
static_assert(sizeof(Header) == 168, "no padding: its bytes are checked and sent");
constexpr uint32_t kMagic = 0x53505254;  // "TRPS"
constexpr uint16_t kFormat = 4;
constexpr uint64_t kLargestPayload = uint64_t{1} << 40;

uint64_t check_of(const Header& header) {
  return xxh64({reinterpret_cast<const char*>(&header), offsetof(Header, check)});
}

}  // namespace

std::string_view name_of(Mode mode) {
  constexpr std::array<std::string_view, 3> kNames = {"sync", "bounded", "async"};
  return kNames[static_cast<size_t>(mode)];
}

std::string_view name_of(Kind kind) {
  constexpr std::array<std::string_view, kLastKind> kNames = {
      "push",        "pushed",      "partials",       "commit",      "pull",
      "pulled",      "load",        "loaded",         "fetch",       "fetched",
      "pull_rows",   "pulled_rows", "push_rows",      "pushed_rows", "load_rows",
      "loaded_rows", "fetch_rows",  "fetched_rows",   "save",        "saving",
      "restore",     "restoring",   "fetch_progress", "progress",    "bye"};
  const auto i = static_cast<size_t>(kind) - kFirstKind;
  return i < kNames.size() ? kNames[i] : "unknown";
}

void seal(Message& m) {
  m.header.magic = kMagic;
  m.header.format = kFormat;
  m.header.payload_bytes = m.payload.size();
  m.header.check = check_of(m.header);
}

void require_sound(const Header& h, std::string_view receiver) {
  const char* wrong = nullptr;
  if (h.magic != kMagic)
    wrong = "it does not begin as a message";
  else if (h.format != kFormat)
    wrong = "it has another format";
  else if (h.check != check_of(h))
    wrong = "its check does not hold";
  else if (h.kind < kFirstKind || h.kind > kLastKind)
    wrong = "its kind is unknown";
  else if (h.payload_bytes > kLargestPayload)
    wrong = "its payload is too large";
  if (wrong)
    throw FormatError(
        fmt::format("{} got a message that cannot be right: {}: {}", receiver, wrong, in_words(h)),
        "all ranks must run the same build; else the network or a host is at fault");
}

std::string in_words(const Header& h) {
  return fmt::format(
      "{} ({}) worker {} server {} generation {} sequence {} clock {} block {} table {} piece "
      "{}/{} "
      "buffer {} flags {} samples {} need {} version {} bytes {}",
      name_of(static_cast<Kind>(h.kind)), h.kind, h.worker, h.server, h.generation, h.sequence,
      h.clock, h.block, h.table, h.piece_level, h.piece_index, h.buffer, h.flags, h.samples, h.need,
      h.version, h.payload_bytes);
}

}  // namespace trireme::ps
