#include <gtest/gtest.h>

#include "tightrope/serving/block_pool_internal.h"

namespace tightrope::serving {
namespace {

// Freed content is forgotten in the order in which it was freed, each from its end.
TEST(BlockPool, ForgetsTheOldestFirst) {
  BlockPool pool(10);
  pool.take(10);
  const BlockPool::Extent a = pool.publish(11, 4), b = pool.publish(12, 4);
  pool.drop(a);
  pool.drop(b);
  pool.give(2);
  EXPECT_EQ(pool.free(), 10);
  pool.take(3);
  EXPECT_EQ(pool.blocks(pool.find(11)), 1);
  pool.take(2);
  EXPECT_EQ(pool.find(11), BlockPool::none);
  EXPECT_EQ(pool.blocks(pool.find(12)), 3);
}

// Content that is held is not forgotten, wherever it stood in the queue.
TEST(BlockPool, KeepsWhatIsHeld) {
  BlockPool pool(9);
  pool.take(6);
  const BlockPool::Extent a = pool.publish(11, 3);
  pool.drop(a);
  pool.give(3);
  EXPECT_EQ(pool.free(), 9);
  pool.hold(a);
  EXPECT_EQ(pool.free(), 6);
  pool.take(6);
  EXPECT_EQ(pool.find(11), a);
  EXPECT_EQ(pool.free(), 0);
  pool.hold(a);
  pool.drop(a);
  EXPECT_EQ(pool.free(), 0);
  pool.drop(a);
  EXPECT_EQ(pool.free(), 3);
}

// A name given twice belongs to the later blocks; taking them by name frees nothing else.
TEST(BlockPool, NamesAreUnique) {
  BlockPool pool(8);
  pool.take(8);
  pool.give_named(5, 3);
  pool.give_named(5, 2);
  EXPECT_EQ(pool.free(), 5);
  EXPECT_EQ(pool.blocks(pool.find(5)), 2);
  pool.take_named(pool.find(5));
  EXPECT_EQ(pool.free(), 3);
  EXPECT_EQ(pool.find(5), BlockPool::none);
  pool.take(3);
  EXPECT_EQ(pool.free(), 0);
}

}  // namespace
}  // namespace tightrope::serving
