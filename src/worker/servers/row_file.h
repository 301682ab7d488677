#pragma once
// A server's part of a checkpoint: the rows of its tables in one file, which a thread writes while
// the server goes on.

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/column_file.h"
#include "ps/table_copy.h"
#include "ps/table_life.h"
#include "worker/row_columns.h"

namespace trireme {

// Of every table its rows and, where keys wait for one, its candidates: as TableStore::parts().
std::vector<std::vector<RowColumn>> saved_columns(std::span<const TableSpec> tables,
                                                  const ps::RowOptimizer& optimizer,
                                                  const ps::LifeSpec& life);
// The file of a server, and the tensors in it; rows: of each of those.
std::string row_file_name(int server, int servers);
std::vector<TensorMeta> row_file_tensors(const std::vector<std::vector<RowColumn>>& columns,
                                         std::span<const int64_t> rows, int server, int servers);

// What worker 0 says of where rows are to be saved: a folder, or, to see whether a server has the
// same file system, a file and the words that have to be in it.
struct SavePlace {
  Path path;
  std::string words = {};
  std::string text() const { return path.string() + "\n" + words; }
  static SavePlace from(const std::string& text);
};

class RowFile final : public ps::RowsWriter {
 public:
  RowFile(int server, int servers, std::vector<std::vector<RowColumn>> columns);
  ~RowFile() override;  // leaves a file that is not finished, whose temporary goes

  bool sees(const std::string& place) override;
  void begin(const std::string& place, const std::vector<int64_t>& rows) override;
  void sort(Keys keys) override;
  std::optional<Keys> sorted() override;
  bool has_room() override;
  void take(size_t part, int64_t count, std::unique_ptr<std::byte[]> rows) override;
  void end() override;
  ps::SavedRows saved() override;

 private:
  static constexpr size_t kMostWaiting = 2;  // chunks
  struct Job {
    enum class What { sort, write, end } what;
    Keys keys = {};
    size_t part = 0;
    int64_t count = 0;
    std::unique_ptr<std::byte[]> rows = nullptr;
  };
  void put(Job job);
  bool next(Job& job);
  void run(const Path& path, const std::vector<TensorMeta>& tensors);
  void write(const Job& job, ColumnFile& file);
  void went_on();
  void leave();

  const int server_, servers_;
  const std::vector<std::vector<RowColumn>> columns_;
  std::thread thread_;
  // The thread's.
  std::vector<int64_t> written_;  // rows, by part
  std::vector<std::byte> column_;
  // Of both, under mutex_.
  std::mutex mutex_;
  std::condition_variable news_;
  std::deque<Job> jobs_;
  bool leaves_ = false;
  std::optional<Keys> sorted_;
  ps::SavedRows saved_;
  std::exception_ptr error_;
};

}  // namespace trireme
