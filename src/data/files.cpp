#include "data/files.h"

#include <fmt/format.h>
#include <glob.h>
#include <libdeflate.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <new>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"

namespace trireme {
namespace {

constexpr const char* kPathHint =
    "check the paths in [data]: the file's start at its folder, the command line's at the current "
    "one";

std::vector<Path> files_of_folder(const Path& folder,
                                  std::span<const std::string_view> extensions) {
  std::vector<Path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool wanted = std::any_of(extensions.begin(), extensions.end(),
                                    [&](std::string_view e) { return name.ends_with(e); });
    if (wanted && entry.is_regular_file()) found.push_back(entry.path());
  }
  if (found.empty()) {
    throw DataError(
        fmt::format("{} has no file ending in {}", folder.string(), fmt::join(extensions, ", ")),
        kPathHint);
  }
  return found;
}

std::vector<Path> files_of_glob(const std::string& pattern) {
  glob_t matches{};
  const int rc = ::glob(pattern.c_str(), 0, nullptr, &matches);
  std::vector<Path> found;
  for (size_t i = 0; rc == 0 && i < matches.gl_pathc; ++i) found.emplace_back(matches.gl_pathv[i]);
  ::globfree(&matches);
  if (found.empty()) throw DataError(fmt::format("no file matches {}", pattern), kPathHint);
  return found;
}

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

// What a gzip file of one member unpacks to, by its last four bytes (RFC 1952: modulo 2^32), within
// reason. A guess: of several members it counts the last one only.
size_t unpacked_size(std::string_view packed) {
  constexpr size_t kMostRatio = 32;  // more than usual; deflate can do 1032
  uint32_t size = 0;
  for (size_t i = 1; i <= 4; ++i)
    size = size << 8 | static_cast<uint8_t>(packed[packed.size() - i]);
  return std::min<size_t>(size, packed.size() * kMostRatio);
}

struct FreeDecompressor {
  void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};

// All members of a gzip file, one after the other; what follows them is ignored, as gzip does.
std::string unpack(std::string_view packed, const std::string& name) {
  const std::unique_ptr<libdeflate_decompressor, FreeDecompressor> decompressor(
      libdeflate_alloc_decompressor());
  if (!decompressor) throw std::bad_alloc();
  std::string text(packed.size() > 4 ? unpacked_size(packed) : 0, '\0');
  size_t used = 0, done = 0;  // packed bytes, unpacked bytes
  while (is_gzip(packed.substr(used))) {
    size_t in = 0, out = 0;
    const auto result = libdeflate_gzip_decompress_ex(decompressor.get(), packed.data() + used,
                                                      packed.size() - used, text.data() + done,
                                                      text.size() - done, &in, &out);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
      text.resize(2 * text.size() + (1 << 20));
      continue;
    }
    if (result != LIBDEFLATE_SUCCESS) {
      throw DataError(fmt::format("{} is not a whole gzip file: its part from byte {} of {} is cut "
                                  "or damaged",
                                  name, used, packed.size()),
                      kCopyAgain);
    }
    used += in;
    done += out;
  }
  text.resize(done);
  return text;
}

Digest hash_ends(const Path& path, uintmax_t size) {
  constexpr std::streamsize kEnd = 1 << 20;
  std::string buffer(kEnd, '\0');
  std::ifstream in(path, std::ios::binary);
  Sha256 hash;
  in.read(buffer.data(), kEnd);
  hash.update(std::string_view(buffer.data(), static_cast<size_t>(in.gcount())));
  if (size > static_cast<uintmax_t>(kEnd)) {
    in.clear();
    in.seekg(-kEnd, std::ios::end);
    in.read(buffer.data(), kEnd);
    hash.update(std::string_view(buffer.data(), static_cast<size_t>(in.gcount())));
  }
  if (in.bad()) throw DataError(fmt::format("{} cannot be read", path.string()), kPathHint);
  return hash.finish();
}

}  // namespace

std::vector<Path> expand_files(const std::vector<std::string>& entries,
                               std::span<const std::string_view> extensions) {
  std::vector<Path> all;
  for (const std::string& entry : entries) {
    std::vector<Path> found;
    if (std::filesystem::is_directory(entry)) {
      found = files_of_folder(entry, extensions);
    } else if (std::filesystem::exists(entry)) {
      found = {entry};
    } else if (entry.find_first_of("*?[") != std::string::npos) {
      found = files_of_glob(entry);
    } else {
      throw DataError(fmt::format("{} does not exist", entry), kPathHint);
    }
    std::sort(found.begin(), found.end());
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

std::string read_maybe_gzip(const Path& path) {
  const std::string name = path.string();
  if (!std::filesystem::exists(path))
    throw DataError(fmt::format("{} does not exist", name), kPathHint);
  if (std::filesystem::is_directory(path)) {
    throw DataError(fmt::format("{} is a folder; a file is needed here", name), kPathHint);
  }
  if (std::filesystem::file_size(path) == 0)
    throw DataError(fmt::format("{} is empty", name), kCopyAgain);
  std::string text = read_text(path);
  if (is_gzip(text)) text = unpack(text, name);
  if (text.empty()) throw DataError(fmt::format("{} is empty once unpacked", name), kCopyAgain);
  return text;
}

std::string fingerprint_files(std::vector<NamedFile> files) {
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  uintmax_t total = 0;
  for (const auto& file : files) total += std::filesystem::file_size(file.path);
  Sha256 hash;
  for (const auto& file : files) {
    const uintmax_t size = std::filesystem::file_size(file.path);
    const Digest content =
        total <= kFullHashBytes ? sha256_file(file.path.string()) : hash_ends(file.path, size);
    hash.update(fmt::format("{}\n{}\n{}\n", file.name, size, content.hex()));
  }
  return hash.finish().hex();
}

std::vector<NamedFile> named_by_file(std::span<const Path> paths) {
  std::vector<NamedFile> named;
  for (const Path& path : paths) named.push_back({path, path.filename().string()});
  return named;
}

}  // namespace trireme
