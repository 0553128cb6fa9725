// Times whole plans: every system somebody sells, every number of chips of the grid, every
// precision, on all threads. A time is printed only after the same plans came out with pruning off
// on a few systems of unlike kinds.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/study/plan.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::bench {
namespace {

struct Case {
  std::string name, llm;
  double tokens;
  std::int64_t sequence, batch;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {"Llama-3.1-405B on 15 T tokens", "llama3.1-405b", 15e12, 8192, 2048},
      {"DeepSeek-V3 on 14.8 T tokens", "deepseek-v3", 14.8e12, 4096, 15360},
  };
  return list;
}

Result<study::PlanRequest> request_for(const Case& which) {
  study::PlanRequest request;
  request.model.origin = which.llm;
  TR_TRY(request.model.config, catalog::llm_config(which.llm));
  TR_TRY(request.model.model, workload::read_hf_config(request.model.config, which.llm));
  request.job.seq_len = which.sequence;
  request.job.global_batch = which.batch;
  request.tokens = Tokens(which.tokens);
  return request;
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The best plans in words, to the last bit of their step times.
std::string answer(const study::PlanResult& result) {
  std::string text;
  for (const study::Plan& plan : result.plans) {
    text += fmt::format("{} {} {} {:a} {}\n", plan.system, plan.precision, plan.chips,
                        plan.estimate.step_time.raw(), step::to_text(plan.estimate.mapping));
  }
  return text;
}

Result<bool> same_without_pruning(study::PlanRequest request, const catalog::Catalog& catalog) {
  request.systems = {"p5.48xlarge", "u-p6e-gb200x72", "u-trn2x64"};
  request.chips = {2048};
  TR_TRY(const study::PlanResult pruned, study::plan(request, catalog));
  request.prune = false;
  TR_TRY(const study::PlanResult whole, study::plan(request, catalog));
  return pruned.feasible() && answer(pruned) == answer(whole);
}

Result<int> run_case(const Case& which) {
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  TR_TRY(const study::PlanRequest request, request_for(which));
  TR_TRY(const bool same, same_without_pruning(request, catalog));
  if (!same) {
    fmt::print("{}: pruning changes the plans: no time is printed\n", which.name);
    return 1;
  }
  const auto start = std::chrono::steady_clock::now();
  const double cpu = cpu_seconds();
  TR_TRY(const study::PlanResult result, study::plan(request, catalog));
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  const search::Counters& n = result.mappings;
  fmt::print("{}: all systems, all counts\n", which.name);
  fmt::print("  {:.2f} s, {:.2f} CPU seconds; {} mappings, {} carried through the whole model\n",
             wall.count(), cpu_seconds() - cpu, with_thousands(static_cast<double>(n.enumerated)),
             with_thousands(static_cast<double>(n.evaluated + n.replayed)));
  fmt::print("  {} systems with plans; the same plans with pruning off where tried: yes\n",
             result.plans.size());
  return 0;
}

Result<int> run_all() {
  int failed = 0;
  for (const Case& which : cases()) {
    TR_TRY(const int code, run_case(which));
    failed |= code;
  }
  return failed;
}

}  // namespace
}  // namespace tightrope::bench

int main() {
  const auto code = tightrope::bench::run_all();
  if (code) return *code;
  fmt::print(stderr, "{}\n", tightrope::to_string(code.error()));
  return 2;
}
