#include "worker/assign_devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trireme {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const VisibleDevices kTwo{"0000:3b:00.0", "0000:5e:00.0"};

TEST(AssignDevicesTest, RanksTakeTheDevicesOfTheirNodeInOrder) {
  EXPECT_THAT(assign_devices({kTwo, kTwo}, {}).ordinals, ElementsAre(0, 1));
  EXPECT_THAT(assign_devices({kTwo}, {}).ordinals, ElementsAre(0));
}

TEST(AssignDevicesTest, MoreRanksThanDevicesIsAProblem) {
  const auto result = assign_devices({kTwo, kTwo, kTwo}, {});
  EXPECT_EQ(result.problem, "3 ranks on this node, but only 2 CUDA devices");
  EXPECT_THAT(result.ordinals, IsEmpty());
}

TEST(AssignDevicesTest, ALauncherThatGivesEachRankItsOwnDeviceIsFollowed) {
  EXPECT_THAT(assign_devices({{"0000:3b:00.0"}, {"0000:5e:00.0"}}, {}).ordinals, ElementsAre(0, 0));
}

TEST(AssignDevicesTest, OneDeviceUnderTwoListsIsStillOneDevice) {
  const auto result = assign_devices({{"0000:3b:00.0"}, {"0000:3b:00.0", "0000:5e:00.0"}}, {});
  EXPECT_EQ(result.problem, "node-local ranks 0 and 1 would share the device 0000:3b:00.0");
}

TEST(AssignDevicesTest, AListOfOrdinalsIsFollowedAndMayShare) {
  EXPECT_THAT(assign_devices({kTwo, kTwo}, {1, 0}).ordinals, ElementsAre(1, 0));
  EXPECT_THAT(assign_devices({kTwo, kTwo}, {1, 1}).ordinals, ElementsAre(1, 1));
}

TEST(AssignDevicesTest, AListOfAnotherLengthOrWithAnUnknownOrdinalIsAProblem) {
  EXPECT_EQ(assign_devices({kTwo, kTwo}, {0}).problem,
            "1 devices are listed for the 2 ranks of this node");
  EXPECT_EQ(assign_devices({kTwo, kTwo}, {0, 2}).problem,
            "node-local rank 1 shall take CUDA device 2, but sees 2");
}

TEST(AssignDevicesTest, ARankThatSeesNoDeviceIsNamed) {
  EXPECT_THAT(assign_devices({{"0000:3b:00.0"}, {}}, {}).problem,
              HasSubstr("node-local rank 1 shall take CUDA device 0, but sees 0"));
  EXPECT_THAT(assign_devices({{}}, {}).problem, HasSubstr("sees 0"));
}

}  // namespace
}  // namespace trireme
