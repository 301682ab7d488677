// A server's part of a checkpoint, written by its thread.
#include "worker/servers/server_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "base/error.h"
#include "base/sha256.h"
#include "checkpoint/safetensors.h"
#include "optim/optimizer.h"
#include "ps/table_copy.h"
#include "worker/servers/row_file.h"
#include "worker/servers/save_place.h"

namespace trireme {
namespace {

OptimizerConfig adagrad() {
  OptimizerConfig config{};
  config.name = "adagrad";
  return config;
}

class ServerWriters : public testing::Test {
 protected:
  ServerWriters() { std::filesystem::create_directories(folder_); }
  ~ServerWriters() override { std::filesystem::remove_all(folder_); }
  bool is_empty() const { return std::filesystem::is_empty(folder_); }
  // Of 2,000 rows; what row `key` has is a function of its key.
  std::unique_ptr<ps::RowTable> table() const {
    auto table = std::make_unique<ps::RowTable>(spec_, optimizer_.row_state(spec_.dim), 1);
    for (int64_t i = 0; i < 2000; ++i) {
      const int64_t key = i * 7919 % 2000;
      const ps::RowId row = table->make(key);
      table->header(row).updates = 2 * key;
      table->weights(row)[1] = static_cast<float>(key) + 0.5f;
      table->state(row)[2] = static_cast<float>(key) - 0.5f;
    }
    return table;
  }
  std::unique_ptr<ServerWriter> writer(int server, int servers) const {
    return std::make_unique<ServerWriter>(server, servers == 3 ? three_ : one_, columns_, none_);
  }
  // All rows, into `folder`; the writer's error.
  static void write(ps::RowTable& rows, ServerWriter& writer, const Path& folder) {
    ps::TableCopy copy({&rows}, writer);
    writer.begin(SavePlace{folder}.text(), {rows.size()});
    while (!copy.done())
      if (!copy.advance()) std::this_thread::yield();
    writer.end();
    while (!writer.saved().done) std::this_thread::yield();
  }

  const Path folder_ =
      std::filesystem::temp_directory_path() / ("trireme-rows-" + std::to_string(::getpid()));
  const TableSpec spec_{"t", 3, {Init::uniform, -1, 1}};
  const ps::RowOptimizer optimizer_{Optimizer(adagrad()), false};
  const ParamTable no_params_;
  const MomentFiles none_{no_params_, {}, 1};
  const ps::Placement one_{0, 1, 1}, three_{0, 3, 1};
  const std::vector<std::vector<RowColumn>> columns_ =
      saved_columns(std::span(&spec_, 1), optimizer_, {});
};

TEST_F(ServerWriters, PutTheColumnsOfAllRowsByAscendingKeyIntoAFile) {
  const auto rows = table();
  const auto file = writer(1, 3);
  write(*rows, *file, folder_);
  const Path path = folder_ / "tables-00002-of-00003.safetensors";
  const SafetensorsReader reader(path);
  const auto tensor = [&](const std::string& suffix) {
    return reader.tensor("table.t." + suffix + ".part-00002-of-00003");
  };
  EXPECT_EQ(reader.tensors().size(), 5u);
  for (int64_t key = 0; key < 2000; ++key) {
    const auto i = static_cast<size_t>(key);
    ASSERT_EQ(tensor("keys").ints()[i], key);
    ASSERT_EQ(tensor("updates").ints()[i], 2 * key);
    ASSERT_EQ(tensor("rows").floats()[3 * i + 1], static_cast<float>(key) + 0.5f);
    ASSERT_EQ(tensor("sum").floats()[3 * i + 2], static_cast<float>(key) - 0.5f);
    if (key == 20) key = 1980;  // a tensor is read whole each time
  }
  const ps::FileProgress saved = file->saved();
  EXPECT_EQ(saved.bytes, std::filesystem::file_size(path));
  EXPECT_EQ(std::string(saved.sha256.begin(), saved.sha256.end()),
            sha256_file(path.string()).hex());
  EXPECT_EQ(row_file_tensors(columns_, std::vector<int64_t>{2000}, 1, 3).size(), 5u);
}

TEST_F(ServerWriters, WriteOneFileAfterTheOther) {
  const auto rows = table();
  const auto file = writer(0, 1);
  for (const char* name : {"a", "b"}) {
    std::filesystem::create_directories(folder_ / name);
    write(*rows, *file, folder_ / name);
  }
  EXPECT_EQ(read_bytes(folder_ / "a" / row_file_name(0, 1)),
            read_bytes(folder_ / "b" / row_file_name(0, 1)));
}

TEST_F(ServerWriters, SayThatTheyCannotWriteToWhoeverAsks) {
  const auto rows = table();
  const auto file = writer(0, 1);
  EXPECT_THROW(write(*rows, *file, folder_ / "gone"), DataError);
}

TEST_F(ServerWriters, LeaveNothingThatIsNotFinished) {
  const auto rows = table();
  {
    const auto file = writer(0, 1);
    ps::TableCopy copy({rows.get()}, *file);
    file->begin(SavePlace{folder_}.text(), {rows->size()});
    for (int i = 0; i < 5; ++i) copy.advance();
  }
  EXPECT_TRUE(is_empty());
}

TEST_F(ServerWriters, SeeAFolderOrTheWordsOfAFile) {
  const auto file = writer(0, 1);
  write_atomic(folder_ / "token", std::string_view("words"));
  EXPECT_TRUE(file->sees(SavePlace{folder_}.text()));
  EXPECT_FALSE(file->sees(SavePlace{folder_ / "gone"}.text()));
  EXPECT_TRUE(file->sees(SavePlace{folder_ / "token", "words"}.text()));
  EXPECT_FALSE(file->sees(SavePlace{folder_ / "token", "others"}.text()));
  EXPECT_FALSE(file->sees(SavePlace{folder_ / "gone", "words"}.text()));
}

}  // namespace
}  // namespace trireme
