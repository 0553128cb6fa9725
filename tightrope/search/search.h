// Exhaustive search over the mappings of one model on one system and number of chips.
//
// Every combination that the space allows is enumerated. Combinations are rejected in bulk only by
// rules that cannot be wrong: what does not divide, what does not fit in memory, and what a bound
// below its step time (formula::pipeline_bound) proves slower than plans already in hand.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "tightrope/step/estimate.h"

namespace tightrope::search {

/// Options to enumerate. An empty list of numbers means every value that divides.
struct Space {
  std::vector<int> tp, cp{1}, pp, vp, ep, etp{1}, micro_batch;
  int max_tp = 64;  ///< with an empty tp list
  int max_pp = 128, max_vp = 16, max_micro_batch = 16;
  bool uneven_stages = true;  ///< pp that does not divide the layers
  /// First and last stages set by hand hold up to this many layers fewer than the fullest stage
  /// (and at least one); 0: layers are only spread evenly. Interleaved stages are never set by
  /// hand.
  int end_relief = 0;
  std::vector<workload::ModuleSet> recompute;  ///< empty: none, and what the model can drop
  /// Quarters of a stage's layers that recompute when whole layers do (4: all of them).
  std::vector<int> recompute_quarters{4};
  std::vector<step::Sharding> sharding{step::Sharding::optimizer};
  /// Data-parallel ranks that share states (Mapping::shard_ranks): 0 for all; of the rest, those
  /// that divide dp. Empty: all, and every divisor.
  std::vector<int> shard_ranks{0};
  std::vector<double> capacity{0.0};  ///< Mapping::capacity_factor of routed models
  std::vector<step::TpComm> tp_comm{step::TpComm::sequence_parallel};
  std::vector<step::TpOverlap> tp_overlap{step::TpOverlap::none};
  std::vector<step::CpKind> cp_kind{step::CpKind::ring};
  std::vector<step::Schedule> schedule{step::Schedule::one_f_one_b};
  std::vector<bool> regather{true}, p2p_scatter{true}, dp_overlap{true}, ep_overlap{false},
      graph{false};
  std::vector<bool> offload_weights{false}, offload_activations{false}, offload_optimizer{false};
  std::vector<bool> tp_scaleout{false}, pp_scaleout{false}, dp_scaleout{false};
};

/// What a planner tries by default for a model: every parallel dimension, recompute choice and
/// overlap that frameworks offer, without deliberately bad ones (collectives forced off NVLink).
[[nodiscard]] Space default_space(const step::Context& context);

/// Score of a mapping, lower is better: weights >= 0 of its step time and of its busy time. Time
/// and rent are {1, 0}; energy and carbon are {idle watts, busy watts - idle watts}.
struct Objective {
  double per_second = 1.0;
  double per_busy_second = 0.0;
  [[nodiscard]] double of(Seconds time, Seconds busy) const {
    return per_second * time.raw() + per_busy_second * busy.raw();
  }
};

/// What a mapping must keep to be ranked: a score of its own, of at most `most`. A deadline is
/// {{1, 0}, longest step}.
struct Limit {
  Objective objective;
  double most = 0;
};

/// The weights that make the score of a mapping the energy of its step on one chip.
[[nodiscard]] Objective energy_objective(const step::Context& context);

struct Request {
  int ranks = 1;        ///< software devices: chips * ranks_per_chip
  int keep = 5;         ///< best plans to return
  bool prune = true;    ///< false: replay every mapping that fits, to prove the pruned answer
  bool singly = false;  ///< prune no family as a whole: each mapping that fits has its own bound
  double memory_share = 1.0;  ///< of device memory a plan may fill, reserve included
  Objective objective;
  std::vector<Limit> limits;
};

inline constexpr std::size_t reason_count = 7;

/// What became of the mappings. enumerated = replayed + evaluated + bounded + all infeasible.
struct Counters {
  std::uint64_t enumerated = 0;
  std::uint64_t replayed = 0;   ///< carried through the full model, pipeline replayed
  std::uint64_t evaluated = 0;  ///< full model with the pipeline's bound: already too slow
  std::uint64_t bounded = 0;    ///< with their whole family: its bound was too slow, fit or not
  std::array<std::uint64_t, reason_count> infeasible{};  ///< by step::Infeasible
  Counters& operator+=(const Counters& other);
};

struct Outcome {
  std::vector<step::Estimate> best;  ///< by score, then by mapping text
  Counters counters;
  /// Where nothing was seen to fit: the mapping that overruns memory least, and its need.
  std::optional<step::Estimate> nearest;
};

/// Searches one context and space for any number of requests; what does not depend on the number of
/// ranks is worked out once. The answer depends on nothing but context, space and request. A search
/// runs on the calling thread; one Searcher serves one thread at a time.
class Searcher {
 public:
  /// The context must outlive the Searcher.
  Searcher(const step::Context& context, const Space& space);
  ~Searcher();
  Searcher(const Searcher&) = delete;
  Searcher& operator=(const Searcher&) = delete;

  [[nodiscard]] Outcome search(const Request& request);

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

/// One search: Searcher(context, space).search(request).
[[nodiscard]] Outcome search_mappings(const step::Context& context, const Space& space,
                                      const Request& request);

}  // namespace tightrope::search
