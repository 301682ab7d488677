#include "ps/clocks.h"

#include <gtest/gtest.h>

#include "ps/meeting.h"

namespace trireme::ps {
namespace {

TEST(Clocks, AClockIsCompleteWithAllItsPushes) {
  Clocks clocks(2, 5, 3);
  EXPECT_EQ(clocks.slowest(), 5);
  clocks.pushed(0, 5, 5);
  clocks.pushed(0, 5, 5);
  EXPECT_EQ(clocks.completed(0), 5);
  clocks.pushed(0, 5, 5);
  EXPECT_EQ(clocks.completed(0), 6);
  EXPECT_EQ(clocks.slowest(), 5);
  EXPECT_EQ(clocks.slowest_worker(), 1);
}

TEST(Clocks, PushesOfLaterClocksMayComeFirst) {
  Clocks clocks(1, 0, 2);
  clocks.pushed(0, 1, 1);
  clocks.pushed(0, 0, 0);
  clocks.pushed(0, 1, 1);
  EXPECT_EQ(clocks.completed(0), 0);
  clocks.pushed(0, 0, 0);
  EXPECT_EQ(clocks.completed(0), 2);
}

TEST(Clocks, APushMaySpeakForSeveral) {
  Clocks clocks(1, 4, 2);
  clocks.pushed(0, 4, 7);
  EXPECT_EQ(clocks.completed(0), 4);
  EXPECT_TRUE(clocks.fits(0, 4, 7));
  EXPECT_FALSE(clocks.fits(0, 4, 5)) << "others from 4 on speak for four";
  clocks.pushed(0, 8, 8);
  clocks.pushed(0, 4, 7);
  EXPECT_EQ(clocks.completed(0), 8);
  EXPECT_FALSE(clocks.fits(0, 7, 9));
  EXPECT_FALSE(clocks.fits(0, 9, 8));
  clocks.pushed(0, 8, 8);
  EXPECT_EQ(clocks.slowest(), 9);
}

TEST(Meeting, OfWorkersThatPullSeldomIsWhereTheyPull) {
  Meeting meeting(2, 5);
  meeting.begin(0, 10);
  meeting.ask(1);
  meeting.begin(1, 7);  // out of turn, as after an evaluation
  EXPECT_EQ(meeting.at(), 15);
}

TEST(Meeting, IsAtAClockThatNobodyHasBegun) {
  Meeting meeting(3);
  meeting.begin(0, 4);
  meeting.begin(1, 7);
  EXPECT_EQ(meeting.at(), -1);
  meeting.ask(2);
  meeting.begin(2, 3);  // learns of it
  EXPECT_EQ(meeting.at(), 8);
  EXPECT_EQ(meeting.requests(), 2U);
}

TEST(Meeting, WhatIsAskedLaterWaitsUntilAllHaveMet) {
  Meeting meeting(2);
  meeting.begin(0, 1);
  meeting.ask(1);
  meeting.begin(1, 1);
  EXPECT_EQ(meeting.at(), 2);
  meeting.begin(0, 2);  // has met
  meeting.ask(4);
  meeting.begin(0, 3);
  EXPECT_EQ(meeting.at(), 2);
  EXPECT_EQ(meeting.requests(), 1U);
  meeting.begin(1, 2);  // has met as well: now the next one is called
  meeting.begin(1, 3);
  EXPECT_EQ(meeting.at(), 4);
  EXPECT_EQ(meeting.requests(), 4U);
}

}  // namespace
}  // namespace trireme::ps
