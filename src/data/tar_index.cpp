#include "data/tar_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "data/files.h"

namespace trireme {
namespace {

constexpr size_t kBlock = 512;

struct Header {
  std::string_view block;
  std::string_view field(size_t offset, size_t size) const {
    const std::string_view text = block.substr(offset, size);
    return text.substr(0, text.find('\0'));
  }
  char type() const { return block[156]; }
  std::string name() const {
    const std::string_view prefix =
        block.substr(257, 5) == "ustar" ? field(345, 155) : std::string_view();
    return prefix.empty() ? std::string(field(0, 100))
                          : fmt::format("{}/{}", prefix, field(0, 100));
  }
};

std::optional<size_t> parse_octal(std::string_view text) {
  text = trim(text);
  if (text.empty()) return std::nullopt;
  size_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<size_t>(c - '0');
  }
  return value;
}

// Octal text, or GNU's base 256 when the first bit is set.
std::optional<size_t> parse_size(const Header& header) {
  const std::string_view bytes = header.block.substr(124, 12);
  if ((static_cast<uint8_t>(bytes[0]) & 0x80) == 0) return parse_octal(header.field(124, 12));
  size_t value = 0;
  for (size_t i = 4; i < 12; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

bool checksum_holds(const Header& header) {
  size_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    sum += i >= 148 && i < 156 ? size_t{' '} : static_cast<uint8_t>(header.block[i]);
  }
  return parse_octal(header.field(148, 8)) == sum;
}

// "LENGTH key=value\n" records of a pax header; nullopt when `key` is not among them.
std::optional<std::string> pax_value(std::string_view records, std::string_view key) {
  std::optional<std::string> found;
  while (!records.empty()) {
    const size_t space = records.find(' ');
    const auto length =
        space == std::string_view::npos ? std::nullopt : parse_int(records.substr(0, space));
    if (!length || *length <= static_cast<int64_t>(space) ||
        static_cast<size_t>(*length) > records.size())
      break;
    const std::string_view record =
        records.substr(space + 1, static_cast<size_t>(*length) - space - 2);
    if (record.starts_with(key) && record.substr(key.size()).starts_with('=')) {
      found = std::string(record.substr(key.size() + 1));
    }
    records.remove_prefix(static_cast<size_t>(*length));
  }
  return found;
}

// What a pax or GNU header says about the entry after it.
struct Overrides {
  std::optional<std::string> name;
  std::optional<size_t> size;
  void add(const Header& header, std::string_view content) {
    if (header.type() == 'L') {
      name = std::string(content.substr(0, content.find('\0')));
      return;
    }
    if (auto path = pax_value(content, "path")) name = *path;
    if (const auto text = pax_value(content, "size")) {
      if (const auto value = parse_int(*text); value && *value >= 0)
        size = static_cast<size_t>(*value);
    }
  }
};

}  // namespace

std::vector<TarEntry> index_tar(std::span<const std::byte> archive, const std::string& file) {
  const std::string_view text(reinterpret_cast<const char*>(archive.data()), archive.size());
  if (text.starts_with("\x1f\x8b")) {
    throw DataError(
        fmt::format("{} is compressed; samples are read at random from plain tar files", file),
        "unpack it with gunzip");
  }
  std::vector<TarEntry> entries;
  Overrides overrides;
  for (size_t at = 0;;) {
    if (text.size() - at < kBlock)
      throw DataError(fmt::format("{} is truncated in the header at offset {}", file, at),
                      kCopyAgain);
    const Header header{text.substr(at, kBlock)};
    if (header.block.find_first_not_of('\0') == std::string_view::npos)
      break;  // end of the archive
    auto size = parse_size(header);
    if (!size || !checksum_holds(header)) {
      throw DataError(
          fmt::format("{} is not a tar file, or damaged: bad header at offset {}", file, at),
          kCopyAgain);
    }
    const bool about_next = header.type() == 'L' || header.type() == 'x';
    if (!about_next && overrides.size) size = overrides.size;
    const size_t content = at + kBlock;
    if (*size > text.size() - content) {
      throw DataError(fmt::format("{} is truncated: {} at offset {} has {} bytes of {}", file,
                                  header.name(), at, text.size() - content, *size),
                      kCopyAgain);
    }
    at = std::min(text.size(), content + (*size + kBlock - 1) / kBlock * kBlock);
    if (about_next) {
      overrides.add(header, text.substr(content, *size));
      continue;
    }
    if (header.type() == '0' || header.type() == '\0') {
      entries.push_back({overrides.name.value_or(header.name()), content, *size});
    }
    overrides = {};
  }
  return entries;
}

}  // namespace trireme
