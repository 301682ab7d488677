#include "worker/servers/row_file.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "checkpoint/parts.h"

namespace trireme {
namespace {

constexpr int kWriterNice = 10;  // as nice(1) counts

}  // namespace

std::vector<std::vector<RowColumn>> saved_columns(std::span<const TableSpec> tables,
                                                  const ps::RowOptimizer& optimizer,
                                                  const ps::LifeSpec& life) {
  std::vector<std::vector<RowColumn>> columns;
  for (const TableSpec& table : tables) {
    columns.push_back(row_columns(table, optimizer.moments(table.dim)));
    if (life.admit_after > 1) columns.push_back(candidate_columns(table));
  }
  return columns;
}

std::string row_file_name(int server, int servers) {
  return fmt::format("tables-{:05}-of-{:05}.safetensors", server + 1, servers);
}

std::vector<TensorMeta> row_file_tensors(const std::vector<std::vector<RowColumn>>& columns,
                                         std::span<const int64_t> rows, int server, int servers) {
  std::vector<TensorMeta> tensors;
  for (size_t part = 0; part < columns.size(); ++part)
    for (const RowColumn& column : columns[part])
      tensors.push_back(
          {part_name(column.tensor, server, servers), column.shape(rows[part]), column.dtype});
  return tensors;
}

SavePlace SavePlace::from(const std::string& text) {
  const size_t end = text.rfind('\n');
  return {text.substr(0, end), end == std::string::npos ? "" : text.substr(end + 1)};
}

RowFile::RowFile(int server, int servers, std::vector<std::vector<RowColumn>> columns)
    : server_(server), servers_(servers), columns_(std::move(columns)) {}

RowFile::~RowFile() { leave(); }

void RowFile::leave() {
  {
    const std::lock_guard lock(mutex_);
    leaves_ = true;
  }
  news_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool RowFile::sees(const std::string& place) {
  const SavePlace wanted = SavePlace::from(place);
  std::error_code ignored;
  if (wanted.words.empty()) return std::filesystem::is_directory(wanted.path, ignored);
  return std::filesystem::is_regular_file(wanted.path, ignored) &&
         read_text(wanted.path) == wanted.words;
}

void RowFile::begin(const std::string& place, const std::vector<int64_t>& rows) {
  leave();
  leaves_ = false;
  jobs_.clear();
  sorted_.reset();
  saved_ = {};
  written_.assign(rows.size(), 0);
  thread_ =
      std::thread([this, path = SavePlace::from(place).path / row_file_name(server_, servers_),
                   tensors = row_file_tensors(columns_, rows, server_, servers_)] {
        try {
          run(path, tensors);
        } catch (...) {  // thrown by who asks next
          const std::lock_guard lock(mutex_);
          error_ = std::current_exception();
        }
      });
}

void RowFile::put(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  news_.notify_all();
}

void RowFile::sort(Keys keys) { put({Job::What::sort, std::move(keys)}); }

void RowFile::take(size_t part, int64_t count, std::unique_ptr<std::byte[]> rows) {
  put({Job::What::write, {}, part, count, std::move(rows)});
}

void RowFile::end() { put({Job::What::end}); }

std::optional<RowFile::Keys> RowFile::sorted() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
  return std::exchange(sorted_, std::nullopt);
}

bool RowFile::has_room() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
  return jobs_.size() < kMostWaiting;
}

ps::SavedRows RowFile::saved() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
  return saved_;
}

// The job stays among jobs_ as long as it is worked on; false: it is to leave.
bool RowFile::next(Job& job) {
  std::unique_lock lock(mutex_);
  news_.wait(lock, [this] { return leaves_ || !jobs_.empty(); });
  if (leaves_) return false;
  job = std::move(jobs_.front());
  return true;
}

void RowFile::went_on() {
  const std::lock_guard lock(mutex_);
  ++saved_.progress;
}

void RowFile::run(const Path& path, const std::vector<TensorMeta>& tensors) {
  ColumnFile file(path, tensors);
  for (Job job; next(job);) {
    if (job.what == Job::What::end) {
      // Before, steps cost images of rows that are not copied yet; the rest is less urgent than
      // steps.
      ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kWriterNice);
      const WrittenFile written = file.finish([this] { went_on(); });
      const std::lock_guard lock(mutex_);
      saved_.bytes = written.bytes;
      std::ranges::copy(written.sha256, saved_.sha256.begin());
      saved_.done = 1;
      return;
    }
    if (job.what == Job::What::sort)
      std::sort(job.keys.begin(), job.keys.end());
    else
      write(job, file);
    const std::lock_guard lock(mutex_);
    if (job.what == Job::What::sort) sorted_ = std::move(job.keys);
    jobs_.pop_front();
    ++saved_.progress;
  }
}

void RowFile::write(const Job& job, ColumnFile& file) {
  const std::vector<RowColumn>& columns = columns_[job.part];
  const auto count = static_cast<size_t>(job.count);
  size_t row_bytes = sizeof(ps::RowHeader);
  for (const RowColumn& c : columns) row_bytes = std::max(row_bytes, c.offset + c.bytes());
  const auto first =
      static_cast<uint64_t>(std::exchange(written_[job.part], written_[job.part] + job.count));
  for (const RowColumn& c : columns) {
    const size_t bytes = c.bytes();
    column_.resize(count * bytes);
    const std::byte* from = job.rows.get() + c.offset;
    for (size_t i = 0; i < count; ++i, from += row_bytes)
      std::memcpy(column_.data() + i * bytes, from, bytes);
    file.write(part_name(c.tensor, server_, servers_), first * bytes, column_);
  }
}

}  // namespace trireme
