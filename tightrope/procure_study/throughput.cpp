#include "tightrope/procure_study/throughput.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/core/hash.h"
#include "tightrope/serving_study/serve_plan.h"
#include "tightrope/serving_study/simulate.h"
#include "tightrope/sizing/goal.h"
#include "tightrope/study/plan.h"
#include "tightrope/workload/model.h"

namespace tightrope::procure_study {
namespace {

constexpr Seconds day{86400.0};
constexpr int all_sizes = 64;                                    // plans a system that are compared
constexpr double large_model = 20e9;                             // active parameters
constexpr double small_batch = 4194304, large_batch = 16777216;  // tokens, as `plan` assumes
constexpr double assumed_tokens = 1e12;
constexpr double two_sided_90 = 2 * 1.6449;  // standard deviations in a 90 % band

// Sequences near a number of tokens, as a number that many data-parallel sizes divide.
std::int64_t sequences_near(double tokens, double seq_len) {
  const double exact = std::max(1.0, tokens / seq_len);
  const double unit = std::max(1.0, std::exp2(std::floor(std::log2(exact)) - 3));
  return static_cast<std::int64_t>(std::round(exact / unit) * unit);
}

study::PlanRequest training_request(const WorkloadLine& w, const study::PlannedModel& model,
                                    const std::string& system) {
  study::PlanRequest r;
  r.model = model;
  r.job.task = workload::task_from(w.task.empty() ? "pretrain" : w.task).value();
  r.job.seq_len = w.seq_len;
  double batch = w.batch_tokens;
  if (batch <= 0) {
    const double active = static_cast<double>(workload::count_parameters(model.model).active());
    batch = active >= large_model ? large_batch : small_batch;
  }
  r.job.global_batch = sequences_near(batch, w.seq_len);
  r.tokens = Tokens(w.run_tokens.value_or(assumed_tokens));
  if (w.run_days.known) r.constraints.deadline = w.run_days.value * day;
  r.goal = study::Goal::time;
  r.systems = {system};
  r.precisions = w.precisions;
  r.announced = true;
  r.top = all_sizes;
  return r;
}

Result<Speed> train(const WorkloadLine& w, const study::PlannedModel& model,
                    const std::string& system, const catalog::Catalog& catalog) {
  const study::PlanRequest request = training_request(w, model, system);
  TR_TRY(const study::PlanResult result, study::plan(request, catalog));
  const auto paid = [](const study::Plan& p) {
    return p.chip_throughput.raw() * p.chips / p.rented_chips;
  };
  Speed out;
  if (!result.feasible()) {
    out.reason = result.lost.empty() ? "no plan" : result.lost.front().reason;
    return out;
  }
  const study::Plan& best =
      *std::ranges::max_element(result.plans, {}, [&](const study::Plan& p) { return paid(p); });
  out.feasible = true;
  out.of_chip = TokensPerSecond(paid(best));
  out.chips = best.rented_chips;
  out.format = best.precision;
  out.mapping = step::to_text(best.estimate.mapping);
  if (best.energy) out.energy = *best.energy / best.place.pue / request.tokens;
  const Seconds step = best.estimate.step_time;
  out.low90 = step / best.band.high90;
  out.high90 = step / best.band.low90;
  out.memory_share = best.estimate.memory.total() / best.hbm;
  return out;
}

serving_study::ServeRequest serving_request(const WorkloadLine& w, const study::PlannedModel& model,
                                            const std::string& system) {
  serving_study::ServeRequest r;
  r.model = model;
  r.demand.input = w.input;
  r.demand.output = w.output;
  r.demand.cached = w.cached;
  if (w.ttft_s.known) r.limits.ttft = Seconds(w.ttft_s.value);
  if (w.tpot_ms.known) r.limits.tpot = Seconds(w.tpot_ms.value / 1e3);
  r.limits.percentile = w.percentile.value_or(90);
  r.objective = sizing::Objective::throughput;
  r.systems = {system};
  r.numerics = w.precisions;
  r.announced = true;
  return r;
}

// Units fill with workers as well as their sizes let them, since there are many.
double used_share(const serving_study::ServePlan& plan) {
  const auto rented = [](const sizing::Pool& pool, const serving_study::ServePool& of) {
    return pool.workers * sizing::rented_share(pool.worker_chips, of.unit_chips);
  };
  double chips = rented(plan.fleet.pool, plan.pool);
  if (plan.fleet.disaggregated) chips += rented(plan.fleet.prefill, plan.prefill);
  return plan.fleet.chips() / chips;
}

Result<Speed> serve(const WorkloadLine& w, const study::PlannedModel& model,
                    const std::string& system, const catalog::Catalog& catalog) {
  const serving_study::ServeRequest request = serving_request(w, model, system);
  TR_TRY(const serving_study::ServeResult result, serving_study::plan_serving(request, catalog));
  Speed out;
  if (!result.feasible()) {
    out.reason = result.lost.empty() ? "no fleet keeps the limits" : result.lost.front().reason;
    return out;
  }
  const auto paid = [](const serving_study::ServePlan& p) {
    return p.tokens_a_s_chip * used_share(p);
  };
  const serving_study::ServePlan& best = *std::ranges::max_element(
      result.plans, {}, [&](const serving_study::ServePlan& p) { return paid(p); });
  out.feasible = true;
  out.of_chip = TokensPerSecond(paid(best));
  out.chips = static_cast<int>(std::lround(best.fleet.chips()));
  out.format = best.pool.numerics;
  out.mapping = infer::to_string(best.fleet.pool.deployment);
  if (best.fleet.disaggregated) {
    out.mapping = fmt::format("{:.0f}P{:.0f}D of {} and {}", best.fleet.prefill.workers,
                              best.fleet.pool.workers,
                              infer::to_string(best.fleet.prefill.deployment), out.mapping);
  }
  if (best.energy) out.energy = *best.energy / best.pool.place.pue;
  out.low90 = 1 / best.tpot.high90;
  out.high90 = 1 / best.tpot.low90;
  const infer::ServingMemory& m = best.pool.memory;
  out.memory_share = (m.weights + m.activations + m.reserve + m.cache) / m.device;
  return out;
}

// Everything the answer hangs on.
std::string key_of(const WorkloadLine& w, const study::PlannedModel& model,
                   const std::string& system, const std::string& world) {
  const std::string words =
      fmt::format("1|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", w.kind, w.task, model.config,
                  w.seq_len, w.batch_tokens, w.run_tokens.value_or(0), w.run_days.value_or(0),
                  w.input, w.output, w.cached, w.ttft_s.value_or(0), w.tpot_ms.value_or(0),
                  w.percentile.value_or(0), fmt::join(w.precisions, ","), system, world);
  return fmt::format("{:016x}", fnv1a(words));
}

}  // namespace

double Speed::spread() const {
  if (low90 <= 0 || high90 <= low90) return 0;
  return std::min(1.0, std::log(high90 / low90) / two_sided_90);
}

Result<SpeedTable> measure_speeds(const File& file, const catalog::Catalog& catalog,
                                  SpeedCache& cache, const SpeedProgress& progress,
                                  const std::atomic<bool>* cancel) {
  const std::string world = catalog.hash() + study::embedded_coefficients().hash;
  const std::size_t of = file.workloads.size() * file.systems.size();
  SpeedTable out;
  std::size_t done = 0;
  for (const WorkloadLine& w : file.workloads) {
    auto model = serving_study::find_served_model(w.model);
    if (!model) {
      if (model.error().where.line == 0) model.error().where = place_of(w, "model");
      return Failure(std::move(model).error());
    }
    std::vector<Speed>& row = out.speeds.emplace_back();
    for (const SystemLine& s : file.systems) {
      if (progress) progress(done, of, w.name + " on " + s.name);
      if (cancel != nullptr && *cancel) {
        return fail(ErrorCode::usage, fmt::format("stopped after {} of {} speeds", done, of), {},
                    "with --cache FILE the next run goes on from there");
      }
      ++done;
      const std::string key = key_of(w, *model, s.system, world);
      if (const Speed* known = cache.find(key)) {
        ++out.cached;
        row.push_back(*known);
        continue;
      }
      ++out.searched;
      auto speed = w.kind == "train" ? train(w, *model, s.system, catalog)
                                     : serve(w, *model, s.system, catalog);
      if (!speed) {
        speed.error().what =
            fmt::format("workload \"{}\" on \"{}\": {}", w.name, s.name, speed.error().what);
        if (speed.error().where.line == 0) speed.error().where = w.where;
        return Failure(std::move(speed).error());
      }
      cache.put(key, *speed);
      row.push_back(std::move(*speed));
    }
  }
  return out;
}

}  // namespace tightrope::procure_study
