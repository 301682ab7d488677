#include "data/csv_file.h"

#include <fmt/format.h>

#include <fstream>

#include "base/error.h"
#include "data/files.h"

namespace trireme {
namespace {

uint64_t size_of_file(const Path& path) {
  std::error_code failed;
  const uintmax_t size = std::filesystem::file_size(path, failed);
  if (failed)
    throw DataError(fmt::format("{}: {}", path.string(), failed.message()),
                    "check the paths in [data]");
  if (size == 0) throw DataError(fmt::format("{} is empty", path.string()), kCopyAgain);
  return size;
}

}  // namespace

CsvFile::CsvFile(Path path, char delimiter, bool in_memory, uint64_t window)
    : path_(std::move(path)), delimiter_(delimiter), window_(window) {
  if (in_memory) {
    text_ = std::make_shared<const std::string>(read_maybe_gzip(path_));
    return;
  }
  size_ = size_of_file(path_);
  if (read(0, 2) == "\x1f\x8b")
    throw DataError(fmt::format("{} is gzip, which cannot be read block by block", path_.string()),
                    "unpack it with gunzip, or set data.in_memory = true");
}

// Bytes that are not there any more are an error: the file was indexed with them.
std::string CsvFile::read(uint64_t offset, uint64_t bytes) const {
  bytes = std::min(bytes, size_ - std::min(offset, size_));
  std::string text(bytes, '\0');
  std::ifstream in(path_, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(offset));
  in.read(text.data(), static_cast<std::streamsize>(bytes));
  if (in.gcount() != static_cast<std::streamsize>(bytes))
    throw DataError(fmt::format("{}: bytes {} to {} cannot be read; the file had {} when it was "
                                "opened",
                                path_.string(), offset, offset + bytes, size_),
                    "is another program writing it?");
  return text;
}

void CsvFile::stream(const std::function<bool(const CsvReader&)>& visit) const {
  CsvReader::Place at{0, 1, false};
  for (uint64_t window = window_; at.offset < size_;) {
    const std::string text = read(at.offset, window);
    at.last = at.offset + text.size() >= size_;
    CsvReader reader(text, delimiter_, path_.string(), at);
    while (reader.next())
      if (!visit(reader)) return;
    const bool stuck = reader.place().offset == at.offset;
    window = stuck ? 2 * window : window_;
    at = reader.place();
  }
}

void CsvFile::until(const std::function<bool(const CsvReader&)>& visit) const {
  if (!text_) return stream(visit);
  CsvReader reader(*text_, delimiter_, path_.string());
  while (reader.next() && visit(reader)) {
  }
}

void CsvFile::for_each(const std::function<void(const CsvReader&)>& visit) const {
  until([&](const CsvReader& reader) {
    visit(reader);
    return true;
  });
}

void CsvFile::for_each_of(const CsvReader::Place& begin, uint64_t end,
                          const std::function<void(const CsvReader&)>& visit) const {
  const std::string text = read(begin.offset, end - begin.offset);
  CsvReader reader(text, delimiter_, path_.string(), {begin.offset, begin.line, true});
  while (reader.next()) visit(reader);
}

}  // namespace trireme
