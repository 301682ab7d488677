#include "base/sha256.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"

namespace trireme {
namespace {

// FIPS 180-4 examples.
constexpr const char* kOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(sha256(std::string_view()).hex(), kOfNothing);
  EXPECT_EQ(sha256("abc").hex(), kOfAbc);
}

TEST(Sha256, DoesNotDependOnThePieces) {
  Sha256 hash;
  hash.update("a");
  hash.update("");
  hash.update("bc");
  EXPECT_EQ(hash.finish(), sha256("abc"));
}

TEST(Sha256, HashesFilesLargerThanAPiece) {
  const Path path = Path(testing::TempDir()) / "trireme_sha256_test";
  const std::string text(3'000'001, 'x');
  write_atomic(path, text);
  EXPECT_EQ(sha256_file(path.string()), sha256(text));
  std::filesystem::remove(path);
}

TEST(Sha256, NamesTheFileThatIsNotThere) {
  try {
    sha256_file("/nonexistent/file");
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_STREQ(error.what(), "cannot open /nonexistent/file: No such file or directory");
  }
}

}  // namespace
}  // namespace trireme
