#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tightrope/milp/conflict.h"
#include "tightrope/milp/lp_session.h"
#include "tightrope/milp/model.h"
#include "tightrope/milp/solve.h"

namespace tightrope::milp {
namespace {

/// max 5x + 4y, 6x + 4y <= 24, x + 2y <= 6: LP optimum 21 at (3, 1.5), integer optimum 20 at (4,
/// 0).
Model textbook() {
  Model m;
  const int x = m.add_variable({.name = "x", .cost = -5.0, .integer = true});
  const int y = m.add_variable({.name = "y", .cost = -4.0, .integer = true});
  m.add_row({.name = "wood", .group = "wood", .upper = 24.0, .terms = {{x, 6.0}, {y, 4.0}}});
  m.add_row({.name = "work", .group = "work", .upper = 6.0, .terms = {{x, 1.0}, {y, 2.0}}});
  return m;
}

Solution solved(const Model& m, const SolveOptions& options = {.gap = 0.0}) {
  Result<Solution> s = solve(m, options);
  EXPECT_TRUE(s.has_value()) << (s ? "" : s.error().what);
  return s ? *s : Solution{};
}

TEST(Milp, Solves_the_textbook_example) {
  const Solution s = solved(textbook());
  EXPECT_EQ(s.status, SolveStatus::optimal);
  EXPECT_NEAR(s.objective, -20.0, 1e-9);
  EXPECT_NEAR(s.values[0], 4.0, 1e-9);
  EXPECT_NEAR(s.gap, 0.0, 1e-9);
}

TEST(Milp, Relaxation_and_its_duals) {
  const Solution s = solved(textbook(), {.relax = true});
  EXPECT_NEAR(s.objective, -21.0, 1e-9);
  ASSERT_EQ(s.duals.size(), 2U);
  EXPECT_NEAR(s.duals[0], -0.75, 1e-9);  // one more wood is worth 0.75
  EXPECT_NEAR(s.duals[1], -0.5, 1e-9);
}

TEST(Milp, A_constant_moves_objective_and_bound) {
  Model m = textbook();
  m.set_constant(100.0);
  EXPECT_NEAR(solved(m).objective, 80.0, 1e-9);
  EXPECT_NEAR(solved(m, {.relax = true}).bound, 79.0, 1e-9);
}

TEST(Milp, Says_infeasible_and_unbounded) {
  Model none = textbook();
  none.add_row({.name = "order", .lower = 7.0, .terms = {{0, 1.0}, {1, 1.0}}});
  EXPECT_EQ(solved(none).status, SolveStatus::infeasible);
  EXPECT_EQ(solved(none, {.relax = true}).status, SolveStatus::infeasible);
  Model open;
  open.add_variable({.name = "x", .cost = -1.0});
  EXPECT_EQ(solved(open).status, SolveStatus::unbounded);
}

TEST(Milp, Integers_between_two_values_are_infeasible) {
  Model m;
  m.add_variable({.name = "x", .upper = 9.0, .integer = true});
  m.add_row({.name = "half", .group = "half", .lower = 0.4, .upper = 0.6, .terms = {{0, 1.0}}});
  EXPECT_EQ(solved(m).status, SolveStatus::infeasible);
  const auto conflict = smallest_conflict(m);
  ASSERT_TRUE(conflict);
  EXPECT_EQ(*conflict, std::vector<std::string>{"half"});
}

TEST(Milp, Terms_of_one_variable_add_up) {
  Model m;
  const int x = m.add_variable({.name = "x", .cost = 1.0});
  const int y = m.add_variable({.name = "y"});
  m.add_row({.name = "r", .lower = 6.0, .terms = {{x, 1.0}, {y, 0.0}, {x, 2.0}}});
  ASSERT_EQ(m.rows()[0].terms.size(), 1U);
  EXPECT_NEAR(solved(m).objective, 2.0, 1e-9);
}

TEST(Milp, Conflict_leaves_out_what_does_not_matter) {
  Model m = textbook();
  m.add_row({.name = "order", .group = "order", .lower = 7.0, .terms = {{0, 1.0}, {1, 1.0}}});
  m.add_row({.name = "idle", .group = "idle", .upper = 1e6, .terms = {{0, 1.0}}});
  const auto conflict = smallest_conflict(m);
  ASSERT_TRUE(conflict);
  // x + y <= x + 2y <= 6 already contradicts 7.
  EXPECT_EQ(*conflict, (std::vector<std::string>{"work", "order"}));
  EXPECT_TRUE(smallest_conflict(textbook())->empty());
}

TEST(Milp, A_session_follows_changed_bounds) {
  Model m = textbook();
  LpSession session(m);
  EXPECT_NEAR(session.solve()->objective, -21.0, 1e-9);
  session.set_row_bounds(0, -infinity, 18.0);
  EXPECT_NEAR(session.solve()->objective, -16.5, 1e-9);  // at (1.5, 2.25)
  session.set_row_bounds(0, -infinity, 24.0);
  session.set_cost(0, 0.0);
  EXPECT_NEAR(session.solve()->objective, -12.0, 1e-9);
  session.set_bounds(1, 0.0, 1.0);
  EXPECT_NEAR(session.solve()->objective, -4.0, 1e-9);
}

TEST(Milp, Writers_keep_names_and_the_format_is_theirs) {
  Model m = textbook();
  m.add_variable({.name = "buy[trn3, 2026Q1]", .cost = 1.0});
  m.add_variable({.name = "buy[trn3, 2026Q1]", .cost = 1.0});
  m.add_row({.name = "both", .lower = 1.0, .terms = {{2, 1.0}, {3, 1.0}}});
  const auto folder = std::filesystem::temp_directory_path();
  for (const ModelFormat format : {ModelFormat::lp, ModelFormat::mps}) {
    const std::string path = (folder / "tightrope_milp_test.txt").string();
    ASSERT_TRUE(write_model(m, format, path));
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    EXPECT_NE(text.str().find("buy_trn3_2026Q1"), std::string::npos);
    EXPECT_NE(text.str().find("buy_trn3_2026Q1_x3"), std::string::npos);
    std::filesystem::remove(path);
  }
  EXPECT_FALSE(write_model(m, ModelFormat::mps, "/no/such/folder/model.mps"));
}

TEST(Milp, Highs_is_refused_where_it_is_not_built_in) {
  if (has_backend(Backend::highs)) {
    EXPECT_NEAR(solved(textbook(), {.backend = Backend::highs, .gap = 0.0}).objective, -20.0, 1e-9);
    return;
  }
  const auto s = solve(textbook(), {.backend = Backend::highs});
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, ErrorCode::unsupported);
}

struct Knapsack {
  Model model;
  double best = 0.0;
};

/// A knapsack of at most 10 things and its optimum by trying all.
Knapsack random_knapsack() {
  const int n = *rc::gen::inRange(1, 11);
  const int room = *rc::gen::inRange(0, 60);
  Knapsack k;
  std::vector<Term> terms;
  std::vector<int> value, weight;
  for (int i = 0; i < n; ++i) {
    value.push_back(*rc::gen::inRange(0, 30));
    weight.push_back(*rc::gen::inRange(1, 20));
    k.model.add_variable(
        {.name = "take", .upper = 1.0, .cost = -1.0 * value.back(), .integer = true});
    terms.push_back({i, 1.0 * weight.back()});
  }
  k.model.add_row({.name = "room", .upper = 1.0 * room, .terms = terms});
  for (int set = 0; set < (1 << n); ++set) {
    int v = 0, w = 0;
    for (int i = 0; i < n; ++i) {
      if ((set >> i & 1) == 0) continue;
      v += value[static_cast<std::size_t>(i)];
      w += weight[static_cast<std::size_t>(i)];
    }
    if (w <= room) k.best = std::min(k.best, -1.0 * v);
  }
  return k;
}

RC_GTEST_PROP(MilpLaw, Agrees_with_trying_all, ()) {
  const Knapsack k = random_knapsack();
  const Result<Solution> s = solve(k.model, {.gap = 0.0});
  RC_ASSERT(s.has_value());
  RC_ASSERT(s->status == SolveStatus::optimal);
  RC_ASSERT(std::abs(s->objective - k.best) < 1e-7);
  RC_ASSERT(k.model.violation_at(s->values) < 1e-7);
  const Result<Solution> relaxed = solve(k.model, {.relax = true});
  RC_ASSERT(relaxed.has_value());
  RC_ASSERT(relaxed->objective <= s->objective + 1e-7);
}

RC_GTEST_PROP(MilpLaw, A_start_changes_nothing_but_time, ()) {
  const Knapsack k = random_knapsack();
  std::vector<double> start;
  for (std::size_t i = 0; i < k.model.variables().size(); ++i) {
    start.push_back(*rc::gen::inRange(0, 2));
  }
  const Result<Solution> s = solve(k.model, {.gap = 0.0, .start = start});
  RC_ASSERT(s.has_value());
  RC_ASSERT(std::abs(s->objective - k.best) < 1e-7);
}

}  // namespace
}  // namespace tightrope::milp
