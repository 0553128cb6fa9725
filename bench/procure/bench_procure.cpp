// Seconds for a purchase plan of 12 quarters x 10 systems x 12 workloads x 4 sites. A time is
// printed only after the plan was followed and cost what the optimizer said.
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string>

#include <fmt/core.h>

#include "tightrope/procure/plan.h"
#include "tightrope/procure/test_scenarios.h"

namespace tightrope::bench {
namespace {

using namespace procure;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Answer plan(const char* name, const Scenario& s, const Options& options) {
  const auto start = Clock::now();
  Result<Answer> answer = optimize(s, options);
  const double time = seconds_since(start);
  if (!answer) {
    fmt::print("{}: {}\n", name, answer.error().what);
    std::exit(1);
  }
  fmt::print(
      "{:<24} {:>8.2f} s  {}  objective {:.6g}  gap {:.3g} %  served {:.3f}  own {:.3f}\n"
      "    {} variables, {} integer, {} rows, {} limits bind\n",
      name, time, milp::to_string(answer->status), answer->objective, 100 * answer->gap,
      answer->served_share, answer->own_share, answer->variables, answer->integers, answer->rows,
      answer->scarcities.size());
  return *answer;
}

int run(int argc, char** argv) {
  const std::string which = argc > 1 ? argv[1] : "all";
  const Scenario base = generated({});
  if (which == "all" || which == "lp") {
    plan("relaxed", base, {.duals = false, .divisible = true});
  }
  if (which == "all" || which == "base") plan("deterministic", base, {.time_limit = Seconds(60)});
  Scenario many = generated({.futures = 20});
  many.cvar_weight = 0.3;
  if (which == "lp20") plan("relaxed, 20 futures", many, {.duals = false, .divisible = true});
  if (which == "all" || which == "futures") {
    plan("20 futures, CVaR", many, {.gap = 1e-2, .time_limit = Seconds(115)});
  }
  return 0;
}

}  // namespace
}  // namespace tightrope::bench

int main(int argc, char** argv) { return tightrope::bench::run(argc, argv); }
