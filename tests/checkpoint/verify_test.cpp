#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "checkpoint/fixture.h"
#include "checkpoint/manifest_seal.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;
const char* const kShard = "tensors-00001-of-00001.safetensors";

class Verify : public FolderTest {
 protected:
  Verify() : older_(save(folder, 1)), newer_(save(folder, 2)) {}
  // The newer checkpoint's `file` holds `text`: verify names the file, loading takes the older one.
  void expect_fallback(const char* file, const std::string& text, const std::string& region) {
    std::ofstream(newer_ / file, std::ios::binary) << text;
    const auto problems = verify_checkpoint(newer_);
    ASSERT_EQ(problems.size(), 1u) << region;
    EXPECT_NE(problems[0].find((newer_ / file).string()), std::string::npos) << problems[0];
    EXPECT_THROW(CheckpointReader(newer_, true), FormatError) << region;
    EXPECT_EQ(newest_good_checkpoint(folder), older_) << region;
  }
  // Rewrites the manifest with a valid seal after replacing text.
  void forge(const std::string& from, const std::string& to) {
    std::string text = read_text(newer_ / "manifest.json");
    text.resize(text.rfind(",\n \"sha256\""));
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    write_atomic(newer_ / "manifest.json", seal(text + "\n}"));
  }
  void expect_problem(const std::string& part) {
    const auto problems = verify_checkpoint(newer_);
    ASSERT_FALSE(problems.empty());
    EXPECT_NE(problems[0].find(part), std::string::npos) << problems[0];
  }
  Path older_, newer_;
};

TEST_F(Verify, AWholeCheckpointHasNoProblems) {
  EXPECT_TRUE(verify_checkpoint(newer_).empty());
  EXPECT_EQ(newest_good_checkpoint(folder), newer_);
}

TEST_F(Verify, FlippedBitsInEveryRegionAreFoundAndTheOlderOneIsTaken) {
  for (const char* file : {kShard, "manifest.json"}) {
    const std::string whole = read_text(newer_ / file);
    const size_t stride =
        whole.size() / 24 + 1;  // length, header and data of the shard; all of the manifest
    for (size_t at = 0; at < whole.size(); at += at < 8 || at + 8 > whole.size() ? 1 : stride) {
      std::string broken = whole;
      broken[at] = static_cast<char>(broken[at] ^ (1 << (at % 8)));
      expect_fallback(file, broken, std::string(file) + ", byte " + std::to_string(at));
    }
    std::string last = whole;
    last.back() = static_cast<char>(last.back() ^ 1);
    expect_fallback(file, last, "last byte");
    write_atomic(newer_ / file, whole);
  }
  EXPECT_TRUE(verify_checkpoint(newer_).empty());
}

TEST_F(Verify, TruncationInEveryRegionIsFoundAndTheOlderOneIsTaken) {
  for (const char* file : {kShard, "manifest.json"}) {
    const std::string whole = read_text(newer_ / file);
    for (const size_t size : {size_t{0}, size_t{5}, size_t{8}, size_t{60}, whole.size() / 2,
                              whole.size() - 30, whole.size() - 1}) {
      expect_fallback(file, whole.substr(0, size), "cut at " + std::to_string(size));
    }
    expect_fallback(file, whole + "x", "one byte more");
    write_atomic(newer_ / file, whole);
  }
}

TEST_F(Verify, AFallbackIsSaidAloud) {
  fs::remove(newer_ / kShard);
  testing::internal::CaptureStderr();
  EXPECT_EQ(newest_good_checkpoint(folder), older_);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find(newer_.string()), std::string::npos) << said;
  EXPECT_NE(said.find("the file is missing"), std::string::npos) << said;
}

TEST_F(Verify, WhenNoneIsWholeThatIsAnErrorAndWhenNoneExistsItIsNot) {
  fs::remove(newer_ / kShard);
  fs::remove(older_ / "manifest.json");
  const auto what = message_of<FormatError>([&] { newest_good_checkpoint(folder); });
  EXPECT_NE(what.find("none of 2 checkpoints is whole"), std::string::npos) << what;
  EXPECT_EQ(newest_good_checkpoint(folder / "nowhere"), std::nullopt);
}

TEST_F(Verify, EveryDamagedFileIsListed) {
  auto source = small_source();
  const Path path = save_checkpoint(folder, source, state_at(3), {.max_shard_bytes = 1, .tag = ""});
  fs::remove(path / "tensors-00001-of-00003.safetensors");
  fs::resize_file(path / "tensors-00003-of-00003.safetensors", 3);
  const auto problems = verify_checkpoint(path);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_NE(problems[0].find("the file is missing"), std::string::npos) << problems[0];
  EXPECT_NE(problems[1].find("cut at byte 3"), std::string::npos) << problems[1];
}

TEST_F(Verify, ALinkInPlaceOfAFileIsRefused) {
  fs::rename(newer_ / kShard, folder / "elsewhere");
  fs::create_symlink(folder / "elsewhere", newer_ / kShard);
  expect_problem("is not a regular file");
}

TEST_F(Verify, NamesThatLeaveTheFolderAreRefused) {
  for (const char* name : {"../step-00000001/x", "/etc/passwd", "..", ".hidden", ""}) {
    const auto shard = "\"name\": \"" + std::string(name) + "\",\n   \"bytes\"";
    const std::string original = read_text(newer_ / "manifest.json");
    forge("\"name\": \"" + std::string(kShard) + "\",\n   \"bytes\"", shard);
    expect_problem("'files[0].name' is '" + std::string(name) + "', not a plain file name");
    write_atomic(newer_ / "manifest.json", original);
  }
}

TEST_F(Verify, ASealedManifestIsStillChecked) {
  const std::string original = read_text(newer_ / "manifest.json");
  const std::vector<std::pair<std::pair<std::string, std::string>, std::string>> cases = {
      {{"\"version\": 1", "\"version\": 3"}, "this program reads 1 and 2"},
      {{"trireme-checkpoint", "other"}, "field 'format'"},
      {{"\"step\": 2", "\"step\": -2"}, "'state.step' is -2"},
      {{"\"step\": 2", "\"stop\": 2"}, "'state.step' is missing"},
      {{"\"step\": 2", "\"step\": 2, \"step\": 3"}, "'step' appears twice"},
      {{"\"reproducible\": true", "\"reproducible\": 1"}, "'state.reproducible' is 1"},
      {{"\"dtype\": \"BF16\"", "\"dtype\": \"Q4\""}, "which is not supported"},
      {{"\"dtype\": \"BF16\"", "\"dtype\": \"F16\""}, "the manifest says 3 float16"},
      {{"model.fc.bias", "model.fc.bios"}, "'model.fc.bios' of the manifest is not in it"},
      {{"model.fc.bias", "model.fc.weight"}, "for the second time"},
      {{"model.fc.bias", "model.fc.bias.part-00001-of-00002"}, "1 parts are there, of 2"},
      {{"\"file\": \"tensors", "\"file\": \"tonsors"}, "which 'files' does not list"}};
  for (const auto& [change, expected] : cases) {
    forge(change.first, change.second);
    expect_problem(expected);
    write_atomic(newer_ / "manifest.json", original);
  }
}

TEST_F(Verify, ChecksWithoutHashingStillSeeSizes) {
  EXPECT_NO_THROW(CheckpointReader(newer_, false));
  fs::resize_file(newer_ / kShard, 100);
  EXPECT_THROW(CheckpointReader(newer_, false), FormatError);
}

TEST_F(Verify, WhatTheUserWroteIsResolved) {
  EXPECT_EQ(resolve_checkpoint(older_.string()), older_);
  EXPECT_EQ(resolve_checkpoint(older_.string() + "/"), older_);
  EXPECT_EQ(resolve_checkpoint(folder.string()), newer_);
  const Path run = folder / "run";
  const Path inner = save(run / "checkpoints", 7);
  EXPECT_EQ(resolve_checkpoint(run.string()), inner);
  const auto gone = message_of<DataError>([&] { resolve_checkpoint((folder / "no").string()); });
  EXPECT_NE(gone.find("there is no such folder"), std::string::npos);
  fs::create_directory(folder / "empty");
  const auto none = message_of<DataError>([&] { resolve_checkpoint((folder / "empty").string()); });
  EXPECT_NE(none.find("there is no checkpoint in"), std::string::npos);
}

}  // namespace
}  // namespace trireme
