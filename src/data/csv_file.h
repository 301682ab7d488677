#pragma once
// The records of one CSV file, from memory or from the disk piece by piece.

#include <functional>
#include <memory>
#include <string>

#include "base/file.h"
#include "data/csv_text.h"

namespace trireme {

class CsvFile {
 public:
  // in_memory: the text is read and, where it is gzip, unpacked now; else it stays on the disk and
  // must not be gzip. Throws DataError for a file that is missing, empty, cut or damaged.
  // window: bytes that are read at once; more for a longer record.
  CsvFile(Path path, char delimiter, bool in_memory, uint64_t window = uint64_t{4} << 20);
  const Path& path() const { return path_; }
  // Calls visit with the reader at each record, in order, until it returns false. Throws DataError
  // as CsvReader does.
  void until(const std::function<bool(const CsvReader&)>& visit) const;
  void for_each(const std::function<void(const CsvReader&)>& visit) const;
  // The records from `begin` up to the byte `end`, both ends of records. Thread-safe.
  void for_each_of(const CsvReader::Place& begin, uint64_t end,
                   const std::function<void(const CsvReader&)>& visit) const;

 private:
  std::string read(uint64_t offset, uint64_t bytes) const;
  void stream(const std::function<bool(const CsvReader&)>& visit) const;

  Path path_;
  char delimiter_;
  uint64_t window_;
  std::shared_ptr<const std::string> text_;  // shared: copies of a file stand on one text
  uint64_t size_ = 0;                        // of the file on the disk, when it was opened
};

}  // namespace trireme
