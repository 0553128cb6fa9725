// Seconds for a purchase plan of 12 quarters x 10 systems x 12 workloads x 4 sites. A time is
// printed only after the plan was followed and cost what the optimizer said.
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <string>

#include <fmt/core.h>

#include "tightrope/procure/answers.h"
#include "tightrope/procure/evaluate.h"
#include "tightrope/procure/plan.h"
#include "tightrope/procure/test_scenarios.h"

namespace tightrope::bench {
namespace {

using namespace procure;
using Clock = std::chrono::steady_clock;

/// Wall and processor seconds: the first depends on who else is at work.
struct Watch {
  Clock::time_point start = Clock::now();
  std::clock_t processor = std::clock();
  [[nodiscard]] std::string text() const {
    const double wall = std::chrono::duration<double>(Clock::now() - start).count();
    const double cpu = static_cast<double>(std::clock() - processor) / CLOCKS_PER_SEC;
    return fmt::format("{:>7.2f} s wall {:>7.2f} s cpu", wall, cpu);
  }
};

Answer plan(const char* name, const Scenario& s, const Options& options) {
  const Watch watch;
  Result<Answer> answer = optimize(s, options);
  const std::string time = watch.text();
  if (!answer) {
    fmt::print("{}: {}\n", name, answer.error().what);
    std::exit(1);
  }
  fmt::print(
      "{:<24} {}  {}  objective {:.6g}  gap {:.3g} %  served {:.3f}  own {:.3f}\n"
      "    {} variables, {} integer, {} rows, {} limits bind\n",
      name, time, milp::to_string(answer->status), answer->objective, 100 * answer->gap,
      answer->served_share, answer->own_share, answer->variables, answer->integers, answer->rows,
      answer->scarcities.size());
  return *answer;
}

void check_followed(const Scenario& s, const Answer& answer) {
  const auto followed = follow(s, answer.plan, {.gap = 1e-4, .duals = false});
  const double error = followed ? std::abs(followed->objective / answer.objective - 1.0) : 1.0;
  if (error < 2e-3) return;
  fmt::print("followed, the plan costs {:.3g} more than it said\n", error);
  std::exit(1);
}

void samples(const Scenario& s, const Answer& answer) {
  const Watch watch;
  const auto result = monte_carlo(s, answer);
  if (!result) std::exit(1);
  fmt::print("{:<24} {}  mean {:.6g}  p5 {:.6g}  p95 {:.6g}\n", "1,000 samples", watch.text(),
             result->cost.mean, result->cost.p5, result->cost.p95);
}

void curve(const Scenario& s) {
  const Watch watch;
  const auto points = independence_curve(s, {.gap = 5e-3, .time_limit = Seconds(20)});
  if (!points) std::exit(1);
  fmt::print("{:<24} {}\n", "independence, 11 points", watch.text());
  for (const CurvePoint& p : *points) {
    fmt::print("    own {:.1f} {}: cost {:.6g}  gap {:.2f} %\n", p.asked, milp::to_string(p.status),
               p.cost.raw(), 100 * p.gap);
  }
}

int run(int argc, char** argv) {
  const std::string which = argc > 1 ? argv[1] : "all";
  const auto wanted = [&which](const char* name) { return which == "all" || which == name; };
  const Scenario base = generated({});
  if (wanted("lp")) plan("relaxed", base, {.duals = false, .divisible = true});
  if (wanted("base") || which == "samples") {
    const Answer answer = plan("deterministic", base, {.time_limit = Seconds(60)});
    check_followed(base, answer);
    samples(base, answer);
  }
  if (wanted("futures")) {
    Scenario many = generated({.futures = 20});
    many.cvar_weight = 0.3;
    plan("20 futures, CVaR", many, {.gap = 1e-2, .time_limit = Seconds(115), .duals = false});
  }
  if (wanted("curve")) curve(base);
  return 0;
}

}  // namespace
}  // namespace tightrope::bench

int main(int argc, char** argv) { return tightrope::bench::run(argc, argv); }
