// Transfers as fluids on shared resources: at every moment each runs at its max-min fair rate.
// The clock belongs to the caller (netsim/task_graph.h is one).
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tightrope/core/units.h"
#include "tightrope/netsim/maxmin.h"

namespace tightrope::netsim {

/// Instants that differ by less than this, relatively, are one: flows that end together in exact
/// arithmetic end together here.
inline constexpr double same_instant = 1e-13;

/// Ways through the network, each a row of (resource, load per unit of a transfer's rate).
/// Transfers with the same row should share one route: they are then solved once.
class Routes {
 public:
  /// Adds a row. Coefficients > 0, empty: all 1; a resource that stands twice counts twice; rows
  /// are kept by resource. `bound`: the fastest that one transfer may go, > 0. Returns the route's
  /// number, from 0 on.
  std::uint32_t add(std::span<const std::uint32_t> resource,
                    std::span<const double> coefficient = {},
                    BytesPerSecond bound = BytesPerSecond(std::numeric_limits<double>::infinity()));

  [[nodiscard]] std::uint32_t size() const {
    return static_cast<std::uint32_t>(rows_.begin.size() - 1);
  }
  /// The rows; `capacity` is empty.
  [[nodiscard]] const OwnedProblem& rows() const { return rows_; }
  /// One more than the largest resource number in a row; 0 without rows.
  [[nodiscard]] std::uint32_t resources() const { return resources_; }

 private:
  OwnedProblem rows_;
  std::uint32_t resources_ = 0;
};

/// What runs on the routes now. Only the part of the network that hangs together with a change is
/// solved again. All times are on the caller's clock, in seconds, and never go back.
class Fluid {
 public:
  /// Empties the network. `routes` must outlive this; `capacity` is copied: bytes/s, >= 0, infinity
  /// allowed, one for each resource that a route names. `together` in [same_instant, 1): transfers
  /// that would end within this of an instant, relatively, end at it.
  void reset(const Routes& routes, std::span<const double> capacity,
             double together = same_instant);

  /// Transfer `id` (the caller's number) of `bytes` > 0 begins on a route.
  void start(std::uint32_t id, std::uint32_t route, double bytes, double now);
  /// A resource gets faster, slower, or fails (0).
  void set_capacity(std::uint32_t resource, double capacity, double now);
  /// Brings rates up to date after starts, ends and changes at `now`.
  void settle(double now);
  /// When the next transfer ends if nothing else happens; infinity: none ever does. After `settle`.
  [[nodiscard]] double next_end();
  /// Takes out what ends at `now`, the time that `next_end` gave, and appends its ids to `ended`.
  void collect(double now, std::vector<std::uint32_t>& ended);

  struct Running {
    std::uint32_t id = 0;
    double bytes_left = 0.0;
    double rate = 0.0;  ///< bytes/s
  };
  /// What has not ended, by route. After `settle`.
  [[nodiscard]] std::vector<Running> running(double now) const;
  [[nodiscard]] std::size_t running_count() const { return running_; }
  /// Time in which a resource had at least one transfer on it, up to `now`.
  [[nodiscard]] double busy(std::uint32_t resource, double now) const;
  /// Bytes that a resource has carried up to `now`, coefficients included.
  [[nodiscard]] std::vector<double> carried(double now) const;
  /// Problems solved since `reset`, and variables in them.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> solved() const {
    return {solves_, solved_};
  }

 private:
  struct Ending {
    double served = 0.0;  ///< ends when the route has served this much to each
    std::uint32_t id = 0;
  };
  struct Route {
    std::vector<Ending> endings;  ///< a heap, the next one first
    double served = 0.0;          ///< bytes given to each transfer since the route was last empty
    double rate = 0.0;            ///< of one transfer
    double since = 0.0;           ///< when `served` was true
    double carried = 0.0;         ///< bytes of all its transfers up to `since`
    std::uint32_t part = no_resource;
    std::uint32_t part_age = 0;
    std::uint32_t seen = 0;
  };
  struct Resource {
    std::vector<std::uint32_t> entries;  ///< of routes with transfers
    double capacity = 0.0;
    double busy = 0.0;
    double busy_since = 0.0;
    std::uint32_t seen = 0;
    std::uint32_t local = 0;  ///< its number in the problem being solved
    bool dirty = false;
  };
  /// Routes that hang together, solved together, with the first end among them.
  struct Part {
    std::vector<std::uint32_t> routes;
    double end = 0.0;
    std::uint32_t age = 0;  ///< counts how often the number was used
    bool alive = false;
  };
  struct End {
    double time = 0.0;
    std::uint32_t part = 0;
    std::uint32_t age = 0;
  };

  void advance(Route& route, double now);
  void attach(std::uint32_t route, double now);
  void detach(std::uint32_t route, double now);
  void touch(std::uint32_t resource);
  void gather(std::uint32_t route, double now);
  void solve_gathered();
  void solve_one(std::uint32_t route);
  void publish(double now);
  void leave_part(const Route& route);
  void end_front(std::uint32_t route, double now, std::vector<std::uint32_t>& ended);
  void end_part(const Part& part, double now, std::vector<std::uint32_t>& ended);

  const Routes* routes_ = nullptr;
  std::vector<Route> route_;
  std::vector<Resource> resource_;
  std::vector<std::uint32_t> place_;  ///< of each entry in its resource's list
  std::vector<std::uint32_t> owner_;  ///< route of each entry
  std::vector<std::uint32_t> dirty_;
  std::vector<std::uint32_t> loose_;  ///< dirty routes without any finite resource
  std::vector<Part> parts_;
  std::vector<std::uint32_t> free_parts_;
  std::vector<End> ends_;  ///< a heap
  std::vector<std::uint32_t> gathered_;
  OwnedProblem problem_;
  std::vector<double> rate_;
  MaxMin solver_;
  double together_ = same_instant;
  std::uint32_t stamp_ = 0;
  std::size_t running_ = 0;
  std::uint64_t solves_ = 0;
  std::uint64_t solved_ = 0;
};

}  // namespace tightrope::netsim
