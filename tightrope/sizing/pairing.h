// Disaggregated fleets: prefill workers of one offer with decoding workers of another,
// rate-matched.
#pragma once

#include <vector>

#include "tightrope/sizing/survey.h"

namespace tightrope::sizing {

class Pairing {
 public:
  /// `offers` and `settings` must outlive this.
  Pairing(const std::vector<Offer>& offers, const Settings& settings)
      : offers_(offers), settings_(settings), best_(settings.keep) {}

  /// Tries every pair, in every ratio of up to 8 workers each (those without a common divisor), or
  /// in the numbers that the rate asks for. Pairs whose caches differ in format are refused.
  void add(const std::vector<PrefillWorker>& prefill, const std::vector<DecodeWorker>& decode);

  [[nodiscard]] const Best& best() const { return best_; }
  /// The same with decoding workers as full as the rate asked for makes them, without tables.
  [[nodiscard]] Best settled() const;
  [[nodiscard]] const Front& front() const { return front_; }
  [[nodiscard]] const Reach& reach() const { return reach_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
  struct Way;  // how keys and values go over
  struct Shape {
    double prefill = 1, decode = 1;  // workers
  };
  [[nodiscard]] Way way_of(const PrefillWorker& p, const DecodeWorker& d, bool inside) const;
  void pair(const PrefillWorker& p, const DecodeWorker& d);
  void consider(const PrefillWorker& p, const DecodeWorker& d, const Way& way, Shape shape);
  [[nodiscard]] Fleet fleet_of(const PrefillWorker& p, const DecodeWorker& d, const Way& way,
                               Shape shape, double served) const;
  void rent(Fleet& fleet) const;

  const std::vector<Offer>& offers_;
  const Settings& settings_;
  Best best_;
  Front front_;
  Reach reach_;
  Counters counters_;
};

/// Of an offer's workers the few that cost least for what they do: what other systems are tried
/// with. Of prefill workers the fastest too.
[[nodiscard]] std::vector<PrefillWorker> cheapest(const std::vector<PrefillWorker>& workers,
                                                  const Offer& offer, std::size_t count);
[[nodiscard]] std::vector<DecodeWorker> cheapest(const std::vector<DecodeWorker>& workers,
                                                 const Offer& offer, std::size_t count);

}  // namespace tightrope::sizing
