// The outer loops: everything that shapes blocks, stages and the pipeline. Blocks are listed first
// and visited in the order of a bound on their step time, so that good plans are at hand early and
// most blocks are dropped by their bound alone; what shares a pipeline is the evaluator's.
#include "tightrope/search/search.h"

#include <algorithm>
#include <optional>

#include "tightrope/core/check.h"
#include "tightrope/search/evaluator_internal.h"
#include "tightrope/search/tables_internal.h"

namespace tightrope::search {
namespace {

using search_internal::Block;
using search_internal::Evaluator;
using search_internal::Layout;
using search_internal::Stages;
using search_internal::Tables;
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

// The list where its option has something to act on, else what stands for no choice.
template <class T>
const std::vector<T>& when(bool condition, const std::vector<T>& list,
                           const std::vector<T>& otherwise) {
  return condition ? list : otherwise;
}

const std::vector<step::CpKind> ring_only{step::CpKind::ring};
const std::vector<step::TpComm> sequence_only{step::TpComm::sequence_parallel};
const std::vector<step::TpOverlap> no_overlap{step::TpOverlap::none};
const std::vector<step::Schedule> plain_only{step::Schedule::one_f_one_b};
const std::vector<double> dropless{0.0};
const std::vector<int> nothing{0};
const std::vector<bool> no{false};
const std::vector<bool> yes{true};

class Search {
 public:
  Search(const step::Context& context, const Space& space, Tables& tables, const Request& request)
      : c_(context),
        space_(space),
        r_(request),
        tables_(tables),
        routed_(std::ranges::any_of(context.model.kinds, &workload::LayerKind::routed)),
        ordered_(request.prune && !request.singly),
        evaluator_(context, space, request) {}

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
    visit_blocks();
    return evaluator_.outcome();
  }

 private:
  // Mappings that share their blocks' costs and their stages' number.
  struct Candidate {
    Seconds time{};    // no step of it takes less
    Seconds busy{};    // the busiest stage computes no less
    double guess = 0;  // the order of visits; the answer does not depend on it
    Mapping mapping;
    const Block* block = nullptr;
  };

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
      for (step::CpKind kind : when(m.cp > 1, space_.cp_kind, ring_only)) {
        m.cp_kind = kind;
        if (!tp_divides(m.tp, m.cp, kind)) continue;
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
    const double guess = evaluator_.score(time, busy) * guessed_bubble(m);
    blocks_.push_back({time, busy, guess, m, &block});
  }

  long micro_batches(const Mapping& m) const { return c_.job.global_batch / m.dp / m.micro_batch; }

  // What filling and draining the pipeline may make of a step, in steps.
  double guessed_bubble(const Mapping& m) const {
    const long n = micro_batches(m);
    const double chunks = n % m.pp == 0 ? std::min(space_.max_vp, 4) : 1;
    return 1.0 + (m.pp - 1.0) / (static_cast<double>(n) * chunks);
  }

  void visit_blocks() {
    std::vector<std::pair<double, std::size_t>> order(blocks_.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      order[i] = {ordered_ ? blocks_[i].guess : 0.0, i};
    }
    std::ranges::sort(order);
    for (const auto& [guess, index] : order) {
      const Candidate& candidate = blocks_[index];
      if (ordered_ && evaluator_.hopeless_pipeline(candidate.time, candidate.busy)) {
        drop_stages(candidate.mapping);
      } else {
        visit_stages(candidate);
      }
    }
  }

  const std::vector<int>& recompute_layers(const Mapping& m, const Stages& stages) const {
    return m.recompute.meets(workload::RecomputeModule::layer) ? stages.recompute_layers : nothing;
  }

  const std::vector<bool>& p2p_choices(const Mapping& m) const {
    const bool scatters = m.pp > 1 && m.tp > 1 && m.tp_comm == step::TpComm::all_reduce;
    return when(scatters, space_.p2p_scatter, yes);
  }

  const std::vector<step::Schedule>& schedules(const Mapping& m) const {
    return when(m.pp > 1 && m.vp == 1, space_.schedule, plain_only);
  }

  // Interleaving goes round the stages with pp micro-batches at a time.
  bool interleaves(const Mapping& m) const { return micro_batches(m) % m.pp == 0; }

  // Counts what visit_stages would visit, without a look at it.
  void drop_stages(const Mapping& m) {
    const Stages& stages = tables_.stages(m.pp);
    const std::uint64_t alike =
        p2p_choices(m).size() * space_.graph.size() * recompute_layers(m, stages).size();
    const std::uint64_t plain = schedules(m).size();  // of a mapping whose vp is still 1
    const bool round = interleaves(m);
    const std::uint64_t fall = round ? 0 : stages.interleaved;
    evaluator_.drop(m, alike * (plain * stages.plain + (round ? stages.interleaved : 0)));
    evaluator_.reject(m, Infeasible::does_not_divide,
                      alike * (plain * stages.plain_empty + stages.interleaved_empty + fall));
  }

  void visit_stages(const Candidate& candidate) {
    Mapping m = candidate.mapping;
    const std::vector<bool>& scatter = p2p_choices(m);
    const std::uint64_t alike = scatter.size() * space_.graph.size();
    const Stages& stages = tables_.stages(m.pp);
    const bool round = interleaves(m);
    for (const Stages::Cut& cut : stages.cuts) {
      m.vp = cut.chunks;
      m.first_stage_layers = cut.first;
      m.last_stage_layers = cut.last;
      const bool runs = cut.layout && (m.vp == 1 || round);
      for (step::Schedule schedule : schedules(m)) {
        m.schedule = schedule;
        for (int recomputed : recompute_layers(m, stages)) {
          m.recompute_layers = recomputed;
          if (!runs) {
            evaluator_.reject(m, Infeasible::does_not_divide, alike);
          } else if (hopeless_cut(m, candidate, cut)) {
            evaluator_.drop(m, alike);
          } else {
            visit_messages(m, candidate, *cut.layout, scatter);
          }
        }
      }
    }
  }

  bool hopeless_cut(const Mapping& m, const Candidate& candidate, const Stages::Cut& cut) const {
    if (!ordered_) return false;
    const Block& block = *candidate.block;
    const long n = micro_batches(m);
    const Seconds busy = static_cast<double>(n) * cut.fewest_layers * block.bare.layer_compute;
    return evaluator_.hopeless_pipeline(bare_pipeline(block, *cut.layout, m, n), busy);
  }

  void visit_messages(Mapping m, const Candidate& candidate, const Layout& layout,
                      const std::vector<bool>& scatter) {
    const int n = static_cast<int>(micro_batches(m));
    for (bool p2p : scatter) {
      m.p2p_scatter = p2p;
      for (bool graph : space_.graph) {
        m.graph = graph;
        evaluator_.evaluate({m, &candidate.block->costs, &layout, n});
      }
    }
  }

  const step::Context& c_;
  const Space& space_;
  const Request& r_;
  Tables& tables_;
  const bool routed_;
  const bool ordered_;  // the best guesses first, families dropped by their bounds
  Evaluator evaluator_;
  std::vector<Candidate> blocks_;
};

Space whole_space(const step::Context& context, const Space& space) {
  Space whole = space;
  if (whole.recompute.empty()) whole.recompute = default_space(context).recompute;
  return whole;
}

}  // namespace

struct Searcher::Shared {
  Shared(const step::Context& given, const Space& wished)
      : context(given), space(whole_space(given, wished)), tables(context, space) {}
  const step::Context& context;
  Space space;
  Tables tables;
};

Searcher::Searcher(const step::Context& context, const Space& space)
    : shared_(std::make_unique<Shared>(context, space)) {}
Searcher::~Searcher() = default;

Outcome Searcher::search(const Request& request) {
  TR_CHECK(request.ranks >= 1 && request.keep >= 1, request.ranks, request.keep);
  TR_CHECK(request.objective.per_second >= 0 && request.objective.per_busy_second >= 0);
  for (const Limit& limit : request.limits) {
    TR_CHECK(limit.objective.per_second >= 0 && limit.objective.per_busy_second >= 0);
  }
  return Search(shared_->context, shared_->space, shared_->tables, request).run();
}

Outcome search_mappings(const step::Context& context, const Space& space, const Request& request) {
  return Searcher(context, space).search(request);
}

}  // namespace tightrope::search
