#include "tightrope/core/parallel.h"

#include <atomic>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace tightrope {
namespace {

/// A sum whose rounding shows any change of order.
double harmonic(std::size_t count) {
  std::vector<double> terms(count);
  for_each_index(count, [&](std::size_t i) { terms[i] = 1.0 / std::sqrt(1.0 + double(i)); });
  return std::accumulate(terms.begin(), terms.end(), 0.0);
}

TEST(Parallel, VisitsEveryIndexOnce) {
  for (std::size_t count : {0, 1, 2, 1000}) {
    std::vector<std::atomic<int>> visits(count);
    for_each_index(count, [&](std::size_t i) { ++visits[i]; });
    for (const auto& v : visits) EXPECT_EQ(v, 1);
  }
}

TEST(Parallel, GivesTheSameBitsAtAnyThreadCount) {
  set_thread_limit(1);
  const double alone = harmonic(20'000);
  for (int threads : {2, 8, 0}) {
    set_thread_limit(threads);
    EXPECT_EQ(harmonic(20'000), alone) << threads << " threads";
  }
  set_thread_limit(0);
}

TEST(Parallel, LoopsMayNest) {
  std::vector<std::vector<int>> table(20, std::vector<int>(30));
  for_each_index(20, [&](std::size_t i) {
    for_each_index(30, [&](std::size_t j) { table[i][j] = static_cast<int>(i * j); });
  });
  for (std::size_t i = 0; i < 20; ++i) {
    for (std::size_t j = 0; j < 30; ++j) EXPECT_EQ(table[i][j], static_cast<int>(i * j));
  }
}

TEST(Parallel, PassesOnWhatABodyThrows) {
  const auto body = [](std::size_t i) {
    if (i == 7) throw std::runtime_error("seven");
  };
  EXPECT_THROW(for_each_index(100, body), std::runtime_error);
}

}  // namespace
}  // namespace tightrope
