#pragma once
// Plans kept from one start to the next: bytes by key, one file each in a folder, which may be
// deleted at any time. A file is whole or absent for whoever reads it, holds its key and a
// checksum, and is passed over where either is not as it should be. Processes may share a folder:
// of two that keep the same key at once, one wins.

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

namespace trireme::cu {

class PlanStore {
 public:
  // Takes one line of text for the log; never called by two threads at once.
  using Warn = void (*)(const char* line) noexcept;
  // folder: "" keeps nothing; one that is not there is made when the first plan is kept.
  PlanStore(std::filesystem::path folder, Warn warn);

  // What was kept under `key`, which is one line of text. Nothing, where there is no such file, or
  // it is damaged: the first damaged one is warned of.
  std::optional<std::string> find(const std::string& key);
  // Puts it in the place of what the key had. Where that cannot be done (a full disk, a folder that
  // is only read) nothing is kept, which the first time is warned of.
  void keep(const std::string& key, const std::string& value);
  // What find() gave is of no use: its file is warned of and forgotten, until keep().
  void refuse(const std::string& key, const std::string& why);

  // There is nothing to keep: why is warned of, the first time.
  void cannot_keep(const std::string& why);

  std::filesystem::path file_of(const std::string& key) const;

 private:
  void warn_once(bool& said, const std::string& line);

  const std::filesystem::path folder_;
  const Warn warn_;
  std::mutex mutex_;
  bool said_damaged_ = false, said_unkept_ = false;
};

}  // namespace trireme::cu
