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
  options.sharding = when(data, space.sharding, step::Sharding::none);
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
      limit_(context.kernels.hbm * request.memory_share),
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

void Evaluator::reject(const Mapping& mapping, Infeasible reason, std::uint64_t families) {
  const std::uint64_t size = families * options_of(mapping).size();
  counters_.enumerated += size;
  count(reason, size);
}

void Evaluator::drop(const Mapping& mapping, std::uint64_t families) {
  if (!connected_) return reject(mapping, Infeasible::no_scaleout, families);
  const InnerOptions& options = options_of(mapping);
  const std::uint64_t choices = families * options.sharding.size() * options.times();
  counters_.enumerated += families * options.size();
  counters_.bounded += choices * options.offloads.size();
  count(Infeasible::no_host_link, choices * options.hostless);
}

void Evaluator::evaluate(const Family& family) {
  if (!connected_) return reject(family.mapping, Infeasible::no_scaleout);
  Mapping m = family.mapping;
  const InnerOptions& options = options_of(m);
  counters_.enumerated += options.size();
  count(Infeasible::no_host_link, options.sharding.size() * options.times() * options.hostless);
  if (options.offloads.empty()) return;
  basis_ = step::make_basis(c_, m, *family.costs, *family.layout, family.micro_batches);
  pipelines_.clear();
  busy_ = basis_.micro_batches * step::busiest_run(basis_).compute;
  // A bound for all: the pipeline without messages, nothing else visible.
  if (r_.prune && !r_.singly &&
      hopeless(score(formula::pipeline_bound(uneven(Seconds(0.0))).time))) {
    counters_.bounded += options.sharding.size() * options.times() * options.offloads.size();
    return;
  }
  for (const step::Sharding sharding : options.sharding) {
    m.sharding = sharding;
    step::make_states(c_, m, basis_, sync_);
    find_fitting(m, options);
    if (!fitting_.empty()) search_networks(m, options);
  }
}

void Evaluator::find_fitting(Mapping m, const InnerOptions& options) {
  fitting_.clear();
  m.dp_scaleout = options.dp_nets.front();
  m.pp_scaleout = options.pp_nets.front();
  m.dp_overlap = options.dp_overlap.front();
  for (const Offload& offload : options.offloads) {
    set(m, offload);
    const Bytes need = step::peak_memory(c_, m, basis_, sync_).total();
    if (need <= limit_) {
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
    for (const Offload& offload : fitting_) {
      set(m, offload);
      if (r_.prune && hopeless(score(step::finish(c_, m, basis_, sync_, pipeline.bound).total))) {
        ++counters_.evaluated;
        continue;
      }
      if (!pipeline.exact) pipeline.exact = formula::replay_pipeline(uneven(pipeline.hop));
      ++counters_.replayed;
      ranking_.offer(m, score(step::finish(c_, m, basis_, sync_, *pipeline.exact).total));
    }
  }
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

double Evaluator::score(Seconds time, Seconds busy) const {
  return r_.objective.per_second * time.raw() + r_.objective.per_busy_second * busy.raw();
}

bool Evaluator::hopeless(double low) const { return low * bound_trust > ranking_.worst(); }

Outcome Evaluator::outcome() const {
  Outcome out;
  out.counters = counters_;
  for (const Candidate& c : ranking_.best()) {
    out.best.push_back(step::estimate(c_, c.mapping));
    TR_CHECK(out.best.back().infeasible == Infeasible::none, step::to_text(c.mapping));
  }
  if (out.best.empty() && nearest_) out.nearest = step::estimate(c_, *nearest_);
  return out;
}

}  // namespace tightrope::search::search_internal
