#include "tightrope/serving/simulate.h"

#include <string>

#include "tightrope/serving/engine_internal.h"

namespace tightrope::serving {
namespace {

Result<void> check_times(const ReplicaKind& kind) {
  const formula::IterationTimes& t = kind.times;
  if (t.by_tokens.size() < 2 || t.by_yields.size() < 2) {
    return fail(ErrorCode::range, "replica '" + kind.name + "': tables of times need two entries");
  }
  Ticks before = 0;
  for (std::size_t i = 1; i < t.by_tokens.size(); ++i) {
    if (t.by_tokens[i].time < std::max<Ticks>(before, 1)) {
      return fail(ErrorCode::range,
                  "replica '" + kind.name + "': times of an iteration must be above 0 and rise");
    }
    before = t.by_tokens[i].time;
  }
  const auto share = kind.scheduler.token_budget / std::max<std::int64_t>(t.groups, 1);
  if (t.groups < 1 || (t.groups > 1 && t.by_group.size() < 2) ||
      share < 1 + kind.scheduler.draft_tokens) {
    return fail(ErrorCode::range, "replica '" + kind.name +
                                      "': groups start at 1; several need times, and tokens each");
  }
  return {};
}

Result<void> check_kind(const ReplicaKind& kind, const Load& load) {
  const SchedulerOptions& s = kind.scheduler;
  const std::string name = "replica '" + kind.name + "': ";
  TR_TRY_VOID(check_times(kind));
  if (kind.count < 0 || kind.weight <= 0.0) {
    return fail(ErrorCode::range, name + "count must not be negative, weight must be above 0");
  }
  if (s.token_budget < 1 + s.draft_tokens || s.max_sequences < 1 || s.block_tokens < 1) {
    return fail(ErrorCode::range, name + "token budget, sequences and block must be above 0");
  }
  if (s.poll_steps < 1) return fail(ErrorCode::range, name + "steps between looks start at 1");
  if (s.ahead_steps < 0) {
    return fail(ErrorCode::range, name + "iterations launched ahead must not be below 0");
  }
  if (s.draft_tokens < 0 || s.accepted < 0.0 || s.accepted > static_cast<double>(s.draft_tokens)) {
    return fail(ErrorCode::range, name + "accepted drafts must lie in [0, draft tokens]");
  }
  if (s.yields.size() > static_cast<std::size_t>(s.draft_tokens) + 1) {
    return fail(ErrorCode::range, name + "an iteration cannot yield more than drafts and one");
  }
  if (s.static_batches &&
      (s.mixed || s.prefix_cache || s.chunked_prefill || s.capacity != Capacity::whole_output ||
       kind.role != Role::whole || s.watermark > 0.0 || s.batch_wait.raw() < 0.0)) {
    return fail(ErrorCode::conflict,
                name +
                    "static batches prefill whole prompts together on replicas that also "
                    "decode, without a prefix cache, for whole outputs");
  }
  if (s.buckets_cache && !s.static_batches) {
    return fail(ErrorCode::conflict, name + "only static batches read their cache in buckets");
  }
  if (s.preemption == Preemption::swap && kind.limits.swap.raw() <= 0.0) {
    return fail(ErrorCode::conflict, name + "there is no host memory to swap to", {},
                "drop --preemption swap");
  }
  if (s.watermark < 0.0 || s.watermark >= 1.0) {
    return fail(ErrorCode::range, name + "watermark must lie in [0, 1)");
  }
  if (kind.limits.kv_tokens < s.block_tokens) {
    return fail(ErrorCode::range, name + "no block of keys and values fits");
  }
  if (load.content_tokens % s.block_tokens != 0 && s.block_tokens % load.content_tokens != 0) {
    return fail(ErrorCode::conflict, name + "blocks of content and pages do not divide", {},
                "choose a block of tokens that divides the trace's, or is a multiple of it");
  }
  if (kind.role == Role::prefill && kind.limits.transfer.raw() <= 0.0) {
    return fail(ErrorCode::conflict, name + "hands over keys and values but cannot send them");
  }
  return {};
}

Result<void> check_fleet(const Fleet& fleet, const Load& load) {
  bool prefills = false, decodes = false, takes_requests = false;
  std::int64_t replicas = 0;
  for (const ReplicaKind& kind : fleet.kinds) {
    TR_TRY_VOID(check_kind(kind, load));
    prefills = prefills || kind.role == Role::prefill;
    decodes = decodes || kind.role == Role::decode;
    takes_requests = takes_requests || kind.role != Role::decode;
    const Autoscaling& a = kind.autoscaling;
    if (a.is_on && (a.least < 1 || a.most < a.least || a.target <= 0.0 || a.interval.raw() <= 0.0 ||
                    kind.count > a.most)) {
      return fail(ErrorCode::range,
                  "autoscaling needs 1 <= least <= most, count <= most, "
                  "a target and an interval above 0");
    }
    replicas += kind.most_replicas();
  }
  if (!takes_requests) return fail(ErrorCode::conflict, "no replica takes requests");
  if (prefills != decodes) {
    return fail(ErrorCode::conflict, "replicas that prefill and that decode need each other");
  }
  for (const ReplicaFailure& f : fleet.failures.listed) {
    if (f.replica >= 0 && f.replica < replicas) continue;
    return fail(ErrorCode::range, "failure of a replica that is not there");
  }
  return {};
}

}  // namespace

Source trace_source(const traffic::Trace& trace) {
  return [&trace, at = std::size_t{0}](Arrival& next) mutable {
    if (at >= trace.requests.size()) return false;
    next.request = trace.requests[at++];
    next.content = std::span<const std::uint32_t>(trace.blocks)
                       .subspan(next.request.first_block, next.request.block_count);
    return true;
  };
}

Result<ServingResult> simulate(const Fleet& fleet, const Load& load, const RunOptions& options) {
  TR_TRY_VOID(check_fleet(fleet, load));
  if (!load.source || load.concurrency < 0 || load.content_tokens < 1) {
    return fail(ErrorCode::range, "a load needs a source, and no negative concurrency");
  }
  Engine engine(fleet, load, options);
  return engine.run();
}

}  // namespace tightrope::serving
