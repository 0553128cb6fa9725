#include <algorithm>
#include <limits>

#include "tightrope/core/check.h"
#include "tightrope/search/evaluator_internal.h"

namespace tightrope::search::search_internal {

using step::Infeasible;
using step::Mapping;

namespace {

// Sums in another order differ in their last digits: a bound is worth a little less than it says.
constexpr double bound_trust = 1.0 - 1e-9;

template <class T>
std::vector<T> when(bool condition, const std::vector<T>& list, T otherwise) {
  return condition ? list : std::vector<T>{otherwise};
}

InnerOptions inner_options(const Space& space, bool data, bool pipeline, bool keeps, bool host) {
  InnerOptions options;
  for (const step::Sharding sharding : when(data, space.sharding, step::Sharding::none)) {
    const bool none = sharding == step::Sharding::none;
    (none ? options.unshared : options.sharding).push_back(sharding);
  }
  options.dp_nets = when(data, space.dp_scaleout, false);
  options.pp_nets = when(pipeline, space.pp_scaleout, false);
  options.dp_overlap = when(data, space.dp_overlap, true);
  for (const bool weights : space.offload_weights) {
    for (const bool activations : when(keeps, space.offload_activations, false)) {
      for (const bool optimizer : space.offload_optimizer) {
        const bool any = weights || activations || optimizer;
        if (any && !host) {
          ++options.hostless;
        } else {
          options.offloads.push_back({weights, activations, optimizer});
        }
      }
    }
  }
  std::ranges::stable_sort(options.offloads, {}, [](const Offload& o) {
    return int{o.weights} + int{o.activations} + int{o.optimizer};
  });
  return options;
}

std::size_t option_index(bool data, bool pipeline, bool keeps) {
  return (data ? 1U : 0U) + (pipeline ? 2U : 0U) + (keeps ? 4U : 0U);
}

void set(Mapping& m, const Offload& offload) {
  m.offload_weights = offload.weights;
  m.offload_activations = offload.activations;
  m.offload_optimizer = offload.optimizer;
}

}  // namespace

void Ranking::offer(const Mapping& mapping, double score) {
  if (score > worst_) return;
  auto at = std::lower_bound(best_.begin(), best_.end(), score,
                             [](const Candidate& c, double s) { return c.score < s; });
  if (at != best_.end() && at->score == score) {
    const std::string text = step::to_text(mapping);
    while (at != best_.end() && at->score == score && step::to_text(at->mapping) < text) ++at;
  }
  best_.insert(at, {score, mapping});
  if (static_cast<int>(best_.size()) > keep_) best_.pop_back();
  if (static_cast<int>(best_.size()) == keep_) worst_ = best_.back().score;
}

Evaluator::Evaluator(const step::Context& context, const Space& space, const Request& request)
    : c_(context),
      r_(request),
      memory_(context.kernels.hbm * request.memory_share),
      fixed_(step::least_step(context, request.ranks, Seconds(0.0))),
      waiting_((step::least_step(context, request.ranks, Seconds(1.0)) - fixed_).raw()),
      wished_groups_(space.shard_ranks),
      ranking_(request.keep) {
  const topology::Fabric& fabric = c_.fabric.fabric;
  connected_ = r_.ranks <= fabric.domain_ranks || fabric.scaleout_bandwidth > BytesPerSecond(0.0);
  const bool host = fabric.host_bandwidth > BytesPerSecond(0.0);
  for (const bool data : {false, true}) {
    for (const bool pipeline : {false, true}) {
      for (const bool keeps : {false, true}) {
        options_[option_index(data, pipeline, keeps)] =
            inner_options(space, data, pipeline, keeps, host);
      }
    }
  }
}

const InnerOptions& Evaluator::options_of(const Mapping& m) const {
  const bool drops_all = m.recompute.meets(workload::RecomputeModule::layer);
  return options_[option_index(m.dp * m.cp > 1, m.pp > 1, !drops_all)];
}

const std::vector<int>& Evaluator::groups_of(int dp) {
  if (dp == asked_dp_) return *asked_groups_;
  const auto [place, fresh] = groups_.try_emplace(dp);
  std::vector<int>& groups = place->second;
  asked_dp_ = dp;
  asked_groups_ = &groups;
  if (!fresh) return groups;
  for (int ranks = dp - 1; ranks > 1; --ranks) {
    const bool wished =
        wished_groups_.empty() || std::ranges::find(wished_groups_, ranks) != wished_groups_.end();
    if (dp % ranks == 0 && wished) groups.push_back(ranks);
  }
  const bool all = wished_groups_.empty() ||
                   std::ranges::any_of(wished_groups_, [dp](int n) { return n == 0 || n == dp; });
  if (all) groups.insert(groups.begin(), 0);
  return groups;
}

void Evaluator::reject(const Mapping& mapping, Infeasible reason, std::uint64_t families) {
  const InnerOptions& options = options_of(mapping);
  const std::uint64_t offloads = options.offloads.size() + options.hostless;
  const std::uint64_t size =
      families * options.without_offload(groups_of(mapping.dp).size()) * offloads;
  counters_.enumerated += size;
  count(reason, size);
}

void Evaluator::drop(const Mapping& mapping, std::uint64_t families) {
  if (!connected_) return reject(mapping, Infeasible::no_scaleout, families);
  const InnerOptions& options = options_of(mapping);
  const std::uint64_t choices = families * options.without_offload(groups_of(mapping.dp).size());
  counters_.enumerated += choices * (options.offloads.size() + options.hostless);
  counters_.bounded += choices * options.offloads.size();
  count(Infeasible::no_host_link, choices * options.hostless);
}

void Evaluator::evaluate(const Family& family) {
  if (!connected_) return reject(family.mapping, Infeasible::no_scaleout);
  Mapping m = family.mapping;
  const InnerOptions& options = options_of(m);
  const std::uint64_t choices = options.without_offload(groups_of(m.dp).size());
  counters_.enumerated += choices * (options.offloads.size() + options.hostless);
  count(Infeasible::no_host_link, choices * options.hostless);
  if (options.offloads.empty()) return;
  basis_ = step::make_basis(c_, m, *family.costs, *family.layout, family.micro_batches);
  pipelines_.clear();
  busy_ = basis_.micro_batches * step::busiest_run(basis_).compute;
  if (too_slow_pipeline(m, options)) {
    counters_.bounded += choices * options.offloads.size();
    return;
  }
  for (const step::Sharding sharding : options.unshared) {
    m.sharding = sharding;
    search_sharding(m, options);
  }
  for (const step::Sharding sharding : options.sharding) {
    m.sharding = sharding;
    search_groups(m, options);
  }
}

void Evaluator::search_groups(Mapping m, const InnerOptions& options) {
  const std::vector<int>& groups = groups_of(m.dp);
  const std::uint64_t each = options.times() * options.offloads.size();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::uint64_t rest = (groups.size() - i - 1) * each;
    if (too_slow_pipeline(m, options)) {
      counters_.bounded += rest + each;
      return;
    }
    m.shard_ranks = groups[i];
    switch (search_sharding(m, options)) {
      case Shared::searched: break;
      case Shared::does_not_fit: return count(Infeasible::does_not_fit, rest);
      case Shared::too_slow: counters_.bounded += rest; return;
    }
  }
}

Evaluator::Shared Evaluator::search_sharding(const Mapping& m, const InnerOptions& options) {
  step::make_states(c_, m, basis_, sync_);
  find_fitting(m, options);
  if (fitting_.empty()) return Shared::does_not_fit;
  fits_ = true;
  if (r_.prune && !r_.singly && too_slow_unsynced(m, options)) {
    counters_.bounded += options.times() * fitting_.size();
    return Shared::too_slow;
  }
  search_networks(m, options);
  return Shared::searched;
}

// Far more families pass their pipeline's bound than its replay, and a replay costs less than what
// follows it.
bool Evaluator::too_slow_pipeline(Mapping m, const InnerOptions& options) {
  if (!r_.prune || r_.singly) return false;
  if (options.dp_nets.size() > 1 || options.pp_nets.size() > 1) {
    return pipelines_.empty() &&
           hopeless_pipeline(formula::pipeline_bound(uneven(Seconds(0.0))).time, busy_);
  }
  m.dp_scaleout = options.dp_nets.front();
  m.pp_scaleout = options.pp_nets.front();
  TimedPipeline& pipeline = pipelines_.empty() ? pipeline_of(m) : pipelines_.front();
  if (hopeless_pipeline(pipeline.best_known().time, busy_)) return true;
  if (pipeline.exact) return false;
  pipeline.exact = formula::replay_pipeline(uneven(pipeline.hop));
  return hopeless_pipeline(pipeline.exact->time, busy_);
}

bool Evaluator::too_slow_unsynced(Mapping m, const InnerOptions& options) {
  for (step::RunSync& run : sync_.runs) run.reduce = run.gather = Seconds(0.0);
  return std::ranges::all_of(options.pp_nets, [&](const bool pp_net) {
    m.pp_scaleout = pp_net;
    const TimedPipeline& pipeline = pipeline_of(m);
    slow_.clear();
    return std::ranges::all_of(fitting_, [&](const Offload& offload) {
      if (known_slow(offload)) return true;
      set(m, offload);
      slow_.push_back(offload);
      return hopeless(step::finish(c_, m, basis_, sync_, pipeline.best_known()).total, busy_);
    });
  });
}

bool Evaluator::known_slow(const Offload& offload) const {
  return std::ranges::any_of(slow_, [&](const Offload& slow) { return slow.within(offload); });
}

void Evaluator::find_fitting(Mapping m, const InnerOptions& options) {
  fitting_.clear();
  m.dp_scaleout = options.dp_nets.front();
  m.pp_scaleout = options.pp_nets.front();
  m.dp_overlap = options.dp_overlap.front();
  for (const Offload& offload : options.offloads) {
    set(m, offload);
    const Bytes need = step::peak_memory(c_, m, basis_, sync_).total();
    if (need <= memory_) {
      fitting_.push_back(offload);
      continue;
    }
    count(Infeasible::does_not_fit, options.times());
    if (nearest_ && need >= nearest_need_) continue;
    nearest_ = m;
    nearest_need_ = need;
  }
}

void Evaluator::search_networks(Mapping m, const InnerOptions& options) {
  for (const bool dp_net : options.dp_nets) {
    m.dp_scaleout = dp_net;
    step::make_traffic(c_, m, basis_, sync_);
    for (const bool pp_net : options.pp_nets) {
      m.pp_scaleout = pp_net;
      search_switches(m, options, pipeline_of(m));
    }
  }
}

void Evaluator::search_switches(Mapping m, const InnerOptions& options, TimedPipeline& pipeline) {
  for (const bool overlap : options.dp_overlap) {
    m.dp_overlap = overlap;
    slow_.clear();
    for (const Offload& offload : fitting_) {
      if (known_slow(offload)) {
        ++counters_.bounded;
        continue;
      }
      set(m, offload);
      const bool exact = pipeline.exact.has_value();
      const Seconds least = step::finish(c_, m, basis_, sync_, pipeline.best_known()).total;
      if (r_.prune && hopeless(least, busy_)) {
        ++(exact ? counters_.replayed : counters_.evaluated);
        if (!r_.singly) slow_.push_back(offload);
        continue;
      }
      if (!exact) pipeline.exact = formula::replay_pipeline(uneven(pipeline.hop));
      ++counters_.replayed;
      offer(m, exact ? least : step::finish(c_, m, basis_, sync_, *pipeline.exact).total);
    }
  }
}

void Evaluator::offer(const Mapping& m, Seconds time) {
  for (const Limit& limit : r_.limits) {
    if (limit.objective.of(time, busy_) > limit.most) return;
  }
  ranking_.offer(m, score(time, busy_));
}

// At most four message times a family: a list is searched faster than anything cleverer.
Evaluator::TimedPipeline& Evaluator::pipeline_of(const Mapping& m) {
  const Seconds hop = step::hop_time(c_, m);
  for (TimedPipeline& known : pipelines_) {
    if (known.hop == hop) return known;
  }
  return pipelines_.emplace_back(
      TimedPipeline{hop, formula::pipeline_bound(uneven(hop)), std::nullopt});
}

formula::UnevenPipeline Evaluator::uneven(Seconds hop) const {
  return {basis_.stage_runs, basis_.chunks, basis_.micro_batches, hop};
}

bool Evaluator::hopeless(Seconds time, Seconds busy) const {
  if (score(time, busy) * bound_trust > ranking_.worst()) return true;
  return std::ranges::any_of(r_.limits, [&](const Limit& limit) {
    return limit.objective.of(time, busy) * bound_trust > limit.most;
  });
}

Outcome Evaluator::outcome() const {
  Outcome out;
  out.counters = counters_;
  for (const Candidate& c : ranking_.best()) {
    out.best.push_back(step::estimate(c_, c.mapping));
    TR_CHECK(out.best.back().infeasible == Infeasible::none, step::to_text(c.mapping));
  }
  if (!fits_ && nearest_) out.nearest = step::estimate(c_, *nearest_);
  return out;
}

}  // namespace tightrope::search::search_internal
