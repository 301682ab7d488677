#pragma once
// A server's part of a checkpoint, written by a thread while the server goes on: the moments of its
// blocks, into files that all servers share, and the rows of its tables, in a file of its own.

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "checkpoint/column_file.h"
#include "ps/placement.h"
#include "ps/state_writer.h"
#include "worker/servers/moment_files.h"
#include "worker/tables/row_columns.h"

namespace trireme {

class ServerWriter final : public ps::StateWriter {
 public:
  // columns: of its tables (saved_columns()); none: it has no rows to write. Borrows the others.
  ServerWriter(int server, const ps::Placement& placement,
               std::vector<std::vector<RowColumn>> columns, const MomentFiles& moments);
  ~ServerWriter() override;  // leaves a file that is not finished, whose temporary goes

  bool sees(const std::string& place) override;
  void begin(const std::string& place, const std::vector<int64_t>& rows) override;
  bool has_room() override;
  void take(int block, std::unique_ptr<float[]> moments) override;
  void sort(Keys keys) override;
  std::optional<Keys> sorted() override;
  void take(size_t part, int64_t count, std::unique_ptr<std::byte[]> rows) override;
  void end() override;
  ps::FileProgress saved() override;

 private:
  static constexpr size_t kMostWaiting = 2;  // chunks
  struct Job {
    enum class What { moments, sort, rows, end } what;
    Keys keys = {};
    int block = -1;
    std::unique_ptr<float[]> moments = nullptr;
    size_t part = 0;
    int64_t count = 0;
    std::unique_ptr<std::byte[]> rows = nullptr;
  };
  void put(Job job);
  bool next(Job& job);
  void run(const Path& folder, const std::vector<int64_t>& rows);
  void write_moments(const Job& job, MomentPieces& files) const;
  void write_rows(const Job& job, ColumnFile& file);
  void finish(MomentPieces& moments, std::optional<ColumnFile>& rows);
  void went_on();
  void leave();

  const int server_;
  const ps::Placement& placement_;
  const std::vector<std::vector<RowColumn>> columns_;
  const MomentFiles& moments_;
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
  ps::FileProgress saved_;
  std::exception_ptr error_;
};

}  // namespace trireme
