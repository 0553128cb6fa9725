// What a workload does on a system, by the planners of training and serving: no typed-in speed.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tightrope/catalog/catalog.h"
#include "tightrope/core/units.h"
#include "tightrope/procure_study/records.h"

namespace tightrope::procure_study {

/// The best plan of a workload on a system: the most tokens a second from a paid chip.
struct Speed {
  bool feasible = false;
  std::string reason;            ///< when not feasible
  TokensPerSecond of_chip{};     ///< of a paid chip: idle chips of a unit are paid as well
  JoulesPerToken energy{};       ///< at the machines, without PUE
  double low90 = 1, high90 = 1;  ///< factors on the speed: 90 of 100 measurements lie between
  double memory_share = 0;       ///< of the device memory, filled
  int chips = 0;                 ///< that work together: a training run, or a replica or pair
  std::string format, mapping;

  /// One standard deviation of the speed over the speed, as the 90 % band has it; at most 1.
  [[nodiscard]] double spread() const;
};

/// Answers by content: the same workload, system, catalog and calibration are searched once by one
/// program. It lies in memory; a file is read and written only where the user names one.
class SpeedCache {
 public:
  [[nodiscard]] const Speed* find(const std::string& key) const;
  void put(const std::string& key, Speed speed) { speeds_[key] = std::move(speed); }
  [[nodiscard]] std::size_t size() const { return speeds_.size(); }
  /// Takes what a file holds from this very program (`program` is a hash of it: formulas change
  /// with it); says how many answers of another one were left aside. Errors: syntax of a file that
  /// is there; one that is not is an empty cache.
  [[nodiscard]] Result<int> read(const std::string& path, const std::string& program);
  /// Adds to what the file holds by now, since another run may have written it, and puts the whole
  /// in its place at once. `scratch` ends the name of the file that is written first. Errors: io.
  [[nodiscard]] Result<void> write(const std::string& path, const std::string& program,
                                   const std::string& scratch) const;

 private:
  std::map<std::string, Speed> speeds_;
};

/// [workload][system]. `searched`: how many were not in the cache; `progress` is called before each
/// one with how many are done, of how many, and the names of workload and system.
struct SpeedTable {
  std::vector<std::vector<Speed>> speeds;
  int searched = 0, cached = 0;
};
using SpeedProgress =
    std::function<void(std::size_t done, std::size_t of, const std::string& what)>;

/// Errors: a model that is not there or not readable, with the workload's place; usage when
/// `cancel` was set in between: what was found until then is in the cache.
[[nodiscard]] Result<SpeedTable> measure_speeds(const File& file, const catalog::Catalog& catalog,
                                                SpeedCache& cache, const SpeedProgress& progress,
                                                const std::atomic<bool>* cancel = nullptr);

}  // namespace tightrope::procure_study
