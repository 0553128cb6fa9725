// A fleet that serves one model: replicas by kind, how requests find them, how their number
// changes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tightrope/core/units.h"
#include "tightrope/formula/iteration_times.h"
#include "tightrope/serving/scheduler.h"

namespace tightrope::serving {

enum class Role {
  whole,    ///< prefills and decodes
  prefill,  ///< hands keys and values over after the first token
  decode,   ///< takes them over
};

/// Every `interval` the number of a kind's replicas is set so that each has `target` requests:
/// those that it holds, and those that wait for one of its role to take them.
struct Autoscaling {
  bool is_on = false;
  Seconds interval{30.0};
  double target = 32.0;  ///< requests outstanding a replica
  std::int64_t least = 1, most = 1;
  Seconds warm_up{120.0};    ///< from the order to the first request; paid for
  Seconds cool_down{300.0};  ///< after growing, before shrinking
};

struct ReplicaKind {
  std::string name;
  formula::IterationTimes times;
  formula::ReplicaLimits limits;
  SchedulerOptions scheduler;
  std::int64_t count = 1;
  Role role = Role::whole;
  double weight = 1.0;  ///< least_load compares outstanding requests divided by it
  Autoscaling autoscaling;
  [[nodiscard]] std::int64_t most_replicas() const {
    return autoscaling.is_on ? autoscaling.most : count;
  }
};

enum class Routing {
  round_robin,
  least_load,    ///< fewest requests outstanding, for its weight
  prefix_aware,  ///< the replica that saw most of the prompt, unless it is far busier than others
  session,       ///< the same replica for a session; least_load for requests without one
};

/// SGLang's router (sgl-router, cache-aware policy): to the replica whose remembered prompts share
/// at least `match` of this one, while its load exceeds neither the least by `imbalance` requests
/// nor the least times `imbalance_ratio`.
struct PrefixRouting {
  double match = 0.3;
  std::int64_t imbalance = 64;
  double imbalance_ratio = 1.5;
  std::int64_t memory = 1 << 20;  ///< blocks of content it remembers, about
};

struct ReplicaFailure {
  std::int64_t replica = 0;  ///< counted over kinds in their order
  Seconds at{}, repair{};    ///< repair 0: never comes back
};

/// A failed replica loses its requests; each is sent again from its start.
struct Failures {
  std::vector<ReplicaFailure> listed;
  Seconds mean_time_between{};  ///< of one replica, exponential; 0: none
  Seconds repair{600.0};
  std::uint64_t seed = 1;
  Seconds retry_delay{};
  std::int64_t most_retries = 3;
};

struct Fleet {
  std::vector<ReplicaKind> kinds;
  Routing routing = Routing::least_load;
  PrefixRouting prefix;
  Failures failures;
};

[[nodiscard]] const char* to_string(Role role);
[[nodiscard]] const char* to_string(Routing routing);

}  // namespace tightrope::serving
