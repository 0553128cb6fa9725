// Whole plans from relaxed ones.
#include <algorithm>
#include <cmath>
#include <utility>

#include "tightrope/procure/worker_internal.h"

namespace tightrope::procure {
namespace {

std::size_t z(int i) { return static_cast<std::size_t>(i); }

/// A port begins in the quarter by which half of it would, or never.
void hold_ports(const Terms& t, const Program& p, const std::vector<double>& values,
                Worker& worker) {
  for (const auto& ports : p.start) {
    for (const auto& by_quarter : ports) {
      double sum = 0.0;
      bool begun = false;
      for (int q = 0; q < t.quarters; ++q) {
        const int v = by_quarter[z(q)];
        if (v < 0) continue;
        sum += values[z(v)];
        const bool now = !begun && sum >= 0.5;
        worker.hold(v, now ? 1.0 : 0.0);
        begun = begun || now;
      }
    }
  }
}

/// Qualifying is cheap beside what it opens; orders near the least become one.
void hold_orders(const Program& p, const std::vector<double>& values, Worker& worker) {
  for (const auto& system : p.qualified) {
    for (int v : system) {
      if (v >= 0) worker.hold(v, values[z(v)] >= 0.25 ? 1.0 : 0.0);
    }
  }
  for (const AnyOrder& any : p.any_orders) {
    worker.hold(any.variable, values[z(any.buy)] >= 0.5 * any.least ? 1.0 : 0.0);
  }
}

/// A step is open once so many lots were bought.
void hold_steps(const Terms& t, const Program& p, const std::vector<double>& values,
                Worker& worker) {
  for (const OpenStep& open : p.opens) {
    double lots = 0.0;
    for (int q = 0; q <= open.quarter && q < t.quarters; ++q) {
      const int v = p.offers[z(open.offer)][z(q)];
      if (v >= 0) lots += values[z(v)];
    }
    worker.hold(open.variable, lots >= open.from - 1e-6 ? 1.0 : 0.0);
  }
}

struct Trial {
  double doubt = 0.0;
  const std::vector<int>* by_quarter = nullptr;
};

/// Ports in doubt, the least decided first.
std::vector<Trial> doubtful(const Program& p, const std::vector<double>& relaxed, int most) {
  std::vector<Trial> trials;
  for (const auto& ports : p.start) {
    for (const auto& by_quarter : ports) {
      double sum = 0.0;
      for (int v : by_quarter) sum += v < 0 ? 0.0 : relaxed[z(v)];
      if (sum > 0.01 && sum < 0.99) trials.push_back({std::abs(sum - 0.5), &by_quarter});
    }
  }
  std::stable_sort(trials.begin(), trials.end(),
                   [](const Trial& a, const Trial& b) { return a.doubt < b.doubt; });
  if (trials.size() > z(most)) trials.resize(z(most));
  return trials;
}

/// Dropped when begun, begun when not, kept when the LP gains by it.
Result<void> try_ports(const Terms& t, const Program& p, const std::vector<double>& relaxed,
                       int most, Worker& worker, milp::Solution& now) {
  for (const Trial& trial : doubtful(p, relaxed, most)) {
    int begun = -1, likely = -1;
    for (int q = 0; q < t.quarters; ++q) {
      const int v = (*trial.by_quarter)[z(q)];
      if (v < 0) continue;
      if (now.values[z(v)] > 0.5) begun = v;
      if (likely < 0 || relaxed[z(v)] > relaxed[z(likely)]) likely = v;
    }
    const int flipped = begun >= 0 ? begun : likely;
    worker.hold(flipped, begun >= 0 ? 0.0 : 1.0);
    TR_TRY(milp::Solution other, worker.solve());
    if (!other.values.empty() && other.objective < now.objective) {
      now = std::move(other);
    } else {
      worker.hold(flipped, begun >= 0 ? 1.0 : 0.0);
    }
  }
  return {};
}

/// All lots at once, to the nearest or up.
Result<milp::Solution> rounded(const Program& p, const std::vector<char>& lots, double up_from,
                               const std::vector<double>& values, Worker& worker) {
  for (std::size_t i = 0; i < lots.size(); ++i) {
    if (lots[i] == 0) continue;
    const milp::Variable& v = p.model.variables()[i];
    const double whole = std::floor(values[i] + 1.0 - up_from);
    worker.hold(static_cast<int>(i), std::clamp(whole, v.lower, v.upper));
  }
  return worker.solve();
}

}  // namespace

std::vector<char> lots_of(const Program& p) {
  std::vector<char> lots;
  for (const milp::Variable& v : p.model.variables()) lots.push_back(v.integer ? 1 : 0);
  for (int v : p.yes_no) lots[z(v)] = 0;
  return lots;
}

Result<milp::Solution> round_lots(const Terms& t, const Program& p, Worker& worker,
                                  const milp::Solution& fixed) {
  const std::vector<char> lots = lots_of(p);
  // Quarter by quarter: what comes later makes up for what was rounded.
  milp::Solution best = fixed;
  for (int q = 0; q < t.quarters && !best.values.empty(); ++q) {
    for (int v : p.whole[z(q)]) {
      const milp::Variable& buy = p.model.variables()[z(v)];
      worker.hold(v, std::clamp(std::round(best.values[z(v)]), buy.lower, buy.upper));
    }
    TR_TRY(best, worker.solve());
  }
  for (const double up_from : {0.5, 1.0 - 1e-6}) {
    if (!best.values.empty()) break;
    TR_TRY(best, rounded(p, lots, up_from, fixed.values, worker));
  }
  return best;
}

Result<milp::Solution> dive(const Terms& t, const Program& p, Worker& worker, milp::Solution now,
                            int trials) {
  const std::vector<double> relaxed = now.values;
  hold_ports(t, p, now.values, worker);
  TR_TRY(now, worker.solve());
  if (now.values.empty()) return now;
  TR_TRY_VOID(try_ports(t, p, relaxed, trials, worker, now));
  hold_orders(p, now.values, worker);
  TR_TRY(now, worker.solve());
  if (now.values.empty()) return now;
  hold_steps(t, p, now.values, worker);
  TR_TRY(now, worker.solve());
  if (now.values.empty()) return now;
  return round_lots(t, p, worker, now);
}

}  // namespace tightrope::procure
