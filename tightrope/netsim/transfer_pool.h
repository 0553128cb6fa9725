// The transfers that are under way, and the rates at which they share the network.
#pragma once

#include <cstdint>
#include <vector>

#include "tightrope/netsim/maxmin.h"
#include "tightrope/netsim/step_loads.h"

namespace tightrope::netsim {

/// Active transfers of a StepLoads. Whenever one starts or ends, those connected to it through
/// common resources get new rates; the others keep theirs.
class TransferPool {
 public:
  explicit TransferPool(const StepLoads& loads);

  struct Request {
    int row = 0;
    bool wide = false;  ///< joins many processes; see rate_locally
    double repeats = 1;
    double latency = 0;  ///< seconds of each repeat
    double hidden = 0;   ///< seconds: `resume` comes so long before the end
  };
  /// What an event queue must know after a change. Of several of one transfer the last one holds.
  struct Forecast {
    int id = 0;
    std::uint32_t version = 0;
    double resume = 0, finish = 0;  ///< absolute seconds; finish infinite: nothing moves
    bool resumed = false;           ///< resume has happened already
  };

  /// Starts a transfer at `now`; forecasts() then names all whose times changed.
  int start(const Request& request, double now);
  /// Takes a transfer out that has arrived.
  void finish(int id, double now);
  /// Marks that its process went on.
  void resumed(int id) { active_[static_cast<std::size_t>(id)].resumed = true; }
  [[nodiscard]] bool valid(int id, std::uint32_t version) const {
    const Active& a = active_[static_cast<std::size_t>(id)];
    return a.running && a.version == version;
  }
  [[nodiscard]] const std::vector<Forecast>& forecasts() const { return forecasts_; }
  [[nodiscard]] std::uint64_t solves() const { return solves_; }

 private:
  struct Active {
    int row = 0;
    double left = 0, rate = 0, bound = 0, updated = 0, hidden = 0;
    std::uint32_t version = 0, seen = 0;
    std::uint32_t bottleneck = no_resource;
    bool running = false, resumed = false, wide = false;
  };

  void rate_around(int row, double now);
  void collect(int row, bool through_wide);
  bool rate_locally(double now);
  void rate_component(double now);
  void solve_component();
  void set_rate(int id, double rate, double now);

  const StepLoads& loads_;
  std::vector<Active> active_;
  std::vector<int> free_;
  std::vector<std::vector<int>> on_resource_;
  std::vector<std::uint32_t> resource_seen_, resource_index_;
  std::uint32_t epoch_ = 0;
  std::vector<int> component_;
  std::vector<std::uint32_t> component_resources_;
  std::vector<Forecast> forecasts_;
  std::uint64_t solves_ = 0;
  MaxMin solver_;
  std::vector<double> capacity_, coefficient_, bound_, rate_;
  std::vector<std::uint32_t> bottleneck_;
  int wide_ = 0;  ///< of them that run
  std::vector<std::uint32_t> begin_, resource_;
};

}  // namespace tightrope::netsim
