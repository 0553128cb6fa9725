#include "tightrope/infer/disaggregated.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace tightrope::infer {
namespace {

// Iterations of a prefill worker: prompts are whole ones of attention groups.
class PrefillSteps {
 public:
  PrefillSteps(const Pricing& pricing, const Load& load, const SteadyLimits& limits)
      : pricing_(pricing), groups_(pricing.deployment().dp) {
    prompt_ = std::max(1.0, load.input - load.cached);
    const double keys = load.cached + 0.5 * prompt_;  // that a query meets, on average
    const AttentionPrices& a = pricing.attention();
    scores_ = a.prefill_score * (prompt_ * keys) +
              a.prefill_window_score * (prompt_ * std::min<double>(keys, a.window));
    const double budget = limits.token_budget / groups_;
    chunks_ = std::ceil(prompt_ / budget);
    const double fit = std::min(std::floor(budget / prompt_), limits.sequences / groups_);
    most_ = std::max(1.0, fit) * groups_;
    for (double q = 1; q < most_; q *= 2) add(q);
    add(most_);
  }

  /// Most prompts of an iteration.
  [[nodiscard]] double most() const { return most_; }
  [[nodiscard]] Spent full() const { return prices_.back(); }
  [[nodiscard]] double rate() const { return most_ / full().time.raw(); }
  /// An iteration of so many, between knots straight.
  [[nodiscard]] Seconds time(double prompts) const {
    std::size_t i = 1;
    if (prices_.size() == 1 || prompts <= 1) return prices_.front().time;
    while (i + 1 < sizes_.size() && sizes_[i] < prompts) ++i;
    const double share = std::min(1.0, (prompts - sizes_[i - 1]) / (sizes_[i] - sizes_[i - 1]));
    return prices_[i - 1].time + (prices_[i].time - prices_[i - 1].time) * share;
  }
  /// From a prompt's arrival to its end, `rate` coming to this worker each second.
  [[nodiscard]] Seconds response(double rate) const {
    double together = 1;
    constexpr int rounds = 30;
    for (int i = 0; i < rounds; ++i) {
      together = std::clamp(rate * time(together).raw(), 1.0, most_);
    }
    const double busy = std::min(1.0, rate * time(1).raw());
    const double load = std::min(0.99, rate / this->rate());
    const double asked = 0.5 + pricing_.context().engine.handshake_steps;
    return time(together) * (1.0 + asked * busy) +
           full().time * (0.5 * load * load / (1.0 - load) / most_);
  }

 private:
  void add(double prompts) {
    // Groups wait for the fullest; a lone prompt leaves all others idle.
    const double fullest = std::max(1.0, prompts / groups_);
    const double tokens = prompts * prompt_ / chunks_;
    const Spent chunk = pricing_.tokens_apart(tokens, fullest * prompt_ / chunks_) +
                        pricing_.yields(prompts) + pricing_.attention().prefill;
    sizes_.push_back(prompts);
    prices_.push_back(chunk * chunks_ + scores_ * (fullest * groups_));
  }

  const Pricing& pricing_;
  double groups_, prompt_ = 1, chunks_ = 1, most_ = 1;
  Spent scores_;  // of one prompt, as if all groups shared it
  std::vector<double> sizes_;
  std::vector<Spent> prices_;
};

// From the end of a prefill, an iteration is under way when a request joins, and its first token is
// handed out when its own is done.
constexpr double joining_steps = 1.5;
constexpr double fullest_prefill =
    0.98;  // of what prefill workers can: beyond it their queue holds

}  // namespace

double waiting_for_places(double mean, double variance, double places) noexcept {
  const double over = mean - places;
  if (!(variance > 0)) return std::max(0.0, over);
  const double deviation = std::sqrt(variance), z = over / deviation;
  const double density = std::exp(-0.5 * z * z) / std::sqrt(2.0 * std::numbers::pi);
  const double below = 0.5 * std::erfc(-z / std::numbers::sqrt2);
  // Of a normal variable cut at 0: no fewer than none are there, and no more wait than are.
  return std::clamp(deviation * density + over * below, std::max(0.0, over),
                    0.5 * (mean + std::max(0.0, over)));
}

Steady disaggregated_loop(const Disaggregated& fleet, const Load& load) {
  const PrefillSteps prefill(*fleet.prefill, load, fleet.prefill_limits);
  const double prefill_rate = fleet.prefill_workers * prefill.rate();
  const double workers = fleet.decode_workers;
  const SteadyLimits& own = fleet.decode_limits;
  const double length = load.input + (own.reserves_output ? 1.0 : 0.5) * load.output;
  const double places = std::max(1.0, std::min(own.sequences, own.cache_tokens / length));
  const double accepted = fleet.decode->context().speculation.rate(load.output - 1.0);
  Seconds fixed = fleet.prefill->context().engine.front(load.input);
  if (fleet.transfer.raw() > 0) fixed += fleet.kv_token * load.input / fleet.transfer;

  struct State {
    double waiting, each;  // at a decode worker
    DecodeWork work;
    double rate;
    Seconds before;  // decoding, but for the wait for a place
  };
  const auto at = [&](double there) {
    State s;
    const double uneven =
        std::min(there * (1.0 - 1.0 / workers), std::max(0.0, fleet.frontends - 1.0) / 6.0);
    s.waiting = waiting_for_places(there, uneven, places);
    s.each = there - s.waiting;
    // A request is more often where many are.
    const double company = std::min(places, s.each + uneven / std::max(there, 1.0));
    s.work = decode_work(*fleet.decode, load, company);
    s.rate = std::min(s.work.rate * s.each / company * workers, 1e12);
    s.before = fixed + prefill.response(s.rate / fleet.prefill_workers) +
               s.work.tpot * (accepted * joining_steps);
    return s;
  };
  // Requests at a decode worker, by halving: what prefill leaves of all clients.
  double low = 0, high = load.concurrency / workers;
  constexpr int rounds = 40;
  for (int i = 0; i < rounds; ++i) {
    const double there = 0.5 * (low + high);
    const State s = at(there);
    const bool too_many = s.rate >= fullest_prefill * prefill_rate ||
                          there * workers + s.rate * s.before.raw() > load.concurrency;
    (too_many ? high : low) = there;
  }
  const State found = at(low);
  Steady s;
  s.iteration = found.work.tpot * accepted;
  s.decoding = found.each * workers;
  s.tpot = found.work.tpot;
  s.request_rate = found.rate;
  s.prefill_share = found.rate / prefill_rate;
  s.prefill_alone = prefill.time(1);
  const Seconds decoding = s.tpot * std::max(0.0, load.output - 1.0);
  // All that is left of a cycle is waited for: places, or the prefill that bounds all.
  const Seconds rest = Seconds(load.concurrency / s.request_rate) - decoding - found.before;
  s.ttft = found.before + max(rest, Seconds(0.0));
  s.prefill_queue = s.ttft - fixed - s.prefill_alone;
  if (load.waves > 0) {
    const Seconds start(0.5 * load.concurrency / prefill_rate);
    s.ttft += max(start - s.prefill_queue, Seconds(0.0)) / load.waves;
  }
  s.waiting = std::max(0.0, load.concurrency - s.decoding);
  s.e2e = s.ttft + decoding;
  s.request_energy =
      fleet.prefill->energy(prefill.full()) * (1.0 / prefill.most()) + found.work.request_energy;
  return s;
}

PrefillWork prefill_work(const Pricing& pricing, const Load& load, const SteadyLimits& limits) {
  const PrefillSteps steps(pricing, load, limits);
  return {.request = steps.time(1),
          .rate = steps.rate(),
          .request_energy = pricing.energy(steps.full()) * (1.0 / steps.most())};
}

}  // namespace tightrope::infer
