#include "kernels/cuda/plan_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/xxh64.h"

namespace trireme::cu {
namespace {

// A file: this line's words, the XXH64 of all that follows, the key, and what is kept.
//   trireme plan 1 0123456789abcdef\n
//   KEY\n
//   VALUE
constexpr std::string_view kMagic = "trireme plan 1 ";

std::string hex(uint64_t n) {
  char digits[17];
  (void)std::snprintf(digits, sizeof digits, "%016" PRIx64, n);
  return digits;
}

std::optional<std::string> read_all(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Nothing: it is no file of this key, or not as it was written.
std::optional<std::string> value_in(std::string_view text, std::string_view key) {
  constexpr size_t kHead = kMagic.size() + 17;
  if (text.size() < kHead || !text.starts_with(kMagic) || text[kHead - 1] != '\n') return {};
  const std::string_view sum = text.substr(kMagic.size(), 16), body = text.substr(kHead);
  if (sum != hex(xxh64(body))) return {};
  if (!body.starts_with(key) || body.size() == key.size() || body[key.size()] != '\n') return {};
  return std::string(body.substr(key.size() + 1));
}

// Empty: written. Else the system's reason. Not synced: what a crash leaves of it shows in the
// checksum.
std::string write_all(const std::filesystem::path& file, std::string_view text) {
  const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (out < 0) return std::strerror(errno);
  int reason = 0;
  while (!text.empty() && reason == 0) {
    const ssize_t n = ::write(out, text.data(), text.size());
    if (n > 0)
      text.remove_prefix(static_cast<size_t>(n));
    else if (n == 0 || errno != EINTR)
      reason = n == 0 ? ENOSPC : errno;
  }
  if (::close(out) != 0 && reason == 0) reason = errno;
  return reason == 0 ? "" : std::strerror(reason);
}

// A name beside `file` that no other process and no other call has.
std::filesystem::path temporary_beside(const std::filesystem::path& file) {
  static std::atomic<unsigned> calls{0};
  char host[64] = "";
  (void)::gethostname(host, sizeof host - 1);
  return file.string() + '.' + host + '.' + std::to_string(::getpid()) + '.' +
         std::to_string(calls++) + ".tmp";
}

}  // namespace

PlanStore::PlanStore(std::filesystem::path folder, Warn warn)
    : folder_(std::move(folder)), warn_(warn) {}

std::filesystem::path PlanStore::file_of(const std::string& key) const {
  return folder_ / (hex(xxh64(key)) + ".plan");
}

std::optional<std::string> PlanStore::find(const std::string& key) {
  if (folder_.empty()) return {};
  const std::filesystem::path file = file_of(key);
  const auto text = read_all(file);
  if (!text) return {};
  auto value = value_in(*text, key);
  if (!value) refuse(key, "is damaged");
  return value;
}

void PlanStore::refuse(const std::string& key, const std::string& why) {
  warn_once(said_damaged_, "a kept plan, " + file_of(key).string() + ", " + why +
                               ": it is made anew, as any other like it");
}

void PlanStore::keep(const std::string& key, const std::string& value) {
  if (folder_.empty()) return;
  const std::string body = key + '\n' + value;
  const std::filesystem::path file = file_of(key), temporary = temporary_beside(file);
  std::error_code failed;
  std::filesystem::create_directories(folder_, failed);
  std::string reason =
      failed ? failed.message()
             : write_all(temporary, std::string(kMagic) + hex(xxh64(body)) + '\n' + body);
  if (reason.empty()) {
    std::filesystem::rename(temporary, file, failed);
    if (failed) reason = failed.message();
  }
  if (reason.empty()) return;
  std::filesystem::remove(temporary, failed);
  cannot_keep(reason);
}

void PlanStore::cannot_keep(const std::string& why) {
  if (folder_.empty()) return;
  warn_once(said_unkept_, "plans are not kept in " + folder_.string() + ": " + why +
                              "; the next start makes them anew");
}

void PlanStore::warn_once(bool& said, const std::string& line) {
  const std::scoped_lock lock(mutex_);
  if (!std::exchange(said, true) && warn_) warn_(line.c_str());
}

}  // namespace trireme::cu
