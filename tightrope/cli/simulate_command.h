// `tightrope simulate serving`: a served fleet, request by request.
#pragma once

#include <cstdint>
#include <string>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

/// Replicas of one pool, as words of the command line.
struct PoolWords {
  std::string system, numerics, engine, scheduler;
  int tp = 0, pp = 0, dp = 0, ep = 0;  ///< 0: not said
  std::int64_t replicas = 0;
};

struct SimulateServingOptions {
  std::string model, fleet, plan;
  int pick = 1;  ///< of the plan's plans
  PoolWords pool;
  PoolWords prefill;  ///< what differs of replicas that only prefill
  PoolWords decode;
  int drafts = 0;
  std::string accepted, batch_wait;
  double acceptance = -1;  ///< below 0: not said
  std::int64_t token_budget = 0, max_sequences = 0, block_size = 0;
  bool no_prefix_cache = false;
  std::int64_t poll_steps = 0;  ///< 0: not said
  std::string preemption;

  std::string trace, traffic;
  double rate = 0, input = 0, output = 0;
  std::int64_t requests = 0;  ///< 0: not said
  std::int64_t seed = -1;     ///< -1: not said
  double rate_scale = 0;
  std::int64_t concurrency = 0, warm_up = 0;

  std::string routing, autoscale;
  double autoscale_target = 0;
  std::string mtbf, repair;
  std::string slo_ttft, slo_tpot, slo_e2e;
  std::string region, term;
  std::string json, csv, html, timeline;
};

/// Simulates and prints. Errors: those of the options, files and the fleet. A run that is stopped
/// by SIGINT prints what it has and exits 1.
int run_simulate_serving(const Session& session, const SimulateServingOptions& options);

}  // namespace tightrope::cli
