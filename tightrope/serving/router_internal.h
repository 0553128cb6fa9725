// Which replica of a pool gets a request.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "tightrope/serving/fleet.h"
#include "tightrope/serving/flight_internal.h"
#include "tightrope/serving/tournament_internal.h"

namespace tightrope::serving {

class Router {
 public:
  static constexpr std::uint32_t nobody = 0xffffffffU;

  Router(Routing routing, const PrefixRouting& prefix, std::size_t replicas);
  /// A replica starts or ceases to take requests.
  void open(std::uint32_t replica, double weight, std::int64_t outstanding);
  void close(std::uint32_t replica);
  void load_changes(std::uint32_t replica, std::int64_t outstanding);
  [[nodiscard]] std::int64_t open_count() const { return static_cast<std::int64_t>(open_.size()); }
  [[nodiscard]] std::uint32_t pick(const Flight& f);

 private:
  [[nodiscard]] std::uint32_t next_in_turn();
  [[nodiscard]] std::uint32_t by_prefix(const Flight& f);
  void remember(const Flight& f, std::uint32_t replica);

  Routing routing_;
  PrefixRouting prefix_;
  std::vector<std::uint32_t> open_;  ///< rising
  std::vector<double> weights_;      ///< 0: closed
  std::vector<std::int64_t> outstanding_;
  Tournament<double> loads_;
  std::size_t turn_ = 0;
  // What was sent where, in two generations: the older one is forgotten when the newer is full.
  std::unordered_map<std::uint64_t, std::uint32_t> seen_, seen_before_;
};

}  // namespace tightrope::serving
