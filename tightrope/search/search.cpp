// The middle loops: everything that shapes stages and the pipeline. Blocks are listed first
// (listing) and visited in the order of a bound on their step time, so that good plans are at hand
// early and most blocks are dropped by their bound alone; what shares a pipeline is the
// evaluator's.
#include "tightrope/search/search.h"

#include <algorithm>
#include <optional>

#include "tightrope/core/check.h"
#include "tightrope/search/evaluator_internal.h"
#include "tightrope/search/listing_internal.h"
#include "tightrope/search/tables_internal.h"

namespace tightrope::search {
namespace {

using search_internal::Block;
using search_internal::Evaluator;
using search_internal::Layout;
using search_internal::Listed;
using search_internal::Stages;
using search_internal::Tables;
using search_internal::when;
using step::Infeasible;
using step::Mapping;

const std::vector<step::Schedule> plain_only{step::Schedule::one_f_one_b};
const std::vector<int> nothing{0};
const std::vector<bool> yes{true};

class Search {
 public:
  Search(const step::Context& context, const Space& space, Tables& tables, const Request& request)
      : c_(context),
        space_(space),
        tables_(tables),
        ordered_(request.prune && !request.singly),
        evaluator_(context, space, request) {}

  Outcome run(const std::vector<Listed>& blocks) {
    visit_blocks(blocks);
    return evaluator_.outcome();
  }

 private:
  void visit_blocks(const std::vector<Listed>& blocks) {
    std::vector<std::pair<double, std::size_t>> order(blocks.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      const Listed& b = blocks[i];
      // The order of visits; the answer does not depend on it.
      order[i] = {ordered_ ? evaluator_.score(b.time, b.busy) * b.bubble : 0.0, i};
    }
    std::ranges::sort(order);
    for (const auto& [guess, index] : order) {
      const Listed& candidate = blocks[index];
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

  long micro_batches(const Mapping& m) const { return c_.job.global_batch / m.dp / m.micro_batch; }

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

  void visit_stages(const Listed& candidate) {
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

  bool hopeless_cut(const Mapping& m, const Listed& candidate, const Stages::Cut& cut) const {
    if (!ordered_) return false;
    const Block& block = *candidate.block;
    const long n = micro_batches(m);
    const Seconds busy = static_cast<double>(n) * cut.fewest_layers * block.bare.layer_compute;
    return evaluator_.hopeless_pipeline(bare_pipeline(block, *cut.layout, m, n), busy);
  }

  void visit_messages(Mapping m, const Listed& candidate, const Layout& layout,
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
  Tables& tables_;
  const bool ordered_;  // the best guesses first, families dropped by their bounds
  Evaluator evaluator_;
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
  int ranks = 0;  // that `blocks` are listed for
  std::vector<Listed> blocks;
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
  Shared& s = *shared_;
  if (s.ranks != request.ranks) {
    s.blocks = search_internal::list_blocks(s.context, s.space, s.tables, request.ranks);
    s.ranks = request.ranks;
  }
  return Search(s.context, s.space, s.tables, request).run(s.blocks);
}

Outcome search_mappings(const step::Context& context, const Space& space, const Request& request) {
  return Searcher(context, space).search(request);
}

}  // namespace tightrope::search
