#include "checkpoint/manifest_seal.h"

#include "base/error.h"
#include "base/sha256.h"

namespace trireme {
namespace {

constexpr std::string_view kBefore = " \"sha256\": \"";
constexpr std::string_view kAfter = "\"\n}\n";
constexpr size_t kHex = 64;
constexpr size_t kSealBytes = kBefore.size() + kHex + kAfter.size();

}  // namespace

std::string seal(std::string object) {
  object.resize(object.size() - 2);  // the closing "\n}"
  object += ",\n";
  const std::string hash = sha256(std::string_view(object)).hex();
  object.append(kBefore).append(hash).append(kAfter);
  return object;
}

void check_seal(std::string_view text, const Path& file) {
  const char* const hint = "the file is damaged, cut short or was edited; use another checkpoint";
  const size_t body = text.size() < kSealBytes ? 0 : text.size() - kSealBytes;
  const std::string_view tail = text.substr(body);
  if (tail.size() != kSealBytes || !tail.starts_with(kBefore) || !tail.ends_with(kAfter)) {
    throw FormatError(file.string() + ": byte " + std::to_string(body) + ": the file of " +
                          std::to_string(text.size()) + " bytes does not end in its \"sha256\"",
                      hint);
  }
  const std::string stated(tail.substr(kBefore.size(), kHex));
  const std::string found = sha256(text.substr(0, body)).hex();
  if (stated != found) {
    throw FormatError(file.string() + ": field 'sha256' says " + stated + ", bytes 0.." +
                          std::to_string(body) + " hash to " + found,
                      hint);
  }
}

}  // namespace trireme
