// What the ranks of one unit put on its links. Internal to step_network.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "tightrope/netsim/step_network.h"

namespace tightrope::netsim {

/// Names a row before it has a number: a transfer of a process (island class and stage), or of a
/// stage as a whole.
struct RowKey {
  int process = 0;  ///< or stage when joint
  int transfer = 0;
  bool joint = false;
  friend bool operator==(const RowKey&, const RowKey&) = default;
};

/// Traffic that leaves a unit's port and where it ends, by row: seconds of the port.
struct PortTraffic {
  int row = 0, port = 0;
  double beyond_leaf = 0, beyond_pod = 0, beyond_site = 0;  ///< bytes out; as many come in
};

/// Computes unit after unit, keeping its working memory.
class UnitTraffic {
 public:
  UnitTraffic(const StepPlace& place, const UnitClasses& classes);

  /// After visit(): the rows that touch the unit and what each occupies of each link, in seconds
  /// of it at full capacity; largest single flow in bytes.
  void visit(int unit);
  [[nodiscard]] const std::vector<RowKey>& rows() const { return rows_; }
  [[nodiscard]] double seconds(std::size_t row, std::size_t link) const {
    return seconds_[row * links_ + link];
  }
  [[nodiscard]] std::size_t links() const { return links_; }
  [[nodiscard]] double flow(std::size_t row) const { return flow_[row]; }
  [[nodiscard]] const std::vector<PortTraffic>& beyond() const { return beyond_; }
  /// Some pair of ranks has no way left between them, in any unit so far.
  [[nodiscard]] bool unreachable() const { return unreachable_; }

 private:
  struct Use {
    int transfer = 0;
    bool joint = false;
  };
  struct Member {
    int rank = 0, unit = 0, chip = 0;
  };

  void mark_faults();
  int row_of(const RowKey& key);
  void add(int row, std::uint32_t link, double bytes);
  void route(int row, int from, int to, double bytes);
  void port(int row, int chip, double bytes, bool up);
  void detour(int row, int from, int to, double bytes);
  void rank_uses(int rank, int chip);
  void ring(int row, const Transfer& t, const Layout::Ring& members);
  void ring_inside(int row, double bytes);
  bool lines_of_torus(int row, double bytes);
  void exchange(int row, const Transfer& t, int rank, int chip);
  void message(int rank, int chip, bool forward);
  void leave(int row, const Member& from, const Member& to, double bytes);
  [[nodiscard]] Member member(int rank) const;
  [[nodiscard]] double scaleup_of(const Transfer& t) const { return t.up.raw() * up_rate_; }
  [[nodiscard]] double scaleout_of(const Transfer& t) const { return t.out.raw() * out_rate_; }
  [[nodiscard]] int process_of(int rank) const;

  const StepPlace& place_;
  const topology::Machine& m_;
  const Layout& layout_;
  const StepProgram& program_;
  const UnitClasses& classes_;
  double up_rate_ = 0, out_rate_ = 0;   ///< bytes a second of a rank's ports
  std::vector<std::vector<Use>> uses_;  ///< of each work
  std::vector<bool> faulty_;            ///< units with something broken
  std::size_t links_ = 0;
  std::vector<double> capacity_;  ///< of the links of a unit
  int unit_ = 0;
  bool broken_ = false;  ///< unit_ is faulty
  bool unreachable_ = false;
  std::vector<RowKey> rows_;
  std::unordered_map<std::uint64_t, int> row_ids_;
  std::vector<double> seconds_, flow_;
  std::vector<PortTraffic> beyond_;
  std::vector<topology::Hop> hops_;
  std::vector<int> group_;
  std::vector<Member> inside_;
};

}  // namespace tightrope::netsim
