// Times the exhaustive search on Calculon's option spaces, on one thread, by thread CPU time.
//
// A time is printed only after three searches agreed to the last bit on the best plans: with every
// bound, with bounds on single mappings only, and with none (each mapping that fits is replayed).
//
//   bench_search                          all cases, the peer too when $CALCULON names a checkout
//   bench_search --case 0 --mode bounds   one search and nothing else, for callgrind
#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "bench/search/cases.h"
#include "bench/search/peer.h"
#include "tightrope/core/unit_text.h"

namespace tightrope::bench {
namespace {

constexpr int repetitions = 5;

enum class Mode { bounds, singly, none };
constexpr std::array<std::string_view, 3> mode_names = {"bounds", "singly", "none"};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

search::Request request_for(Mode mode) {
  search::Request request;
  request.ranks = case_ranks;
  request.prune = mode != Mode::none;
  request.singly = mode == Mode::singly;
  return request;
}

struct Timed {
  search::Outcome outcome;
  double seconds = 0;  // median
  [[nodiscard]] std::uint64_t carried() const {
    return outcome.counters.evaluated + outcome.counters.replayed;
  }
};

Timed time_search(const step::Context& context, const search::Space& space, Mode mode) {
  Timed timed;
  std::vector<double> seconds;
  for (int i = 0; i < (mode == Mode::none ? 1 : repetitions); ++i) {
    const double start = cpu_seconds();
    timed.outcome = search::search_mappings(context, space, request_for(mode));
    seconds.push_back(cpu_seconds() - start);
  }
  std::ranges::sort(seconds);
  timed.seconds = seconds[seconds.size() / 2];
  return timed;
}

bool same_plans(const search::Outcome& a, const search::Outcome& b) {
  return std::ranges::equal(a.best, b.best, [](const step::Estimate& x, const step::Estimate& y) {
    return x.mapping == y.mapping && x.step_time == y.step_time;
  });
}

std::string count_text(std::uint64_t n) { return with_thousands(static_cast<double>(n)); }

void print_row(std::string_view what, std::uint64_t n) {
  fmt::print("  {:<58}{:>12}\n", what, count_text(n));
}

void print_counts(const PlanCounts& plans, const search::Counters& found) {
  print_row("plans that Calculon lists", plans.listed);
  print_row("  - the same plan again (no TP: exchanges alike; no PP: two)", plans.repeated);
  print_row("  + only here (full recompute, gathered inputs kept)", plans.added);
  print_row("mappings enumerated", found.enumerated);
  for (std::size_t i = 0; i < found.infeasible.size(); ++i) {
    if (found.infeasible[i] == 0) continue;
    const auto reason = static_cast<step::Infeasible>(i);
    print_row(fmt::format("  pruned: {}", step::to_string(reason)), found.infeasible[i]);
  }
  print_row("  pruned: their family's bound is too slow", found.bounded);
  print_row("  evaluated: the full model, bound of the pipeline", found.evaluated);
  print_row("  evaluated: the full model, pipeline replayed", found.replayed);
}

void print_times(const Timed& bounds, const Timed& singly, const Timed& none) {
  const auto rate = [](std::uint64_t n, double seconds) {
    return static_cast<double>(n) / seconds * 1e-6;
  };
  const std::uint64_t all = bounds.outcome.counters.enumerated;
  fmt::print("  search                     seconds   million mappings a second on one core\n");
  fmt::print("  with all bounds           {:>8.3f}   {:>8.2f} of all\n", bounds.seconds,
             rate(all, bounds.seconds));
  fmt::print(
      "  each that fits singly     {:>8.3f}   {:>8.2f} of all, {:.2f} carried through the "
      "full model\n",
      singly.seconds, rate(all, singly.seconds), rate(singly.carried(), singly.seconds));
  fmt::print(
      "  pruning off, all replayed {:>8.3f}   {:>8.2f} of all, {:.2f} carried and "
      "replayed\n",
      none.seconds, rate(all, none.seconds), rate(none.carried(), none.seconds));
}

Result<int> run_case(const Case& which, const std::string& peer) {
  fmt::print("{} on {} A100 80GB, batch {}, sequence {}, fp16\n", which.name,
             count_text(case_ranks), count_text(case_batch), count_text(case_sequence));
  TR_TRY(const step::Context context, case_context(which));
  const search::Space space = case_space(which);
  const PlanCounts plans = count_plans(which, context.model);
  const Timed bounds = time_search(context, space, Mode::bounds);
  const Timed singly = time_search(context, space, Mode::singly);
  const Timed none = time_search(context, space, Mode::none);
  print_counts(plans, bounds.outcome.counters);
  if (bounds.outcome.counters.enumerated != plans.ours()) {
    fmt::print("  the counts do not add up: no time is printed\n");
    return 1;
  }
  if (!same_plans(bounds.outcome, none.outcome) || !same_plans(singly.outcome, none.outcome)) {
    fmt::print("  the searches disagree on the best plans: no time is printed\n");
    return 1;
  }
  fmt::print("  best {} plans the same with all bounds, singly and with pruning off: yes\n",
             none.outcome.best.size());
  const step::Estimate& best = bounds.outcome.best.front();
  fmt::print("  best: {:.3f} s a step: {}\n", best.step_time.raw(), step::to_text(best.mapping));
  print_times(bounds, singly, none);
  if (!peer.empty())
    return run_beside_peer(which, context, best, {bounds.seconds, singly.seconds}, peer);
  return 0;
}

Result<int> run_once(std::string_view number, std::string_view mode) {
  const auto index = static_cast<std::size_t>(std::atoi(std::string(number).c_str()));
  const auto* found = std::ranges::find(mode_names, mode);
  if (index >= cases().size() || found == mode_names.end()) {
    return fail(ErrorCode::range, "--case takes 0 to 2, --mode bounds, singly or none");
  }
  const Case& which = cases()[index];
  TR_TRY(const step::Context context, case_context(which));
  const search::Outcome outcome = search::search_mappings(
      context, case_space(which), request_for(static_cast<Mode>(found - mode_names.begin())));
  fmt::print("{} {}\n", outcome.counters.enumerated,
             outcome.counters.evaluated + outcome.counters.replayed);
  return 0;
}

Result<int> run_all() {
  const char* peer = std::getenv("CALCULON");
  int failed = 0;
  for (const Case& which : cases()) {
    TR_TRY(const int code, run_case(which, peer == nullptr ? "" : peer));
    failed |= code;
    fmt::print("\n");
  }
  if (peer == nullptr) fmt::print("CALCULON names no checkout of Calculon: not run beside it.\n");
  return failed;
}

}  // namespace
}  // namespace tightrope::bench

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool once = words.size() == 4 && words[0] == "--case" && words[2] == "--mode";
  const auto code =
      once ? tightrope::bench::run_once(words[1], words[3]) : tightrope::bench::run_all();
  if (code) return *code;
  fmt::print(stderr, "{}\n", tightrope::to_string(code.error()));
  return 2;
}
