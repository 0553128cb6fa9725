// Weighted max-min fair allocation: pure mathematics, no physics, no units. The definition, the
// proof of uniqueness and the cost are in docs/netsim_mathematics.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace tightrope::netsim {

/// No resource: the bottleneck of a variable that its own bound stops, or nothing does.
inline constexpr std::uint32_t no_resource = std::numeric_limits<std::uint32_t>::max();

/// Shares that differ by less than this, relatively, are one level: resources that saturate
/// together in exact arithmetic do so here too, and equal variables get equal rates to the last
/// bit.
inline constexpr double equal_level = 1e-13;

/// Who loads what. The row of variable v are the entries begin[v] .. begin[v + 1] of `resource` and
/// `coefficient`; a resource that stands twice in a row counts twice. Nothing is copied or kept.
struct MaxMinProblem {
  std::span<const double> capacity;         ///< of each resource; >= 0, infinity allowed
  std::span<const std::uint32_t> begin;     ///< one more than there are variables; begin[0] is 0
  std::span<const std::uint32_t> resource;  ///< of each entry; < capacity.size()
  /// Load on the resource per unit of the variable's rate, > 0 and finite; empty: all are 1.
  std::span<const double> coefficient;
  std::span<const double> bound;  ///< largest rate of each variable, >= 0; empty: none has one

  [[nodiscard]] std::size_t variables() const { return begin.empty() ? 0 : begin.size() - 1; }
  [[nodiscard]] std::size_t resources() const { return capacity.size(); }
  [[nodiscard]] double coefficient_of(std::size_t entry) const {
    return coefficient.empty() ? 1.0 : coefficient[entry];
  }
  [[nodiscard]] double bound_of(std::size_t variable) const {
    return bound.empty() ? std::numeric_limits<double>::infinity() : bound[variable];
  }
};

/// A problem that owns its arrays; grows row by row.
struct OwnedProblem {
  std::vector<double> capacity;
  std::vector<std::uint32_t> begin{0};
  std::vector<std::uint32_t> resource;
  std::vector<double> coefficient;
  std::vector<double> bound;  ///< one for each row

  [[nodiscard]] MaxMinProblem view() const {
    return {capacity, begin, resource, coefficient, bound};
  }
  /// One more entry of the row that `end_row` will close.
  void add_entry(std::uint32_t of_resource, double a) {
    resource.push_back(of_resource);
    coefficient.push_back(a);
  }
  /// Closes the row of the next variable.
  void end_row(double limit = std::numeric_limits<double>::infinity()) {
    begin.push_back(static_cast<std::uint32_t>(resource.size()));
    bound.push_back(limit);
  }
};

/// Solves max-min problems, keeping its working memory: a problem no larger than an earlier one
/// allocates nothing. The answer depends on the problem alone, to the last bit.
class MaxMin {
 public:
  /// The max-min fair rates: all rise together until a resource is full or a bound is met; those
  /// concerned stay there, the rest rise on. `rate` has one place for each variable. A variable
  /// with neither a finite resource nor a finite bound gets infinity. `bottleneck`, if not empty,
  /// receives for each variable the saturated resource that stopped it, or `no_resource`. Time
  /// O(entries log resources + variables log variables). Sizes that do not match, ids out of range,
  /// negative or NaN values are our bug (TR_CHECK).
  void solve(const MaxMinProblem& problem, std::span<double> rate,
             std::span<std::uint32_t> bottleneck = {});

 private:
  /// A sum kept as an unevaluated pair, so that the order of its terms does not show.
  struct Sum {
    double high = 0.0;
    double low = 0.0;
    void add(double x) {
      const double s = high + x;
      const double part = s - high;
      low += (high - (s - part)) + (x - part);
      high = s;
    }
    [[nodiscard]] double value() const { return high + low; }
  };
  struct Resource {
    Sum left;                   ///< capacity minus what frozen variables take
    Sum load;                   ///< coefficients of variables still rising
    std::uint32_t rising = 0;   ///< entries of variables still rising; 0: can no longer saturate
    std::uint32_t entries = 0;  ///< cursor while the columns are filled
  };
  struct Share {
    double level = 0.0;
    std::uint32_t resource = 0;
  };

  void begin_columns(const MaxMinProblem& problem, std::span<double> rate);
  void sort_bounds(const MaxMinProblem& problem, std::span<const double> rate);
  void freeze(const MaxMinProblem& problem, std::uint32_t variable, double level);
  void saturate(const MaxMinProblem& problem, std::uint32_t resource, double level,
                std::span<double> rate, std::span<std::uint32_t> bottleneck);
  [[nodiscard]] double share_of(const Resource& r) const;
  void push(Share share);
  Share pop();

  std::vector<Resource> resources_;
  std::vector<std::uint32_t> column_begin_;  ///< entries of resource l in column_
  std::vector<std::uint32_t> column_;        ///< variables of each resource
  std::vector<Share> heap_;                  ///< lower bounds of the shares, least first
  std::vector<std::uint32_t> by_bound_;      ///< variables with a finite bound, least first
  std::vector<char> frozen_;
  std::size_t rising_ = 0;  ///< variables not frozen
};

/// One problem solved with working memory of its own.
void maxmin_solve(const MaxMinProblem& problem, std::span<double> rate);

}  // namespace tightrope::netsim
