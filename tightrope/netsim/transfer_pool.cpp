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
  for (const std::uint32_t r : loads_.resources_of(a.row)) on_resource_[r].push_back(id);
  forecasts_.clear();
  collect(a.row);
  if (component_.empty()) component_.push_back(id);  // a row without resources
  rate_component(now);
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
  forecasts_.clear();
  collect(a.row);
  rate_component(now);
}

// The transfers connected to a row through resources, in the order of their ids.
void TransferPool::collect(int row) {
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
      visit(a.row);
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
  forecasts_.push_back({id, a.version, now + std::max(0.0, left - a.hidden), now + left, a.resumed});
}

void TransferPool::rate_component(double now) {
  if (component_.empty()) return;
  if (component_.size() == 1) {
    set_rate(component_[0], active_[static_cast<std::size_t>(component_[0])].bound, now);
    return;
  }
  ++solves_;
  for (std::size_t i = 0; i < component_resources_.size(); ++i) {
    resource_index_[component_resources_[i]] = static_cast<std::uint32_t>(i);
  }
  capacity_.assign(component_resources_.size(), 1.0);
  begin_.assign(1, 0);
  resource_.clear();
  coefficient_.clear();
  bound_.clear();
  for (const int id : component_) {
    const Active& a = active_[static_cast<std::size_t>(id)];
    const auto resources = loads_.resources_of(a.row);
    const auto coefficients = loads_.coefficients_of(a.row);
    for (std::size_t k = 0; k < resources.size(); ++k) {
      resource_.push_back(resource_index_[resources[k]]);
      coefficient_.push_back(coefficients[k]);
    }
    begin_.push_back(static_cast<std::uint32_t>(resource_.size()));
    bound_.push_back(a.bound);
  }
  rate_.resize(component_.size());
  solver_.solve({.capacity = capacity_,
                 .begin = begin_,
                 .resource = resource_,
                 .coefficient = coefficient_,
                 .bound = bound_},
                rate_);
  for (std::size_t i = 0; i < component_.size(); ++i) set_rate(component_[i], rate_[i], now);
}

}  // namespace tightrope::netsim
