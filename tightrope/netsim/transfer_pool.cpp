#include "tightrope/netsim/transfer_pool.h"

#include <algorithm>
#include <limits>

#include "tightrope/core/check.h"

namespace tightrope::netsim {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

TransferPool::TransferPool(const StepLoads& loads)
    : loads_(loads),
      on_resource_(loads.resources),
      resource_seen_(loads.resources, 0),
      resource_index_(loads.resources, 0) {}

int TransferPool::start(const Request& request, double now) {
  TR_CHECK(request.row >= 0, request.row);
  int id;
  if (free_.empty()) {
    id = static_cast<int>(active_.size());
    active_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Active& a = active_[static_cast<std::size_t>(id)];
  const double bytes = loads_.bytes[static_cast<std::size_t>(request.row)];
  const double alone = request.latency + loads_.occupancy[static_cast<std::size_t>(request.row)];
  a.row = request.row;
  a.left = bytes * request.repeats;
  a.bound = alone > 0.0 ? bytes / alone : infinity;
  a.rate = -1.0;
  a.updated = now;
  a.hidden = request.hidden;
  a.running = true;
  a.resumed = false;
  a.wide = request.wide;
  a.bottleneck = no_resource;
  wide_ += a.wide ? 1 : 0;
  for (const std::uint32_t r : loads_.resources_of(a.row)) on_resource_[r].push_back(id);
  forecasts_.clear();
  rate_around(a.row, now);
  return id;
}

void TransferPool::finish(int id, double now) {
  Active& a = active_[static_cast<std::size_t>(id)];
  TR_CHECK(a.running);
  a.running = false;
  ++a.version;
  for (const std::uint32_t r : loads_.resources_of(a.row)) {
    std::vector<int>& on = on_resource_[r];
    on.erase(std::find(on.begin(), on.end(), id));
  }
  free_.push_back(id);
  wide_ -= a.wide ? 1 : 0;
  forecasts_.clear();
  rate_around(a.row, now);
}

// New rates for all that are connected with a row.
void TransferPool::rate_around(int row, double now) {
  if (wide_ > 0) {
    collect(row, false);
    if (rate_locally(now)) return;
  }
  collect(row, true);
  rate_component(now);
}

// The transfers connected to a row through resources, in the order of their ids. Not
// `through_wide`: wide ones are met but not followed.
void TransferPool::collect(int row, bool through_wide) {
  ++epoch_;
  component_.clear();
  component_resources_.clear();
  auto visit = [&](int of_row) {
    for (const std::uint32_t r : loads_.resources_of(of_row)) {
      if (resource_seen_[r] == epoch_) continue;
      resource_seen_[r] = epoch_;
      component_resources_.push_back(r);
    }
  };
  visit(row);
  for (std::size_t next = 0; next < component_resources_.size(); ++next) {
    for (const int id : on_resource_[component_resources_[next]]) {
      Active& a = active_[static_cast<std::size_t>(id)];
      if (a.seen == epoch_) continue;
      a.seen = epoch_;
      component_.push_back(id);
      if (through_wide || !a.wide) visit(a.row);
    }
  }
  std::sort(component_.begin(), component_.end());
}

void TransferPool::set_rate(int id, double rate, double now) {
  Active& a = active_[static_cast<std::size_t>(id)];
  if (rate == a.rate) return;
  if (a.rate > 0.0) a.left = std::max(0.0, a.left - a.rate * (now - a.updated));
  a.rate = rate;
  a.updated = now;
  ++a.version;
  const double left = a.left > 0.0 ? (rate > 0.0 ? a.left / rate : infinity) : 0.0;
  forecasts_.push_back(
      {id, a.version, now + std::max(0.0, left - a.hidden), now + left, a.resumed});
}

void TransferPool::rate_component(double now) {
  if (component_.empty()) return;
  if (component_.size() == 1) {
    Active& a = active_[static_cast<std::size_t>(component_[0])];
    a.bottleneck = no_resource;
    set_rate(component_[0], a.bound, now);
    return;
  }
  bound_.clear();
  for (const int id : component_) bound_.push_back(active_[static_cast<std::size_t>(id)].bound);
  solve_component();
  for (std::size_t i = 0; i < component_.size(); ++i) {
    active_[static_cast<std::size_t>(component_[i])].bottleneck =
        bottleneck_[i] == no_resource ? no_resource : component_resources_[bottleneck_[i]];
    set_rate(component_[i], rate_[i], now);
  }
}

// A wide transfer is held up in one place. What changes elsewhere changes its neighbours there and
// nothing else, as long as they leave it the rate it has: then every transfer still has a
// bottleneck, which is what makes rates max-min fair. False when that does not hold.
bool TransferPool::rate_locally(double now) {
  bound_.clear();
  bool any_wide = false;
  for (const int id : component_) {
    const Active& a = active_[static_cast<std::size_t>(id)];
    any_wide = any_wide || a.wide;
    bound_.push_back(a.wide ? a.rate : a.bound);
    if (!a.wide) continue;
    if (a.rate < 0.0) return false;  // it has just begun
    if (a.bottleneck != no_resource && resource_seen_[a.bottleneck] == epoch_) return false;
  }
  if (!any_wide) return false;
  solve_component();
  for (std::size_t i = 0; i < component_.size(); ++i) {
    const Active& a = active_[static_cast<std::size_t>(component_[i])];
    if (a.wide && rate_[i] != a.rate) return false;
  }
  for (std::size_t i = 0; i < component_.size(); ++i) {
    Active& a = active_[static_cast<std::size_t>(component_[i])];
    if (a.wide) continue;
    a.bottleneck =
        bottleneck_[i] == no_resource ? no_resource : component_resources_[bottleneck_[i]];
    set_rate(component_[i], rate_[i], now);
  }
  return true;
}

void TransferPool::solve_component() {
  ++solves_;
  for (std::size_t i = 0; i < component_resources_.size(); ++i) {
    resource_index_[component_resources_[i]] = static_cast<std::uint32_t>(i);
  }
  capacity_.assign(component_resources_.size(), 1.0);
  begin_.assign(1, 0);
  resource_.clear();
  coefficient_.clear();
  for (const int id : component_) {
    const Active& a = active_[static_cast<std::size_t>(id)];
    const auto resources = loads_.resources_of(a.row);
    const auto coefficients = loads_.coefficients_of(a.row);
    for (std::size_t k = 0; k < resources.size(); ++k) {
      if (resource_seen_[resources[k]] != epoch_) continue;  // a wide one reaches further
      resource_.push_back(resource_index_[resources[k]]);
      coefficient_.push_back(coefficients[k]);
    }
    begin_.push_back(static_cast<std::uint32_t>(resource_.size()));
  }
  rate_.resize(component_.size());
  bottleneck_.resize(component_.size());
  solver_.solve({.capacity = capacity_,
                 .begin = begin_,
                 .resource = resource_,
                 .coefficient = coefficient_,
                 .bound = bound_},
                rate_, bottleneck_);
}

}  // namespace tightrope::netsim
