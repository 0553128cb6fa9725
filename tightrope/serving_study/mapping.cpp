#include "tightrope/serving_study/mapping.h"

#include <algorithm>
#include <cmath>

namespace tightrope::serving_study {
namespace {

using infer::Deployment;

std::vector<Deployment> candidates(bool routed, int ranks) {
  std::vector<Deployment> all;
  for (int tp = 1; tp <= ranks; tp *= 2) {
    for (int pp = 1; tp * pp <= ranks; pp *= 2) {
      for (int dp = 1; tp * pp * dp <= ranks; dp *= 2) {
        if (dp > 1 && !routed) break;
        if (ranks % (tp * pp * dp) != 0) continue;
        for (const int ep : {1, tp * dp}) {
          if (ep > 1 && !routed) continue;
          all.push_back({.tp = tp, .pp = pp, .dp = dp, .ep = ep});
          if (tp * dp == 1) break;
        }
      }
    }
  }
  return all;
}

}  // namespace

infer::SteadyLimits limits_of(const infer::Context& c, const Deployment& d) {
  infer::SteadyLimits limits;
  limits.token_budget = c.engine.token_budget * d.dp;
  limits.sequences = c.engine.most_sequences * d.dp;
  limits.mixes_prefill = c.engine.mixes_prefill;
  limits.reserves_output = c.engine.reserves_output;
  limits.ahead_steps = c.engine.ahead_steps;
  limits.poll_steps = c.engine.poll_steps;
  limits.groups = d.dp;
  limits.balance_steps = c.engine.balance_steps;
  limits.buckets_cache = c.engine.buckets_cache;
  limits.graph_sequences = c.engine.graph_sequences;
  const infer::ServingMemory memory = infer::serving_memory(c, d, limits.token_budget);
  limits.cache_tokens = std::max(1.0, memory.tokens);
  return limits;
}

infer::Steady serve(const infer::Context& context, const Deployment& deployment,
                    const infer::Load& load, const LoadBounds& bounds) {
  const infer::Pricing pricing(context, deployment);
  const infer::SteadyLimits limits = limits_of(context, deployment);
  if (context.engine.static_batches) return infer::static_loop(pricing, load, limits);
  const auto at = [&](double concurrency) {
    infer::Load some = load;
    some.concurrency = concurrency;
    return infer::closed_loop(pricing, some, limits);
  };
  infer::Steady all = at(load.concurrency);
  if (!(bounds.first.raw() > 0) && !(bounds.token.raw() > 0)) return all;
  // Requests that come by chance are under way in numbers that vary as Poisson's law has it, over
  // all replicas that share them. A crowd lasts as long as an answer: of its deviation the mean
  // over an answer keeps sqrt(2 / e), and one of a hundred answers meets so many more.
  const double replicas = std::max(1.0, static_cast<double>(bounds.ranks) / deployment.ranks());
  const auto crowded = [&](double many) {
    constexpr double deviate = 2.326, kept = 0.858;
    return at(many + deviate * kept * std::sqrt(many / replicas)).tpot;
  };
  const auto keeps = [&](const infer::Steady& s, double many) {
    return (bounds.first.raw() <= 0 || s.late_ttft <= bounds.first) &&
           (bounds.token.raw() <= 0 || std::max(s.tpot, crowded(many)) <= bounds.token);
  };
  // Who waits for room in the cache is late, so the search begins at what runs at once.
  double low = 0.0, high = std::log(std::max(1.0, load.concurrency - all.waiting));
  infer::Steady best = at(std::exp(high));
  if (keeps(best, std::exp(high))) return best;
  best = at(1.0);
  constexpr int rounds = 20;
  for (int i = 0; i < rounds; ++i) {
    const double middle = 0.5 * (low + high), many = std::exp(middle);
    const infer::Steady s = at(many);
    const bool kept = keeps(s, many);
    if (kept) best = s;
    (kept ? low : high) = middle;
  }
  return best;
}

Result<Deployment> faster_of(const infer::Context& context, const std::vector<Deployment>& choices,
                             const infer::Load& load, const LoadBounds& bounds) {
  Deployment best;
  double most = 0;
  for (const Deployment& d : choices) {
    if (!infer::why_not(context, d).empty()) continue;
    if (limits_of(context, d).cache_tokens < load.input + load.output) continue;
    const double rate = serve(context, d, load, bounds).request_rate / d.ranks();
    if (rate > most) {
      most = rate;
      best = d;
    }
  }
  if (most > 0) return best;
  return fail(ErrorCode::unsupported, "the model fits no such mapping");
}

Result<Deployment> fastest_deployment(const infer::Context& context, int chips,
                                      const infer::Load& load, const LoadBounds& bounds) {
  const bool routed = std::any_of(context.parts.begin(), context.parts.end(),
                                  [](const infer::LayerPart& p) { return p.experts > 0; });
  const int ranks =
      std::min(chips * context.chip.ranks_per_chip, context.fabric.fabric.domain_ranks);
  // Stages pay by the latency of each sequence; a queue that never runs dry leaves no bubbles.
  return faster_of(context, candidates(routed, ranks), load, bounds);
}

}  // namespace tightrope::serving_study
