#include "tightrope/netsim/flows.h"

#include <algorithm>

#include "tightrope/core/check.h"

namespace tightrope::netsim {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Heaps with the least in front; equal ones by number, so that nothing depends on history.
constexpr auto later_ending = [](const auto& a, const auto& b) {
  return a.served != b.served ? a.served > b.served : a.id > b.id;
};
constexpr auto later_end = [](const auto& a, const auto& b) {
  return a.time != b.time ? a.time > b.time : a.part > b.part;
};

}  // namespace

std::uint32_t Routes::add(std::span<const std::uint32_t> resource,
                          std::span<const double> coefficient, BytesPerSecond bound) {
  TR_CHECK(coefficient.empty() || coefficient.size() == resource.size(), coefficient.size());
  TR_CHECK(bound.raw() > 0.0, bound.raw());
  std::vector<std::pair<std::uint32_t, double>> row;
  row.reserve(resource.size());
  for (std::size_t i = 0; i < resource.size(); ++i) {
    const double a = coefficient.empty() ? 1.0 : coefficient[i];
    TR_CHECK(a > 0.0 && a < infinity, a);
    row.emplace_back(resource[i], a);
    resources_ = std::max(resources_, resource[i] + 1);
  }
  std::stable_sort(row.begin(), row.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < row.size();) {
    double sum = 0.0;
    const std::uint32_t l = row[i].first;
    for (; i < row.size() && row[i].first == l; ++i) sum += row[i].second;
    rows_.add_entry(l, sum);
  }
  rows_.end_row(bound.raw());
  return size() - 1;
}

void Fluid::reset(const Routes& routes, std::span<const double> capacity, double together) {
  TR_CHECK(together >= same_instant && together < 1.0, together);
  together_ = together;
  TR_CHECK(capacity.size() >= routes.resources(), capacity.size(), routes.resources());
  const OwnedProblem& rows = routes.rows();
  routes_ = &routes;
  route_.resize(routes.size());
  for (Route& r : route_) {
    r.endings.clear();
    r.served = r.rate = r.since = r.carried = 0.0;
    r.part = no_resource;
    r.seen = 0;
  }
  resource_.resize(capacity.size());
  for (std::size_t l = 0; l < capacity.size(); ++l) {
    TR_CHECK(capacity[l] >= 0.0, l, capacity[l]);
    Resource& r = resource_[l];
    r.entries.clear();
    r.capacity = capacity[l];
    r.busy = r.busy_since = 0.0;
    r.seen = 0;
    r.dirty = false;
  }
  place_.resize(rows.resource.size());
  owner_.resize(rows.resource.size());
  for (std::uint32_t r = 0; r < routes.size(); ++r) {
    for (std::uint32_t e = rows.begin[r]; e < rows.begin[r + 1]; ++e) owner_[e] = r;
  }
  dirty_.clear();
  loose_.clear();
  free_parts_.clear();
  for (std::uint32_t p = 0; p < parts_.size(); ++p) {
    parts_[p].alive = false;
    free_parts_.push_back(p);
  }
  ends_.clear();
  stamp_ = 0;
  running_ = 0;
  solves_ = solved_ = 0;
}

void Fluid::touch(std::uint32_t resource) {
  if (resource_[resource].dirty) return;
  resource_[resource].dirty = true;
  dirty_.push_back(resource);
}

// `served` and `carried` up to now. An infinite rate serves in no time; its transfers end at once.
void Fluid::advance(Route& route, double now) {
  if (route.rate < infinity && now > route.since) {
    const double given = route.rate * (now - route.since);
    route.served += given;
    route.carried += given * static_cast<double>(route.endings.size());
  }
  route.since = now;
}

void Fluid::attach(std::uint32_t route, double now) {
  const OwnedProblem& rows = routes_->rows();
  route_[route].served = 0.0;
  route_[route].rate = 0.0;
  for (std::uint32_t e = rows.begin[route]; e < rows.begin[route + 1]; ++e) {
    Resource& r = resource_[rows.resource[e]];
    if (r.entries.empty()) r.busy_since = now;
    place_[e] = static_cast<std::uint32_t>(r.entries.size());
    r.entries.push_back(e);
  }
}

void Fluid::detach(std::uint32_t route, double now) {
  const OwnedProblem& rows = routes_->rows();
  for (std::uint32_t e = rows.begin[route]; e < rows.begin[route + 1]; ++e) {
    Resource& r = resource_[rows.resource[e]];
    place_[r.entries.back()] = place_[e];
    r.entries[place_[e]] = r.entries.back();
    r.entries.pop_back();
    if (r.entries.empty()) r.busy += now - r.busy_since;
  }
}

void Fluid::start(std::uint32_t id, std::uint32_t route, double bytes, double now) {
  TR_CHECK(bytes > 0.0 && bytes < infinity, id, bytes);
  TR_CHECK(route < route_.size(), route, route_.size());
  Route& r = route_[route];
  advance(r, now);
  if (r.endings.empty()) attach(route, now);
  for (Ending& e : r.endings) e.served -= r.served;  // keeps small numbers small
  r.served = 0.0;
  r.endings.push_back({bytes, id});
  std::push_heap(r.endings.begin(), r.endings.end(), later_ending);
  ++running_;
  const OwnedProblem& rows = routes_->rows();
  for (std::uint32_t e = rows.begin[route]; e < rows.begin[route + 1]; ++e) touch(rows.resource[e]);
  if (rows.begin[route] == rows.begin[route + 1]) loose_.push_back(route);
}

void Fluid::set_capacity(std::uint32_t resource, double capacity, double) {
  TR_CHECK(resource < resource_.size() && capacity >= 0.0, resource, capacity);
  resource_[resource].capacity = capacity;
  touch(resource);
}

void Fluid::leave_part(const Route& route) {
  if (route.part == no_resource) return;
  Part& part = parts_[route.part];
  if (!part.alive || part.age != route.part_age) return;
  part.alive = false;
  free_parts_.push_back(route.part);
}

// All routes that hang together with one, through finite resources; numbers those resources.
void Fluid::gather(std::uint32_t first, double now) {
  const OwnedProblem& rows = routes_->rows();
  gathered_.assign(1, first);
  route_[first].seen = stamp_;
  problem_.capacity.clear();
  for (std::size_t head = 0; head < gathered_.size(); ++head) {
    const std::uint32_t r = gathered_[head];
    leave_part(route_[r]);
    advance(route_[r], now);
    for (std::uint32_t e = rows.begin[r]; e < rows.begin[r + 1]; ++e) {
      Resource& l = resource_[rows.resource[e]];
      if (l.seen == stamp_ || l.capacity == infinity) continue;
      l.seen = stamp_;
      l.local = static_cast<std::uint32_t>(problem_.capacity.size());
      problem_.capacity.push_back(l.capacity);
      for (const std::uint32_t entry : l.entries) {
        const std::uint32_t other = owner_[entry];
        if (route_[other].seen == stamp_) continue;
        route_[other].seen = stamp_;
        gathered_.push_back(other);
      }
    }
  }
}

void Fluid::solve_one(std::uint32_t route) {
  const OwnedProblem& rows = routes_->rows();
  Route& r = route_[route];
  r.rate = rows.bound[route];
  for (std::uint32_t e = rows.begin[route]; e < rows.begin[route + 1]; ++e) {
    const double load = rows.coefficient[e] * static_cast<double>(r.endings.size());
    r.rate = std::min(r.rate, resource_[rows.resource[e]].capacity / load);
  }
}

// One variable for each route: its transfers have one rate, so they load a resource together.
void Fluid::solve_gathered() {
  const OwnedProblem& rows = routes_->rows();
  ++solves_;
  solved_ += gathered_.size();
  if (gathered_.size() == 1) return solve_one(gathered_[0]);
  problem_.begin.assign(1, 0);
  problem_.resource.clear();
  problem_.coefficient.clear();
  problem_.bound.clear();
  bool bounded = false;
  for (const std::uint32_t r : gathered_) {
    const auto count = static_cast<double>(route_[r].endings.size());
    for (std::uint32_t e = rows.begin[r]; e < rows.begin[r + 1]; ++e) {
      const Resource& l = resource_[rows.resource[e]];
      if (l.capacity < infinity) problem_.add_entry(l.local, rows.coefficient[e] * count);
    }
    problem_.end_row(rows.bound[r]);
    bounded = bounded || rows.bound[r] < infinity;
  }
  rate_.resize(gathered_.size());
  MaxMinProblem view = problem_.view();
  if (!bounded) view.bound = {};
  solver_.solve(view, rate_);
  for (std::size_t i = 0; i < gathered_.size(); ++i) route_[gathered_[i]].rate = rate_[i];
}

void Fluid::publish(double now) {
  if (free_parts_.empty()) {
    free_parts_.push_back(static_cast<std::uint32_t>(parts_.size()));
    parts_.emplace_back();
  }
  const std::uint32_t number = free_parts_.back();
  free_parts_.pop_back();
  Part& part = parts_[number];
  part.alive = true;
  ++part.age;
  part.routes = gathered_;
  part.end = infinity;
  for (const std::uint32_t r : gathered_) {
    Route& route = route_[r];
    route.part = number;
    route.part_age = part.age;
    if (route.rate == 0.0) continue;
    const double left = std::max(route.endings.front().served - route.served, 0.0);
    part.end = std::min(part.end, now + (route.rate == infinity ? 0.0 : left / route.rate));
  }
  if (part.end == infinity) return;
  ends_.push_back({part.end, number, part.age});
  std::push_heap(ends_.begin(), ends_.end(), later_end);
}

void Fluid::settle(double now) {
  if (dirty_.empty() && loose_.empty()) return;
  ++stamp_;
  const auto solve_around = [&](std::uint32_t route) {
    if (route_[route].seen == stamp_ || route_[route].endings.empty()) return;
    gather(route, now);
    solve_gathered();
    publish(now);
  };
  for (const std::uint32_t r : loose_) solve_around(r);
  for (const std::uint32_t l : dirty_) {
    resource_[l].dirty = false;
    for (const std::uint32_t entry : resource_[l].entries) solve_around(owner_[entry]);
  }
  dirty_.clear();
  loose_.clear();
}

double Fluid::next_end() {
  while (!ends_.empty()) {
    const End& e = ends_.front();
    if (parts_[e.part].alive && parts_[e.part].age == e.age) return e.time;
    std::pop_heap(ends_.begin(), ends_.end(), later_end);
    ends_.pop_back();
  }
  return infinity;
}

void Fluid::end_front(std::uint32_t route, double now, std::vector<std::uint32_t>& ended) {
  const OwnedProblem& rows = routes_->rows();
  Route& r = route_[route];
  for (std::uint32_t e = rows.begin[route]; e < rows.begin[route + 1]; ++e) touch(rows.resource[e]);
  if (rows.begin[route] == rows.begin[route + 1]) loose_.push_back(route);
  std::pop_heap(r.endings.begin(), r.endings.end(), later_ending);
  ended.push_back(r.endings.back().id);
  r.carried += r.endings.back().served - r.served;  // what rounding, or an infinite rate, left
  r.endings.pop_back();
  --running_;
  if (r.endings.empty()) detach(route, now);
}

void Fluid::end_part(const Part& part, double now, std::vector<std::uint32_t>& ended) {
  const std::size_t before = ended.size();
  std::uint32_t nearest = no_resource;
  double nearest_time = infinity;
  for (const std::uint32_t number : part.routes) {
    Route& r = route_[number];
    advance(r, now);
    if (r.rate == 0.0) continue;
    const double time = (r.endings.front().served - r.served) / r.rate;
    if (time < nearest_time) {
      nearest = number;
      nearest_time = time;
    }
    while (!r.endings.empty()) {
      const double end = r.endings.front().served;
      if (r.rate < infinity && end - r.served > (end + r.rate * now) * together_) break;
      end_front(number, now, ended);
    }
  }
  if (ended.size() == before) end_front(nearest, now, ended);
}

void Fluid::collect(double now, std::vector<std::uint32_t>& ended) {
  while (next_end() <= now * (1.0 + together_)) {
    Part& part = parts_[ends_.front().part];
    part.alive = false;
    free_parts_.push_back(ends_.front().part);
    end_part(part, now, ended);
  }
}

std::vector<Fluid::Running> Fluid::running(double now) const {
  std::vector<Running> all;
  for (const Route& r : route_) {
    const double served =
        r.served + (r.rate < infinity && !r.endings.empty() ? r.rate * (now - r.since) : 0.0);
    for (const Ending& e : r.endings)
      all.push_back({e.id, std::max(e.served - served, 0.0), r.rate});
  }
  return all;
}

double Fluid::busy(std::uint32_t resource, double now) const {
  const Resource& r = resource_[resource];
  return r.busy + (r.entries.empty() ? 0.0 : now - r.busy_since);
}

std::vector<double> Fluid::carried(double now) const {
  const OwnedProblem& rows = routes_->rows();
  std::vector<double> bytes(resource_.size(), 0.0);
  for (std::uint32_t r = 0; r < route_.size(); ++r) {
    const Route& route = route_[r];
    double given = route.carried;
    if (!route.endings.empty() && route.rate < infinity)
      given += route.rate * (now - route.since) * static_cast<double>(route.endings.size());
    for (std::uint32_t e = rows.begin[r]; e < rows.begin[r + 1]; ++e)
      bytes[rows.resource[e]] += rows.coefficient[e] * given;
  }
  return bytes;
}

}  // namespace tightrope::netsim
