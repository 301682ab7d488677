#include "checkpoint/hashed_file.h"

#include <sys/resource.h>

#include <csignal>

#include "base/error.h"
#include "checkpoint/fixture.h"

namespace trireme {
namespace {

constexpr size_t kBlock = HashedFile::kBlock;

class HashedFileTest : public FolderTest {};

std::vector<std::byte> bytes_of(size_t count) {
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 37 + i / 4096);
  return bytes;
}

TEST_F(HashedFileTest, HasTheHashOfWhatComesBackFromItAtEverySize) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4096}, kBlock - 1, kBlock, kBlock + 1,
                            kBlock + 4096, 2 * kBlock, 2 * kBlock + 12345}) {
    for (const size_t first : {size_t{0}, size_t{3}, kBlock + 8}) {
      const std::vector<std::byte> bytes = bytes_of(size);
      const auto all = std::span(bytes);
      HashedFile file(folder / "x");
      file.write(all.first(std::min(first, size)));
      file.write(all.subspan(std::min(first, size)));
      EXPECT_FALSE(std::filesystem::exists(folder / "x"));
      const WrittenFile written = file.finish();
      EXPECT_EQ(written.bytes, size) << first;
      EXPECT_EQ(written.sha256, sha256(all).hex()) << size << ' ' << first;
      EXPECT_EQ(read_bytes(folder / "x"), bytes) << size << ' ' << first;
      std::filesystem::remove(folder / "x");
    }
  }
}

TEST_F(HashedFileTest, OnADiskThatIsFullIsReportedAndGone) {
  const std::vector<std::byte> bytes = bytes_of(3 * kBlock);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // write() then fails with EFBIG
  for (const rlim_t limit : {rlim_t{1} << 20, kBlock + 100, 2 * kBlock}) {
    const rlimit small{limit, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    std::string what;
    try {
      HashedFile file(folder / "x");
      file.write(std::span<const std::byte>(bytes));
      file.finish();
    } catch (const DataError& e) {
      what = e.what();
    }
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_NE(what.find("cannot write " + (folder / "x").string()), std::string::npos) << what;
    EXPECT_TRUE(std::filesystem::is_empty(folder)) << limit;
  }
  std::signal(SIGXFSZ, handler);
}

}  // namespace
}  // namespace trireme
