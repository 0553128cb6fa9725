#include <algorithm>

#include "tightrope/search/listing_internal.h"

namespace tightrope::search::search_internal {
namespace {

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

const std::vector<step::CpKind> ring_only{step::CpKind::ring};
const std::vector<step::TpComm> sequence_only{step::TpComm::sequence_parallel};
const std::vector<step::TpOverlap> no_overlap{step::TpOverlap::none};
const std::vector<double> dropless{0.0};
const std::vector<bool> no{false};
const std::vector<bool> yes{true};

class Lister {
 public:
  Lister(const step::Context& context, const Space& space, Tables& tables, int ranks)
      : c_(context),
        space_(space),
        tables_(tables),
        ranks_(ranks),
        routed_(std::ranges::any_of(context.model.kinds, &workload::LayerKind::routed)) {}

  std::vector<Listed> run() {
    const long layers = c_.model.layer_count();
    for (int tp : choices(space_.tp, ranks_, space_.max_tp)) {
      for (int cp : choices(space_.cp, ranks_ / tp, ranks_)) {
        if (c_.job.seq_len % (static_cast<long>(tp) * cp) != 0) continue;
        const long rest = ranks_ / tp / cp;
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
    return std::move(listed_);
  }

 private:
  void search_experts(Mapping m) {
    long experts = 1;
    for (const workload::LayerKind& k : c_.model.kinds) {
      if (k.routed()) experts = k.ffn.experts;
    }
    const long inner = static_cast<long>(m.tp) * m.cp * m.dp;
    for (int etp : choices(space_.etp, m.tp, m.tp)) {
      for (int ep : choices(space_.ep, experts, experts)) {
        if (inner % (static_cast<long>(ep) * etp) != 0 || !step::experts_divide(c_.model, ep, etp))
          continue;
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
      for (step::CpKind kind : when(m.cp > 1, space_.cp_kind, ring_only)) {
        m.cp_kind = kind;
        if (!step::tensors_divide(c_.model, m.tp, m.cp, kind)) continue;
        for (step::TpComm comm : when(tp, space_.tp_comm, sequence_only)) {
          m.tp_comm = comm;
          const bool sp = tp && comm == step::TpComm::sequence_parallel;
          for (step::TpOverlap overlap : when(tp, space_.tp_overlap, no_overlap)) {
            m.tp_overlap = overlap;
            for (bool regather : when(sp, space_.regather, yes)) {
              m.regather = regather;
              for (bool nic : when(tp, space_.tp_scaleout, no)) {
                m.tp_scaleout = nic;
                list_blocks(m);
              }
            }
          }
        }
      }
    }
  }

  void list_blocks(Mapping m) {
    for (bool overlap : when(m.ep > 1, space_.ep_overlap, no)) {
      m.ep_overlap = overlap;
      for (const double capacity : when(routed_, space_.capacity, dropless)) {
        m.capacity_factor = capacity;
        for (workload::ModuleSet set : space_.recompute) {
          m.recompute = set;
          add_block(m);
        }
      }
    }
  }

  void add_block(const Mapping& m) {
    const Block& block = tables_.block(m);
    // The busiest stage takes no less than the mean one, and computes at least its layers.
    const double n = static_cast<double>(micro_batches(m));
    const Seconds time = n / m.pp * block.bare.whole;
    const Seconds busy = n * tables_.stages(m.pp).fewest_layers * block.bare.layer_compute;
    listed_.push_back({time, busy, guessed_bubble(m), m, &block});
  }

  long micro_batches(const Mapping& m) const { return c_.job.global_batch / m.dp / m.micro_batch; }

  // What filling and draining the pipeline may make of a step, in steps.
  double guessed_bubble(const Mapping& m) const {
    const long n = micro_batches(m);
    const double chunks = n % m.pp == 0 ? std::min(space_.max_vp, 4) : 1;
    return 1.0 + (m.pp - 1.0) / (static_cast<double>(n) * chunks);
  }

  const step::Context& c_;
  const Space& space_;
  Tables& tables_;
  const int ranks_;
  const bool routed_;
  std::vector<Listed> listed_;
};

}  // namespace

std::vector<Listed> list_blocks(const step::Context& context, const Space& space, Tables& tables,
                                int ranks) {
  return Lister(context, space, tables, ranks).run();
}

}  // namespace tightrope::search::search_internal
