#include <algorithm>
#include <limits>

#include "tightrope/serving/router_internal.h"

namespace tightrope::serving {
namespace {

constexpr double closed = std::numeric_limits<double>::infinity();

}  // namespace

Router::Router(Routing routing, const PrefixRouting& prefix, std::size_t replicas)
    : routing_(routing),
      prefix_(prefix),
      weights_(replicas, 0.0),
      outstanding_(replicas, 0),
      loads_(replicas, closed) {}

void Router::open(std::uint32_t replica, double weight, std::int64_t outstanding) {
  if (weights_[replica] > 0.0) return;
  weights_[replica] = weight;
  open_.insert(std::lower_bound(open_.begin(), open_.end(), replica), replica);
  load_changes(replica, outstanding);
}

void Router::close(std::uint32_t replica) {
  if (weights_[replica] == 0.0) return;
  weights_[replica] = 0.0;
  open_.erase(std::lower_bound(open_.begin(), open_.end(), replica));
  loads_.set(replica, closed);
}

void Router::load_changes(std::uint32_t replica, std::int64_t outstanding) {
  outstanding_[replica] = outstanding;
  if (routing_ == Routing::round_robin || weights_[replica] == 0.0) return;
  loads_.set(replica, static_cast<double>(outstanding + 1) / weights_[replica]);
}

std::uint32_t Router::next_in_turn() {
  if (turn_ >= open_.size()) turn_ = 0;
  return open_[turn_++];
}

std::uint32_t Router::by_prefix(const Flight& f) {
  const std::uint32_t least = loads_.best();
  for (std::size_t known = f.keys.size(); known > 0; --known) {
    const std::uint64_t key = f.keys[known - 1];
    auto found = seen_.find(key);
    if (found == seen_.end()) {
      found = seen_before_.find(key);
      if (found == seen_before_.end()) continue;
    }
    const std::uint32_t replica = found->second;
    const double share = static_cast<double>(known) / static_cast<double>(f.keys.size());
    const std::int64_t most =
        std::max(outstanding_[least] + prefix_.imbalance,
                 static_cast<std::int64_t>(prefix_.imbalance_ratio *
                                           static_cast<double>(outstanding_[least])));
    if (share >= prefix_.match && weights_[replica] > 0.0 && outstanding_[replica] <= most) {
      return replica;
    }
    return least;
  }
  return least;
}

void Router::remember(const Flight& f, std::uint32_t replica) {
  for (const std::uint64_t key : f.keys) seen_[key] = replica;
  if (static_cast<std::int64_t>(seen_.size()) < prefix_.memory / 2) return;
  seen_before_ = std::move(seen_);
  seen_.clear();
}

std::uint32_t Router::pick(const Flight& f) {
  if (open_.empty()) return nobody;
  switch (routing_) {
    case Routing::round_robin: return next_in_turn();
    case Routing::least_load: return loads_.best();
    case Routing::session: {
      if (f.session < 0) return loads_.best();
      const std::uint64_t mixed = static_cast<std::uint64_t>(f.session) * 0x9e3779b97f4a7c15ULL;
      return open_[(mixed >> 32) % open_.size()];
    }
    case Routing::prefix_aware: {
      const std::uint32_t replica = by_prefix(f);
      remember(f, replica);
      return replica;
    }
  }
  return nobody;
}

const char* to_string(Role role) {
  switch (role) {
    case Role::whole: return "whole";
    case Role::prefill: return "prefill";
    case Role::decode: return "decode";
  }
  return "";
}

const char* to_string(Routing routing) {
  switch (routing) {
    case Routing::round_robin: return "round_robin";
    case Routing::least_load: return "least_load";
    case Routing::prefix_aware: return "prefix_aware";
    case Routing::session: return "session";
  }
  return "";
}

}  // namespace tightrope::serving
