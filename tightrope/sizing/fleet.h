// One way to serve: how many workers of which deployment, and what they then do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tightrope/sizing/goal.h"
#include "tightrope/sizing/space.h"

namespace tightrope::sizing {

/// Workers alike. Of a fleet that is not disaggregated they are whole replicas.
struct Pool {
  std::size_t offer = 0;  ///< index of the system and numerics they run on
  infer::Deployment deployment;
  double workers = 0;
  int worker_chips = 1;
  double token_budget = 0;  ///< of one iteration, over the worker
  double sequences = 0;     ///< that a worker must admit at the percentile
  double rented = 0;        ///< chips, whole units
};

struct Fleet {
  bool disaggregated = false;
  Pool pool;                 ///< replicas, or workers that decode
  Pool prefill;              ///< without workers unless disaggregated
  double concurrency = 0;    ///< requests under way in each replica or decoding worker, mean
  double rate = 0;           ///< requests a second of the whole fleet
  double prefill_share = 0;  ///< of the time that workers prefill
  Joules request_energy{};   ///< at the machines
  Joules prefill_energy{};   ///< of it, by workers that only prefill
  Latency mean, high;        ///< high: at the limits' percentile
  Seconds transfer{};        ///< of a prompt's keys and values to the decoding worker
  double score = 0;
  [[nodiscard]] double chips() const {
    return pool.workers * pool.worker_chips + prefill.workers * prefill.worker_chips;
  }
  [[nodiscard]] double rented() const { return pool.rented + prefill.rented; }
  [[nodiscard]] double output_tokens_a_s_chip(const Demand& demand) const {
    return rate * demand.output / chips();
  }
  /// Tokens a second that one user sees.
  [[nodiscard]] double interactivity() const { return 1.0 / mean.tpot.raw(); }
};

/// A system in one numerics and engine, priced. `front` is the context of workers that only
/// prefill, where it differs (no drafts there); else null.
struct Offer {
  const infer::Context* context = nullptr;
  const infer::Context* front = nullptr;
  Tariff tariff;
  [[nodiscard]] const infer::Context& prefill_context() const { return front ? *front : *context; }
};

struct Settings {
  Demand demand;
  Limits limits;
  Objective objective = Objective::usd;
  Space space;
  int keep = 3;       ///< best fleets of an offer, of unlike deployments
  bool prune = true;  ///< false: evaluate every configuration, to prove the pruned answer
  /// Engines that can run static batches do: replicas whose requests start and end together.
  bool static_batches = false;
};

/// What became of the configurations.
struct Counters {
  std::uint64_t deployments = 0;     ///< that fit, priced
  std::uint64_t configurations = 0;  ///< deployment x budget x concurrency, or pair x ratio
  std::uint64_t bounded = 0;         ///< deployments x budgets that a bound proved worse
  std::uint64_t missed = 0;          ///< configurations that break a limit
  Refusals refused;                  ///< deployments, by reason
  Counters& operator+=(const Counters& other);
};

/// Throughput of a chip against what one user sees; no point is beaten in both, by interactivity.
class Front {
 public:
  void add(const Fleet& fleet, const Demand& demand);
  void add(const Front& other, const Demand& demand);
  /// Is there a point at least as good in both?
  [[nodiscard]] bool covers(double interactivity, double throughput) const;
  [[nodiscard]] const std::vector<Fleet>& fleets() const { return fleets_; }

 private:
  std::vector<double> interactivity_, throughput_;  // falling, rising
  std::vector<Fleet> fleets_;
};

/// The `keep` best by score, one of each deployment.
class Best {
 public:
  explicit Best(int keep) : keep_(static_cast<std::size_t>(keep)) {}
  void add(const Fleet& fleet);
  [[nodiscard]] bool full() const { return fleets_.size() >= keep_; }
  [[nodiscard]] double worst() const { return fleets_.back().score; }
  [[nodiscard]] const std::vector<Fleet>& fleets() const { return fleets_; }

 private:
  std::size_t keep_;
  std::vector<Fleet> fleets_;
};

/// How near the limits one came, for when nobody keeps them.
struct Reach {
  std::optional<Fleet> nearest;            ///< breaks its tightest limit least
  Tightest tightest;                       ///< of the nearest
  std::optional<Seconds> ttft, tpot, e2e;  ///< the least of each alone, at the percentile
  void note(const Fleet& fleet, const Limits& limits);
  void note(const Reach& other);
};

}  // namespace tightrope::sizing
