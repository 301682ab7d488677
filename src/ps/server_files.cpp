// What a server says of checkpoints that it writes and reads itself.
#include "base/error.h"
#include "ps/server_core.h"

namespace trireme::ps {
namespace {

std::string text_of(const Message& m) {
  return {reinterpret_cast<const char*>(m.payload.data()), m.payload.size()};
}

}  // namespace

// It is copied from what it is now; the answer says how many rows each part of the tables has.
void ServerCore::save(const Message& m) {
  Header h = m.header;
  if (h.worker != 0) refuse(h, "only worker 0 has a server save");
  const std::vector<RowTable*> parts = tables_.parts();
  std::vector<int64_t> rows;
  for (const RowTable* part : parts) rows.push_back(part->size());
  const std::string place = text_of(m);
  h.version = writer_ && writer_->sees(place);
  if (h.version && !(h.flags & kLookOnly)) {
    if (copy_ && !copy_->done()) refuse(h, "it is still being saved");
    while (!to_apply_.empty()) apply_next();
    copy_.reset();  // one at a time watches what changes
    copy_ = std::make_unique<StateCopy>(store_, use_order_, parts, *writer_, place);
  }
  say(Kind::saving, h, std::as_bytes(std::span<const int64_t>(rows)), true);
}

void ServerCore::restore(const Message& m) {
  Header h = m.header;
  if (h.worker != 0) refuse(h, "only worker 0 has a server restored");
  if (restore_) refuse(h, "it is restored once");
  const std::string place = text_of(m);
  h.version = reader_ && reader_->sees(place);
  if (h.version && !(h.flags & kLookOnly)) {
    reader_->begin(place);
    restore_ = std::make_unique<StateRestore>(store_, use_order_, placement_, tables_, *reader_);
  }
  say(Kind::restoring, h, {});
}

bool ServerCore::advance_files() {
  if (copy_ && copy_->advance()) return true;
  if (!restore_ || restore_->done()) return false;
  restore_->advance();
  if (restore_->done())
    for (const int block : use_order_) begin_with_weights(block);
  return true;
}

void ServerCore::fetch_progress(const Header& h) {
  FileProgress progress;
  if (h.buffer == kRestoring) {
    if (!restore_) refuse(h, "nothing is restored");
    progress = {.progress = restore_->progress(), .done = restore_->done()};
  } else {
    if (!writer_ || !copy_) refuse(h, "nothing is to be saved");
    progress = writer_->saved();
  }
  say(Kind::progress, h, std::as_bytes(std::span(&progress, 1)), true);
}

}  // namespace trireme::ps
