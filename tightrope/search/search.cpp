#include "tightrope/search/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "tightrope/core/check.h"

namespace tightrope::search {
namespace {

using step::Infeasible;
using step::Mapping;

std::vector<int> divisors(long n, long most) {
  std::vector<int> list;
  for (long d = 1; d <= std::min(n, most); ++d) {
    if (n % d == 0) list.push_back(static_cast<int>(d));
  }
  return list;
}

std::vector<int> choices(const std::vector<int>& wished, long divides, long most) {
  if (wished.empty()) return divisors(divides, most);
  std::vector<int> list;
  for (int v : wished) {
    if (v >= 1 && divides % v == 0) list.push_back(v);
  }
  return list;
}

template <class T>
std::vector<T> when(bool condition, const std::vector<T>& list, T otherwise) {
  return condition ? list : std::vector<T>{otherwise};
}

struct Candidate {
  double score = 0;
  std::uint64_t order = 0;
  Mapping mapping;
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score < b.score : a.order < b.order;
  }
};

// Inner switches of one (basis, sharding): everything finish() takes as a flag.
struct Switch {
  bool dp_overlap, offload_weights, offload_activations, offload_optimizer;
};

class Search {
 public:
  Search(const step::Context& context, const Space& space, const Request& request)
      : c_(context), space_(space), r_(request),
        limit_(context.kernels.hbm * request.memory_share) {}

  Outcome run() {
    const long layers = c_.model.layer_count();
    for (int tp : choices(space_.tp, r_.ranks, space_.max_tp)) {
      for (int cp : choices(space_.cp, r_.ranks / tp, r_.ranks)) {
        if (c_.job.seq_len % (static_cast<long>(tp) * cp) != 0) continue;
        const long rest = r_.ranks / tp / cp;
        for (int pp : choices(space_.pp, rest, std::min<long>(layers, space_.max_pp))) {
          if (pp > layers || (!space_.uneven_stages && layers % pp != 0)) continue;
          Mapping m;
          m.tp = tp;
          m.cp = cp;
          m.pp = pp;
          m.dp = static_cast<int>(rest / pp);
          search_experts(m);
        }
      }
    }
    return finish_up();
  }

 private:
  bool tp_divides(int tp, int cp, step::CpKind kind) const {
    for (const workload::LayerKind& k : c_.model.kinds) {
      const int over = tp * (kind == step::CpKind::all_to_all ? cp : 1);
      if (k.attention.heads % over != 0) return false;
      if (k.ffn.hidden % tp != 0 || k.ffn.shared_hidden % tp != 0) return false;
    }
    return true;
  }

  void search_experts(Mapping m) {
    long experts = 1;
    for (const workload::LayerKind& k : c_.model.kinds) {
      if (k.routed()) experts = k.ffn.experts;
    }
    const long inner = static_cast<long>(m.tp) * m.cp * m.dp;
    for (int etp : choices(space_.etp, m.tp, m.tp)) {
      for (int ep : choices(space_.ep, experts, experts)) {
        if (inner % (static_cast<long>(ep) * etp) != 0) continue;
        m.ep = ep;
        m.etp = etp;
        search_blocks(m);
      }
    }
  }

  void search_blocks(Mapping m) {
    if (c_.job.global_batch % m.dp != 0) return;
    const long replica = c_.job.global_batch / m.dp;
    const bool tp = m.tp > 1;
    for (int mbs : choices(space_.micro_batch, replica, space_.max_micro_batch)) {
      m.micro_batch = mbs;
      for (step::CpKind kind : when(m.cp > 1, space_.cp_kind, step::CpKind::ring)) {
        m.cp_kind = kind;
        if (!tp_divides(m.tp, m.cp, kind)) continue;
        for (step::TpComm comm : when(tp, space_.tp_comm, step::TpComm::sequence_parallel)) {
          m.tp_comm = comm;
          const bool sp = tp && comm == step::TpComm::sequence_parallel;
          for (step::TpOverlap overlap : when(tp, space_.tp_overlap, step::TpOverlap::none)) {
            m.tp_overlap = overlap;
            for (bool regather : when(sp, space_.regather, true)) {
              m.regather = regather;
              for (bool nic : when(tp, space_.tp_scaleout, false)) {
                m.tp_scaleout = nic;
                search_recompute(m);
              }
            }
          }
        }
      }
    }
  }

  void search_recompute(Mapping m) {
    for (bool overlap : when(m.ep > 1, space_.ep_overlap, false)) {
      m.ep_overlap = overlap;
      for (workload::ModuleSet set : space_.recompute) {
        m.recompute = set;
        search_stages(m, costs_of(m));
      }
    }
  }

  const step::BlockCosts& costs_of(const Mapping& m) {
    const step::CostKey key = step::cost_key(m);
    const auto found = costs_.find(key_of(key));
    if (found != costs_.end()) return found->second;
    return costs_.emplace(key_of(key), step::block_costs(c_, key)).first->second;
  }

  // The key as a tuple that orders; two keys are equal when their tuples are.
  static std::array<std::uint32_t, 7> key_of(const step::CostKey& k) {
    const std::uint32_t flags =
        static_cast<std::uint32_t>(k.tp_comm) | static_cast<std::uint32_t>(k.tp_overlap) << 2 |
        static_cast<std::uint32_t>(k.cp_kind) << 5 | std::uint32_t{k.regather} << 7 |
        std::uint32_t{k.ep_overlap} << 8 | std::uint32_t{k.tp_scaleout} << 9;
    return {static_cast<std::uint32_t>(k.tp), static_cast<std::uint32_t>(k.cp),
            static_cast<std::uint32_t>(k.ep), static_cast<std::uint32_t>(k.etp),
            static_cast<std::uint32_t>(k.micro_batch), flags, k.recompute.bits};
  }

  const std::optional<std::vector<step::StageLayers>>& layout_of(int pp, int vp) {
    const auto found = layouts_.find({pp, vp});
    if (found != layouts_.end()) return found->second;
    return layouts_.emplace(std::pair(pp, vp), step::spread_layers(c_.model, {pp, vp, 0, 0}))
        .first->second;
  }

  std::vector<int> chunk_choices(const Mapping& m, long micro_batches) const {
    if (m.pp == 1 || micro_batches % m.pp != 0) return {1};
    const long per_stage = (c_.model.layer_count() + m.pp - 1) / m.pp;
    if (!space_.vp.empty()) return space_.vp;
    std::vector<int> list;
    for (int vp = 1; vp <= std::min<long>(per_stage, space_.max_vp); ++vp) {
      if (per_stage % vp == 0) list.push_back(vp);
    }
    return list;
  }

  void search_stages(Mapping m, const step::BlockCosts& costs) {
    const long micro_batches = c_.job.global_batch / m.dp / m.micro_batch;
    for (int vp : chunk_choices(m, micro_batches)) {
      m.vp = vp;
      const auto& layout = layout_of(m.pp, vp);
      if (!layout) {
        reject(Infeasible::does_not_divide, 1);
        continue;
      }
      const bool splits = m.pp > 1 && vp == 1;
      for (step::Schedule schedule :
           when(splits, space_.schedule, step::Schedule::one_f_one_b)) {
        m.schedule = schedule;
        const bool scatter = m.pp > 1 && m.tp > 1 && m.tp_comm == step::TpComm::sequence_parallel;
        for (bool p2p : when(scatter, space_.p2p_scatter, true)) {
          m.p2p_scatter = p2p;
          for (bool graph : space_.graph) {
            m.graph = graph;
            search_layers(m, costs, *layout, static_cast<int>(micro_batches));
          }
        }
      }
    }
  }

  void search_layers(Mapping m, const step::BlockCosts& costs,
                     const std::vector<step::StageLayers>& layout, int micro_batches) {
    const bool whole = m.recompute.meets(workload::RecomputeModule::layer);
    const int per_stage = (c_.model.layer_count() + m.pp - 1) / m.pp;
    for (int quarters : when(whole, space_.recompute_quarters, 4)) {
      m.recompute_layers = quarters >= 4 ? 0 : std::max(1, per_stage * quarters / 4);
      const step::Basis basis = step::make_basis(c_, m, costs, layout, micro_batches);
      search_sharding(m, basis);
    }
  }

  void search_sharding(Mapping m, const step::Basis& basis) {
    const bool data = m.dp * m.cp > 1;
    const std::vector<Switch> switches = switches_for(m, data);
    const auto& pp_nets = when_(m.pp > 1, space_.pp_scaleout);
    const auto& dp_nets = when_(data, space_.dp_scaleout);
    const std::uint64_t family = switches.size() * pp_nets.size();
    // A bound for all: the pipeline without messages, nothing else visible.
    const formula::PipelineTime least =
        formula::pipeline_bound({basis.stage_runs, m.vp, basis.micro_batches, Seconds(0.0)});
    const double busy = busy_seconds(basis);
    for (const auto& [sharding, shard_ranks] : sharing_choices(m, data)) {
      m.sharding = sharding;
      m.shard_ranks = shard_ranks;
      if (r_.prune && score(least.time.raw(), busy) > worst_kept()) {
        counters_.enumerated += family * dp_nets.size();
        counters_.bounded += family * dp_nets.size();
        continue;
      }
      for (bool dp_net : dp_nets) {
        m.dp_scaleout = dp_net;
        const step::SyncCost sync = step::make_sync(c_, m, basis);
        for (bool pp_net : pp_nets) {
          m.pp_scaleout = pp_net;
          search_switches(m, basis, sync, switches, busy);
        }
      }
    }
  }

  // Step times of one basis, sync and message time; the pipeline is replayed at most once.
  void search_switches(Mapping m, const step::Basis& basis, const step::SyncCost& sync,
                       const std::vector<Switch>& switches, double busy) {
    counters_.enumerated += switches.size();
    const Infeasible net = network_reason(m);
    if (net != Infeasible::none) {
      counters_.infeasible[static_cast<std::size_t>(net)] += switches.size();
      return;
    }
    const formula::UnevenPipeline pipeline{basis.stage_runs, m.vp, basis.micro_batches,
                                           step::hop_time(c_, m)};
    const formula::PipelineTime bound = formula::pipeline_bound(pipeline);
    std::optional<formula::PipelineTime> exact;
    for (const Switch& s : switches) {
      m.dp_overlap = s.dp_overlap;
      m.offload_weights = s.offload_weights;
      m.offload_activations = s.offload_activations;
      m.offload_optimizer = s.offload_optimizer;
      const step::Memory memory = step::peak_memory(c_, m, basis, sync);
      if (memory.total() > limit_) {
        note_overrun(m, memory);
        continue;
      }
      const double low = score(step::finish(c_, m, basis, sync, bound).total.raw(), busy);
      if (r_.prune && low > worst_kept()) {
        ++counters_.evaluated;
        continue;
      }
      if (!exact) exact = formula::replay_pipeline(pipeline);
      ++counters_.replayed;
      keep(m, score(step::finish(c_, m, basis, sync, *exact).total.raw(), busy));
    }
  }

  std::vector<std::pair<step::Sharding, int>> sharing_choices(const Mapping& m, bool data) const {
    std::vector<std::pair<step::Sharding, int>> list;
    for (step::Sharding sharding : when(data, space_.sharding, step::Sharding::none)) {
      const bool shares = sharding != step::Sharding::none;
      for (int ranks : when(shares, space_.shard_ranks, 0)) {
        if (ranks == 0 || (ranks < m.dp && m.dp % ranks == 0)) list.emplace_back(sharding, ranks);
      }
    }
    return list;
  }

  std::vector<Switch> switches_for(const Mapping& m, bool data) const {
    std::vector<Switch> list;
    const bool drops_all = m.recompute.meets(workload::RecomputeModule::layer);
    for (bool overlap : when(data, space_.dp_overlap, true)) {
      for (bool weights : space_.offload_weights) {
        for (bool activations : when(!drops_all, space_.offload_activations, false)) {
          for (bool optimizer : space_.offload_optimizer) {
            list.push_back({overlap, weights, activations, optimizer});
          }
        }
      }
    }
    return list;
  }

  static const std::vector<bool>& when_(bool condition, const std::vector<bool>& list) {
    static const std::vector<bool> no{false};
    return condition ? list : no;
  }

  Infeasible network_reason(const Mapping& m) const {
    const topology::Fabric& f = c_.fabric.fabric;
    const bool nic = f.scaleout_bandwidth > BytesPerSecond(0.0);
    if (m.ranks() > f.domain_ranks && !nic) return Infeasible::no_scaleout;
    return Infeasible::none;
  }

  double busy_seconds(const step::Basis& basis) const {
    Seconds most{};
    for (const step::RunBasis& run : basis.runs) most = max(most, run.compute);
    return basis.micro_batches * most.raw();
  }

  double score(double seconds, double busy) const {
    return r_.objective.per_second * seconds + r_.objective.per_busy_second * busy;
  }

  double worst_kept() const {
    return static_cast<int>(best_.size()) < r_.keep ? std::numeric_limits<double>::infinity()
                                                    : best_.back().score;
  }

  void keep(const Mapping& m, double value) {
    const Candidate candidate{value, counters_.enumerated, m};
    best_.insert(std::lower_bound(best_.begin(), best_.end(), candidate), candidate);
    if (static_cast<int>(best_.size()) > r_.keep) best_.pop_back();
  }

  void reject(Infeasible reason, std::uint64_t count) {
    counters_.enumerated += count;
    counters_.infeasible[static_cast<std::size_t>(reason)] += count;
  }

  void note_overrun(const Mapping& m, const step::Memory& memory) {
    ++counters_.infeasible[static_cast<std::size_t>(Infeasible::does_not_fit)];
    if (nearest_ && memory.total() >= nearest_need_) return;
    nearest_ = m;
    nearest_need_ = memory.total();
  }

  Outcome finish_up() {
    Outcome out;
    out.counters = counters_;
    for (const Candidate& c : best_) {
      out.best.push_back(step::estimate(c_, c.mapping));
      TR_CHECK(out.best.back().infeasible == Infeasible::none, step::to_text(c.mapping));
    }
    if (best_.empty() && nearest_) out.nearest = step::estimate(c_, *nearest_);
    return out;
  }

  const step::Context& c_;
  const Space& space_;
  const Request& r_;
  Bytes limit_;
  Counters counters_;
  std::vector<Candidate> best_;
  std::optional<Mapping> nearest_;
  Bytes nearest_need_{};
  std::map<std::array<std::uint32_t, 7>, step::BlockCosts> costs_;
  std::map<std::pair<int, int>, std::optional<std::vector<step::StageLayers>>> layouts_;
};

}  // namespace

Outcome search_mappings(const step::Context& context, const Space& space, const Request& request) {
  TR_CHECK(request.ranks >= 1 && request.keep >= 1, request.ranks, request.keep);
  return Search(context, space, request).run();
}

}  // namespace tightrope::search
