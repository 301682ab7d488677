#include "worker/servers/server_writer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "checkpoint/parts.h"
#include "worker/servers/row_file.h"
#include "worker/servers/save_place.h"

namespace trireme {
namespace {

constexpr int kWriterNice = 10;  // as nice(1) counts

}  // namespace

ServerWriter::ServerWriter(int server, const ps::Placement& placement,
                           std::vector<std::vector<RowColumn>> columns, const MomentFiles& moments)
    : server_(server), placement_(placement), columns_(std::move(columns)), moments_(moments) {}

ServerWriter::~ServerWriter() { leave(); }

void ServerWriter::leave() {
  {
    const std::lock_guard lock(mutex_);
    leaves_ = true;
  }
  news_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool ServerWriter::sees(const std::string& place) {
  const SavePlace wanted = SavePlace::from(place);
  std::error_code ignored;
  if (wanted.words.empty()) return std::filesystem::is_directory(wanted.path, ignored);
  return std::filesystem::is_regular_file(wanted.path, ignored) &&
         read_text(wanted.path) == wanted.words;
}

void ServerWriter::begin(const std::string& place, const std::vector<int64_t>& rows) {
  leave();
  leaves_ = false;
  jobs_.clear();
  sorted_.reset();
  saved_ = {};
  written_.assign(rows.size(), 0);
  thread_ = std::thread([this, folder = SavePlace::from(place).path, rows] {
    try {
      run(folder, rows);
    } catch (...) {  // thrown by who asks next
      const std::lock_guard lock(mutex_);
      error_ = std::current_exception();
    }
  });
}

void ServerWriter::put(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  news_.notify_all();
}

void ServerWriter::take(int block, std::unique_ptr<float[]> moments) {
  put({.what = Job::What::moments, .block = block, .moments = std::move(moments)});
}

void ServerWriter::sort(Keys keys) { put({.what = Job::What::sort, .keys = std::move(keys)}); }

void ServerWriter::take(size_t part, int64_t count, std::unique_ptr<std::byte[]> rows) {
  put({.what = Job::What::rows, .part = part, .count = count, .rows = std::move(rows)});
}

void ServerWriter::end() { put({.what = Job::What::end}); }

std::optional<ServerWriter::Keys> ServerWriter::sorted() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
  return std::exchange(sorted_, std::nullopt);
}

bool ServerWriter::has_room() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
  return jobs_.size() < kMostWaiting;
}

ps::FileProgress ServerWriter::saved() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
  return saved_;
}

// The job's place stays among jobs_ as long as it is worked on; false: it is to leave.
bool ServerWriter::next(Job& job) {
  std::unique_lock lock(mutex_);
  news_.wait(lock, [this] { return leaves_ || !jobs_.empty(); });
  if (leaves_) return false;
  job = std::move(jobs_.front());
  return true;
}

void ServerWriter::went_on() {
  const std::lock_guard lock(mutex_);
  ++saved_.progress;
}

void ServerWriter::run(const Path& folder, const std::vector<int64_t>& rows) {
  MomentPieces moments(moments_, folder);
  std::optional<ColumnFile> of_rows;
  const int servers = placement_.servers();
  if (!columns_.empty())
    of_rows.emplace(folder / row_file_name(server_, servers),
                    row_file_tensors(columns_, rows, server_, servers));
  for (Job job; next(job);) {
    switch (job.what) {
      case Job::What::moments:
        write_moments(job, moments);
        break;
      case Job::What::sort:
        std::sort(job.keys.begin(), job.keys.end());
        break;
      case Job::What::rows:
        write_rows(job, *of_rows);
        break;
      case Job::What::end:
        return finish(moments, of_rows);
    }
    const std::lock_guard lock(mutex_);
    if (job.what == Job::What::sort) sorted_ = std::move(job.keys);
    jobs_.pop_front();
    ++saved_.progress;
  }
}

// Before, steps cost images of what is not copied yet; the rest is less urgent than steps.
void ServerWriter::finish(MomentPieces& moments, std::optional<ColumnFile>& rows) {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kWriterNice);
  moments.sync();
  went_on();
  WrittenFile written;
  if (rows) written = rows->finish([this] { went_on(); });
  const std::lock_guard lock(mutex_);
  saved_.bytes = written.bytes;
  std::ranges::copy(written.sha256, saved_.sha256.begin());
  saved_.done = 1;
}

void ServerWriter::write_moments(const Job& job, MomentPieces& files) const {
  const Range range = placement_.block(job.block).range;
  for (size_t i = 0; i < moments_.moments(); ++i)
    files.write(i, range, job.moments.get() + static_cast<int64_t>(i) * range.size());
}

void ServerWriter::write_rows(const Job& job, ColumnFile& file) {
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
    file.write(part_name(c.tensor, server_, placement_.servers()), first * bytes, column_);
  }
}

}  // namespace trireme
