// Configurations of a served model a second: closed form, on all threads. A time is printed only
// after the search agreed with the untabulated closed loop on each winner, and with pruning off.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "tightrope/core/parallel.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/sizing/pairing.h"
#include "tightrope/sizing/survey.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::bench {
namespace {

using sizing::Fleet;

struct Case {
  std::string name, llm, numerics;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {"Llama-3-70B", "llama3-70b", "fp8"},
      {"DeepSeek-V3", "deepseek-v3", "fp8-block"},
  };
  return list;
}

const std::vector<std::string>& systems() {
  static const std::vector<std::string> list = {"p5.48xlarge", "p5en.48xlarge", "p6-b200.48xlarge",
                                                "u-p6e-gb200x72"};
  return list;
}

Result<std::vector<infer::Context>> contexts(const Case& which) {
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  TR_TRY(const std::string config, catalog::llm_config(which.llm));
  infer::ContextRequest request;
  TR_TRY(request.model, workload::read_hf_config(config, which.llm));
  request.numerics = which.numerics;
  std::vector<infer::Context> out;
  for (const std::string& name : systems()) {
    TR_TRY(infer::Context c, infer::make_context(request, *catalog.find_system(name), catalog,
                                                 formula::embedded_calibration()));
    out.push_back(std::move(c));
  }
  return out;
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::string count(double n) { return with_thousands(n); }

// Answers a second of wall time, and of CPU time.
class Clock {
 public:
  void print(const char* what, std::uint64_t configurations) const {
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start_;
    const double cpu = cpu_seconds() - cpu_;
    const auto n = static_cast<double>(configurations);
    fmt::print("  {}: {} configurations in {:.3f} s ({:.3f} CPU s): {} a second, {} a CPU second\n",
               what, count(n), wall.count(), cpu, count(n / wall.count()), count(n / cpu));
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double cpu_ = cpu_seconds();
};

struct Answer {
  std::vector<sizing::Survey> surveys;
  std::vector<Fleet> best;
  std::uint64_t configurations = 0;
};

Answer search(const std::vector<sizing::Offer>& offers, const sizing::Settings& settings,
              bool pools) {
  Answer out;
  out.surveys.resize(offers.size());
  std::vector<sizing::Counters> counters(offers.size());
  for_each_index(offers.size(), [&](std::size_t i) {
    out.surveys[i] = sizing::survey(offers[i], i, settings, pools);
    if (!pools) return;
    sizing::Pairing pairing(offers, settings);
    pairing.add(out.surveys[i].prefill, out.surveys[i].decode);
    counters[i] = pairing.counters();
  });
  for (std::size_t i = 0; i < offers.size(); ++i) {
    const auto& best = out.surveys[i].best.fleets();
    out.best.insert(out.best.end(), best.begin(), best.end());
    out.configurations += out.surveys[i].counters.configurations + counters[i].configurations;
  }
  return out;
}

// Largest deviation of a winner from the closed loop without tables.
double deviation(const std::vector<sizing::Offer>& offers, const sizing::Settings& settings,
                 const std::vector<Fleet>& fleets) {
  double worst = 0;
  for (const Fleet& f : fleets) {
    const infer::Pricing pricing(*offers[f.pool.offer].context, f.pool.deployment);
    infer::SteadyLimits limits;
    limits.token_budget = f.pool.token_budget;
    const infer::Engine& engine = offers[f.pool.offer].context->engine;
    limits.mixes_prefill = engine.mixes_prefill;
    limits.ahead_steps = engine.ahead_steps;
    const infer::Steady s =
        infer::closed_loop(pricing, sizing::load_at(settings.demand, f.concurrency), limits);
    for (const double ratio :
         {s.ttft / f.mean.ttft, s.tpot / f.mean.tpot, s.request_rate / f.rate}) {
      worst = std::max(worst, std::abs(ratio - 1));
    }
  }
  return worst;
}

bool same(const std::vector<Fleet>& a, const std::vector<Fleet>& b) {
  return std::ranges::equal(a, b, [](const Fleet& x, const Fleet& y) {
    return x.score == y.score && x.pool.deployment == y.pool.deployment;
  });
}

Result<int> run_case(const Case& which) {
  TR_TRY(const std::vector<infer::Context> made, contexts(which));
  std::vector<sizing::Offer> offers;
  for (const infer::Context& c : made) {
    offers.push_back({&c, nullptr, {.unit_chips = std::max(1, c.system.chips)}});
  }
  sizing::Settings settings;
  settings.objective = sizing::Objective::throughput;
  settings.limits.ttft = Seconds(2.0);
  settings.limits.tpot = Seconds(0.05);
  const Answer pruned = search(offers, settings, true);
  settings.prune = false;
  if (const Answer whole = search(offers, settings, false);
      !same(pruned.best, whole.best) || pruned.best.empty()) {
    fmt::print("{}: pruning changes the answer: no time is printed\n", which.name);
    return 1;
  }
  const double off = deviation(offers, settings, pruned.best);
  if (off > 0.01) {
    fmt::print("{}: tables are off by {:.2f} %: no time is printed\n", which.name, 100 * off);
    return 1;
  }
  fmt::print(
      "{} in {} on {} systems; winners are those without pruning, {:.3g} % off the closed "
      "loop\n",
      which.name, which.numerics, offers.size(), 100 * off);
  const Clock replicas;
  replicas.print("replicas", search(offers, settings, false).configurations);
  settings.prune = true;
  const Clock fleets;
  fleets.print("replicas and pools", search(offers, settings, true).configurations);
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
