// The inner half of the search: all mappings that share one pipeline (one step::Basis), and the
// best of what was seen.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "tightrope/search/search.h"

namespace tightrope::search::search_internal {

struct Candidate {
  double score = 0;
  step::Mapping mapping;
};

/// The best few candidates, by score and then by the mapping's text: the same whatever the order
/// in which they come.
class Ranking {
 public:
  explicit Ranking(int keep) : keep_(keep) {}
  /// Score of the last place; infinity while there are places left.
  [[nodiscard]] double worst() const { return worst_; }
  void offer(const step::Mapping& mapping, double score);
  [[nodiscard]] const std::vector<Candidate>& best() const { return best_; }

 private:
  int keep_;
  double worst_ = std::numeric_limits<double>::infinity();
  std::vector<Candidate> best_;
};

struct Offload {
  bool weights, activations, optimizer;
  /// True when `other` moves all that this one moves: it is never faster
  /// (Step.OffloadNeverMakesAStepFaster).
  [[nodiscard]] bool within(const Offload& other) const {
    return (other.weights || !weights) && (other.activations || !activations) &&
           (other.optimizer || !optimizer);
  }
};

/// Options that share a basis. They depend on the mapping only through three yes-or-no questions.
struct InnerOptions {
  std::vector<step::Sharding> unshared;  ///< at most `none`, to which groups mean nothing
  std::vector<step::Sharding> sharding;
  std::vector<bool> dp_nets, pp_nets, dp_overlap;
  std::vector<Offload> offloads;  ///< each after all that are within it
  std::uint64_t hostless = 0;     ///< offloads that the machine has no host link for

  /// Mappings for one sharding and one choice of offloads.
  [[nodiscard]] std::uint64_t times() const {
    return dp_nets.size() * pp_nets.size() * dp_overlap.size();
  }
  /// Mappings for one choice of offloads, where states can be shared in so many ways.
  [[nodiscard]] std::uint64_t without_offload(std::size_t groups) const {
    return (unshared.size() + sharding.size() * groups) * times();
  }
};

/// What families of mappings have in common, as the outer loops know it.
struct Family {
  step::Mapping mapping;  ///< without sharding, data-parallel options, offload and NICs
  const step::BlockCosts* costs = nullptr;
  const std::vector<step::StageLayers>* layout = nullptr;
  int micro_batches = 1;
};

/// Carries families through the model: memory first, then bounds, then the replayed pipeline.
class Evaluator {
 public:
  Evaluator(const step::Context& context, const Space& space, const Request& request);

  void evaluate(const Family& family);
  /// Counts families like the mapping's as infeasible.
  void reject(const step::Mapping& mapping, step::Infeasible reason, std::uint64_t families = 1);
  /// Counts families like the mapping's as too slow by their bound.
  void drop(const step::Mapping& mapping, std::uint64_t families);
  [[nodiscard]] double score(Seconds time, Seconds busy) const {
    return r_.objective.of(time, busy);
  }
  /// True when no mapping whose pipeline takes and computes at least so long can come into the
  /// ranking.
  [[nodiscard]] bool hopeless_pipeline(Seconds time, Seconds busy) const {
    return hopeless(waiting_ * time + fixed_, busy);
  }
  [[nodiscard]] Outcome outcome() const;

 private:
  /// A pipeline under one message time.
  struct TimedPipeline {
    Seconds hop{};
    formula::PipelineTime bound;
    std::optional<formula::PipelineTime> exact;
    [[nodiscard]] const formula::PipelineTime& best_known() const { return exact ? *exact : bound; }
  };

  [[nodiscard]] const InnerOptions& options_of(const step::Mapping& mapping) const;
  /// Choices of Mapping::shard_ranks, the most ranks first.
  [[nodiscard]] const std::vector<int>& groups_of(int dp);
  /// What became of one sharding. Fewer ranks that share need no less memory and no less time for
  /// their states, so that what does not fit or is too slow stays so for them.
  enum class Shared { searched, does_not_fit, too_slow };
  Shared search_sharding(const step::Mapping& mapping, const InnerOptions& options);
  void search_groups(step::Mapping mapping, const InnerOptions& options);
  /// The offloads that fit; the others are counted.
  void find_fitting(step::Mapping mapping, const InnerOptions& options);
  void search_networks(step::Mapping mapping, const InnerOptions& options);
  /// True when the family is too slow by its pipeline alone: by its bound or, where one message
  /// time is all there is, replayed.
  [[nodiscard]] bool too_slow_pipeline(step::Mapping mapping, const InnerOptions& options);
  /// True when all that fit are too slow even if their gradients and parameters took no time.
  [[nodiscard]] bool too_slow_unsynced(step::Mapping mapping, const InnerOptions& options);
  /// True when an offload already found too slow is within this one.
  [[nodiscard]] bool known_slow(const Offload& offload) const;
  /// True when no step that takes and computes at least so long can come into the ranking.
  [[nodiscard]] bool hopeless(Seconds time, Seconds busy) const;
  void search_switches(step::Mapping mapping, const InnerOptions& options, TimedPipeline& pipeline);
  [[nodiscard]] TimedPipeline& pipeline_of(const step::Mapping& mapping);
  [[nodiscard]] formula::UnevenPipeline uneven(Seconds hop) const;
  /// The mapping at hand, if it keeps all limits.
  void offer(const step::Mapping& mapping, Seconds time);
  void count(step::Infeasible reason, std::uint64_t mappings) {
    counters_.infeasible[static_cast<std::size_t>(reason)] += mappings;
  }

  const step::Context& c_;
  const Request& r_;
  const Bytes memory_;
  const Seconds fixed_;   ///< of a step, whatever its pipeline
  const double waiting_;  ///< a step's time over its pipeline's, at least
  const std::vector<int>& wished_groups_;
  bool connected_ = true;  ///< the fabric reaches all ranks
  std::array<InnerOptions, 8> options_;
  std::map<int, std::vector<int>> groups_;  ///< by dp
  int asked_dp_ = 0;                        ///< neighbours in the order of visits mostly share dp
  const std::vector<int>* asked_groups_ = nullptr;
  Counters counters_;
  Ranking ranking_;
  bool fits_ = false;  ///< something does
  std::optional<step::Mapping> nearest_;
  Bytes nearest_need_{};

  // Of the family at hand.
  step::Basis basis_;
  step::SyncCost sync_;
  Seconds busy_{};  ///< that the busiest stage computes
  std::vector<Offload> fitting_, slow_;
  std::vector<TimedPipeline> pipelines_;
};

}  // namespace tightrope::search::search_internal
