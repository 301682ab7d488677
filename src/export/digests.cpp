#include "export/digests.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/sha256.h"
#include "base/text.h"

namespace trireme {
namespace {

constexpr auto kList = "SHA256SUMS";
constexpr size_t kHex = 64;
constexpr std::string_view kGap = "  ";  // sha256sum's, before a file read as text

}  // namespace

void write_digests(const Path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_regular_file()) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  std::string list;
  for (const std::string& name : names)
    list += fmt::format("{}{}{}\n", sha256_file((folder / name).string()).hex(), kGap, name);
  write_atomic(folder / kList, list);
}

void check_digest(const Path& file) {
  const Path list = file.parent_path() / kList;
  if (!std::filesystem::exists(list)) return;
  int line = 0;
  for (const std::string& text : split(read_text(list), '\n')) {
    ++line;
    if (text.empty()) continue;
    if (text.size() <= kHex + kGap.size() || text.substr(kHex, kGap.size()) != kGap)
      throw FormatError(fmt::format("{}:{}: not a digest and a file name", list.string(), line),
                        "the list is damaged: export the model again");
    if (text.substr(kHex + kGap.size()) != file.filename().string()) continue;
    const std::string now = sha256_file(file.string()).hex(), then = text.substr(0, kHex);
    if (now != then)
      throw FormatError(
          fmt::format("{}: its SHA-256 is {}..., {} says {}...", file.string(), now.substr(0, 16),
                      kList, then.substr(0, 16)),
          "the file was damaged or changed after it had been checked: export the model again");
  }
}

}  // namespace trireme
