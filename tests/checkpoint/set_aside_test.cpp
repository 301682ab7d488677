#include "checkpoint/set_aside.h"

#include <gmock/gmock.h>

#include "checkpoint/fixture.h"

namespace trireme {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SetAside : public FolderTest {
 protected:
  void save(int64_t step, const std::string& tag = "") {
    RunState state;
    state.step = step;
    MemorySource source = small_source();
    save_checkpoint(folder, source, state, {size_t{1} << 20, tag});
  }
  std::vector<std::string> checkpoints() const {
    std::vector<std::string> names;
    for (const Path& path : list_checkpoints(folder)) names.push_back(path.filename().string());
    return names;
  }
};

TEST_F(SetAside, LaterCheckpointsAreNoCheckpointsAnyMoreAndStay) {
  for (const int64_t step : {10, 20, 30}) save(step);
  EXPECT_THAT(set_aside_newer(folder, 10, -1),
              ElementsAre(folder / "step-00000020.aside", folder / "step-00000030.aside"));
  EXPECT_THAT(checkpoints(), ElementsAre("step-00000010"));
  save(20);
  EXPECT_THAT(set_aside_newer(folder, 10, -1), ElementsAre(folder / "step-00000020.aside-2"));
  EXPECT_TRUE(verify_checkpoint(folder / "step-00000020.aside").empty());
  EXPECT_TRUE(verify_checkpoint(folder / "step-00000020.aside-2").empty());
  EXPECT_EQ(newest_good_checkpoint(folder), folder / "step-00000010");
}

TEST_F(SetAside, NothingHappensWhereTheRunGoesOnFromItsNewest) {
  EXPECT_THAT(set_aside_newer(folder / "none", 0, -1), IsEmpty());
  save(10);
  save(20, "best");
  EXPECT_THAT(set_aside_newer(folder, 20, 20), IsEmpty());
  EXPECT_THAT(checkpoints(), ElementsAre("step-00000010", "step-00000020"));
  EXPECT_EQ(best_checkpoint(folder), folder / "step-00000020");
}

TEST_F(SetAside, TheBestIsOneThatTheRunStillHas) {
  for (const int64_t step : {10, 20}) save(step);
  save(30, "best");
  set_aside_newer(folder, 20, 10);
  EXPECT_EQ(best_checkpoint(folder), folder / "step-00000010");
  save(30, "best");
  set_aside_newer(folder, 20, 15);  // long rotated away
  EXPECT_EQ(best_checkpoint(folder), folder / "step-00000020");
}

}  // namespace
}  // namespace trireme
