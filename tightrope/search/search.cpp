// The outer loops: everything that shapes blocks, stages and the pipeline. Costs of blocks are
// tabulated by their key; each pipeline's inner options are the evaluator's (evaluator.cpp).
#include "tightrope/search/search.h"

#include <algorithm>
#include <map>
#include <optional>

#include "tightrope/core/check.h"
#include "tightrope/search/evaluator_internal.h"

namespace tightrope::search {
namespace {

using search_internal::Evaluator;
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

class Search {
 public:
  Search(const step::Context& context, const Space& space, const Request& request)
      : c_(context), space_(space), r_(request), evaluator_(context, space, request) {}

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
    return evaluator_.outcome();
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

  bool experts_divide(int ep, int etp) const {
    for (const workload::LayerKind& k : c_.model.kinds) {
      if (k.routed() && (k.ffn.experts % ep != 0 || k.ffn.expert_hidden % etp != 0)) return false;
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
        if (inner % (static_cast<long>(ep) * etp) != 0 || !experts_divide(ep, etp)) continue;
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
        search_stages(m);
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
    return {static_cast<std::uint32_t>(k.tp),
            static_cast<std::uint32_t>(k.cp),
            static_cast<std::uint32_t>(k.ep),
            static_cast<std::uint32_t>(k.etp),
            static_cast<std::uint32_t>(k.micro_batch),
            flags,
            k.recompute.bits};
  }

  const std::optional<std::vector<step::StageLayers>>& layout_of(int pp, int vp) {
    const auto found = layouts_.find({pp, vp});
    if (found != layouts_.end()) return found->second;
    return layouts_.emplace(std::pair(pp, vp), step::spread_layers(c_.model, {pp, vp, 0, 0}))
        .first->second;
  }

  std::vector<int> chunk_choices(const Mapping& m) const {
    if (m.pp == 1) return {1};
    if (!space_.vp.empty()) return space_.vp;
    return divisors((c_.model.layer_count() + m.pp - 1) / m.pp, space_.max_vp);
  }

  void search_stages(Mapping m) {
    const step::BlockCosts& costs = costs_of(m);
    const long micro_batches = c_.job.global_batch / m.dp / m.micro_batch;
    for (int vp : chunk_choices(m)) {
      m.vp = vp;
      // Interleaving goes round the stages with pp micro-batches at a time.
      const bool runs = vp == 1 || micro_batches % m.pp == 0;
      const auto& layout = layout_of(m.pp, vp);
      const bool splits = m.pp > 1 && vp == 1;
      for (step::Schedule schedule : when(splits, space_.schedule, step::Schedule::one_f_one_b)) {
        m.schedule = schedule;
        const bool scatter = m.pp > 1 && m.tp > 1 && m.tp_comm == step::TpComm::all_reduce;
        for (bool p2p : when(scatter, space_.p2p_scatter, true)) {
          m.p2p_scatter = p2p;
          for (bool graph : space_.graph) {
            m.graph = graph;
            if (runs && layout) {
              search_layers(m, costs, *layout, static_cast<int>(micro_batches));
            } else {
              evaluator_.reject(m, Infeasible::does_not_divide);
            }
          }
        }
      }
    }
  }

  void search_layers(Mapping m, const step::BlockCosts& costs,
                     const std::vector<step::StageLayers>& layout, int micro_batches) {
    const bool whole = m.recompute.meets(workload::RecomputeModule::layer);
    const int per_stage = (c_.model.layer_count() + m.pp - 1) / m.pp;
    std::vector<int> seen;
    for (int quarters : when(whole, space_.recompute_quarters, 4)) {
      const int some = std::max(1, per_stage * quarters / 4);
      m.recompute_layers = some < per_stage ? some : 0;
      if (std::ranges::find(seen, m.recompute_layers) != seen.end()) continue;
      seen.push_back(m.recompute_layers);
      evaluator_.evaluate({m, &costs, &layout, micro_batches});
    }
  }

  const step::Context& c_;
  const Space& space_;
  const Request& r_;
  Evaluator evaluator_;
  std::map<std::array<std::uint32_t, 7>, step::BlockCosts> costs_;
  std::map<std::pair<int, int>, std::optional<std::vector<step::StageLayers>>> layouts_;
};

}  // namespace

Outcome search_mappings(const step::Context& context, const Space& space, const Request& request) {
  TR_CHECK(request.ranks >= 1 && request.keep >= 1, request.ranks, request.keep);
  if (!space.recompute.empty()) return Search(context, space, request).run();
  Space whole = space;
  whole.recompute = default_space(context).recompute;
  return Search(context, whole, request).run();
}

}  // namespace tightrope::search
