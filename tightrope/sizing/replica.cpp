#include <algorithm>
#include <cmath>

#include "tightrope/core/check.h"
#include "tightrope/sizing/percentile.h"
#include "tightrope/sizing/replica_internal.h"

namespace tightrope::sizing::survey_internal {

Room room_of(const infer::Context& context, const infer::Deployment& d, const Settings& settings,
             double budget_share) {
  const Demand& demand = settings.demand;
  Room room;
  room.token_budget = std::max(1.0, context.engine.token_budget * budget_share) * d.dp;
  room.memory = infer::serving_memory(context, d, room.token_budget);
  if (!room.memory.fits()) return room;
  const auto bytes = [&](double length) {
    return std::max(1.0, (room.memory.token * length + room.memory.sequence).raw());
  };
  const double longest =
      std::max(demand.input, demand.input_high) + std::max(demand.output, demand.output_high);
  if (bytes(longest) > room.memory.cache.raw()) return room;
  const double mean = room.memory.cache.raw() / bytes(demand.input + 0.5 * demand.output);
  room.sequences = std::min(std::max(1.0, mean), settings.space.max_sequences) * d.dp;
  room.limits.sequences = room.sequences;
  room.limits.token_budget = room.token_budget;
  room.limits.mixes_prefill = context.engine.mixes_prefill;
  room.limits.ahead_steps = context.engine.ahead_steps;
  room.limits.buckets_cache = context.engine.buckets_cache;
  return room;
}

namespace {

bool in_batches(const infer::Context& context, const Settings& settings) {
  return settings.static_batches && context.engine.static_batches;
}

}  // namespace

infer::Steady steady_at(const infer::Pricing& pricing, const Settings& settings,
                        const infer::SteadyLimits& limits, double concurrency) {
  const infer::Load load = load_at(settings.demand, concurrency);
  if (!in_batches(pricing.context(), settings)) return infer::closed_loop(pricing, load, limits);
  infer::Steady s = infer::static_loop(pricing, load, limits);
  s.prefill_alone = s.ttft - pricing.context().engine.front(settings.demand.input);
  s.prefill_queue = Seconds(0.5 * s.decoding / s.request_rate);
  s.ttft += s.prefill_queue;
  s.e2e += s.prefill_queue;
  return s;
}

Latency high_of(const infer::Steady& mean, Seconds tpot_high, const infer::Context& context,
                const Settings& settings) {
  Latency high = high_latency(mean, tpot_high, context, settings.demand, settings.limits);
  if (!in_batches(context, settings)) return high;
  // Moments of arrival are even over a batch, and nobody falls into an iteration.
  const Demand& demand = settings.demand;
  const double share = 0.01 * settings.limits.percentile;
  const double longer = std::max(1.0, demand.input_high / std::max(1.0, demand.input));
  const Seconds start = context.engine.front(demand.input);
  const Seconds rest = high.e2e - high.ttft;
  high.ttft = start + mean.prefill_alone * longer + mean.prefill_queue * (2.0 * share);
  high.e2e = high.ttft + rest;
  return high;
}

void tabulate(infer::Pricing& pricing, const std::vector<Room>& rooms, const Demand& demand) {
  double tokens = 2, yields = 2;
  const double prompt = std::max(1.0, demand.input - demand.cached);
  for (const Room& room : rooms) {
    const double decodes = room.sequences * pricing.decode_tokens();
    tokens = std::max(tokens, room.token_budget + decodes);
    yields = std::max(yields, room.sequences + room.token_budget / prompt + 1);
  }
  pricing.tabulate(tokens, yields);
}

std::vector<double> levels(double most) {
  std::vector<double> out;
  for (double level = 1; level <= most; level += std::max(1.0, std::floor(level / 32))) {
    out.push_back(level);
  }
  return out;
}

int whole_chips(const infer::Pricing& pricing) {
  return std::max(1, static_cast<int>(std::ceil(pricing.chips() - 1e-9)));
}

Replica::Replica(const infer::Pricing& pricing, const Room& room, const Offer& offer,
                 std::size_t index, const Settings& settings)
    : pricing_(pricing),
      room_(room),
      offer_(offer),
      index_(index),
      settings_(settings),
      chips_(whole_chips(pricing)) {}

double Replica::workers_for(double request_rate) const {
  const double rate = settings_.demand.rate;
  return rate > 0 ? std::max(1.0, std::ceil(rate / request_rate * (1 - 1e-12))) : 1.0;
}

Bill Replica::bill_of(double request_rate, Joules request_energy, double workers) const {
  const double rate = settings_.demand.rate;
  const int unit = offer_.tariff.unit_chips;
  Bill bill;
  bill.rate = rate > 0 ? rate : request_rate * workers;
  bill.request_energy = request_energy;
  bill.chips = workers * chips_;
  bill.rented =
      rate > 0 ? rented_chips(workers, chips_, unit) : workers * rented_share(chips_, unit);
  return bill;
}

// In steady state an iteration with `decodes` sequences costs at least what it costs without any
// prompt beside them, and gives each of them what drafts yield. Between two knots the cheapest
// iteration of either and the sequences of the larger bound both from the right side.
bool Replica::hopeless(const Best& best, const Front& front) const {
  const Demand& demand = settings_.demand;
  const double accepted = pricing_.context().speculation.rate(demand.output - 1.0);
  const double steps = (demand.output - 1.0) / accepted;
  if (steps < 1) return false;
  const infer::AttentionPrices& a = pricing_.attention();
  const double length = demand.input + 0.5 * demand.output;
  const Seconds each = a.decode.time + a.decode_key.time * length +
                       a.decode_window_key.time * std::min(length, static_cast<double>(a.window));
  // Knots from the largest iteration down, with the least price from there on.
  constexpr double knots = 8;  // a power of two
  const double most = room_.token_budget + room_.sequences * pricing_.decode_tokens();
  Seconds cheapest = pricing_.tokens(most).time;
  double most_requests = 0;
  constexpr double slack = 1.02;  // closed_loop stops its rounds a little early
  for (double k = std::ceil(knots * std::log2(most)); k >= 0; --k) {
    const double octave = std::floor(k / knots);
    const double low = std::exp2(octave) * (1 + (k - knots * octave) / knots);
    const double high = low + std::exp2(octave) / knots;
    cheapest = min(cheapest, min(pricing_.tokens(low).time, pricing_.tokens(high).time));
    const double least = k > 0 ? low / pricing_.decode_tokens() : 0.0;
    const double decodes = std::min(high / pricing_.decode_tokens(), room_.sequences);
    if (least > room_.sequences) continue;
    const Seconds head = min(pricing_.yields(std::max(1.0, least)).time,
                             pricing_.yields(std::max(1.0, decodes)).time);
    const Seconds iteration = cheapest + head + each * least;
    const double requests = slack * decodes / (iteration.raw() * steps);
    most_requests = std::max(most_requests, requests);
    if (!front.covers(slack * accepted / iteration.raw(), requests * demand.output / chips_)) {
      return false;
    }
  }
  const double workers = workers_for(most_requests);
  const double served = demand.rate > 0 ? std::min(most_requests, demand.rate) : most_requests;
  const Joules energy(idle_power(pricing_).raw() / served);
  const double bound =
      score(bill_of(most_requests, energy, workers), demand, settings_.objective, offer_.tariff);
  return bound >= best.worst();
}

double Replica::tpot_at(double concurrency) const {
  const auto at =
      static_cast<std::size_t>(std::ranges::lower_bound(levels_, concurrency) - levels_.begin());
  if (at == 0) return states_.front().tpot.raw();
  if (at == levels_.size()) return states_.back().tpot.raw();
  const double way = (concurrency - levels_[at - 1]) / (levels_[at] - levels_[at - 1]);
  const double low = states_[at - 1].tpot.raw(), high = states_[at].tpot.raw();
  return low + (high - low) * way;
}

Latency Replica::high(std::size_t level) const {
  const double full = fullness(levels_[level], settings_.limits.percentile);
  return high_of(states_[level], Seconds(tpot_at(full)), pricing_.context(), settings_);
}

// The first level that serves at least so many.
std::size_t Replica::level_for(double request_rate) const {
  std::size_t at = 0;
  while (at + 1 < states_.size() && states_[at].request_rate < request_rate) ++at;
  return at;
}

Joules Replica::energy_at(double request_rate) const {
  const std::size_t at = level_for(request_rate);
  const infer::Steady& s = states_[at];
  if (at == 0) {
    // Emptier than with one request at a time: the machines wait between requests.
    const double pause = 1.0 / request_rate - 1.0 / s.request_rate;
    return s.request_energy + idle_power(pricing_) * Seconds(std::max(0.0, pause));
  }
  const infer::Steady& below = states_[at - 1];
  const double span = s.request_rate - below.request_rate;
  const double way = span > 0 ? std::min(1.0, (request_rate - below.request_rate) / span) : 1.0;
  return below.request_energy + (s.request_energy - below.request_energy) * way;
}

Fleet Replica::fleet_at(std::size_t level) const {
  const infer::Steady& s = states_[level];
  Fleet f;
  f.pool.offer = f.prefill.offer = index_;
  f.pool.deployment = pricing_.deployment();
  f.pool.worker_chips = chips_;
  f.pool.workers = 1;
  f.pool.token_budget = room_.token_budget;
  f.pool.rented = rented_share(chips_, offer_.tariff.unit_chips);
  f.pool.sequences = settings_.limits.any()
                         ? std::ceil(fullness(levels_[level], settings_.limits.percentile))
                         : levels_[level];
  f.concurrency = levels_[level];
  f.rate = s.request_rate;
  f.prefill_share = s.prefill_share;
  f.request_energy = s.request_energy;
  f.mean = {s.ttft, s.tpot, s.e2e};
  f.high = high(level);
  return f;
}

// The fleet for the rate asked for: as many replicas as the level's throughput needs, each then
// only as full as its share of the rate makes it.
Fleet Replica::settled(std::size_t level) const {
  Fleet f = fleet_at(level);
  const double rate = settings_.demand.rate;
  if (rate > 0) {
    const double workers = workers_for(states_[level].request_rate);
    const double share = rate / workers;
    const std::size_t at = std::min(level, level_for(share));
    f = fleet_at(at);
    const Latency bound = f.high;
    const double below = at > 0 ? states_[at - 1].request_rate : 0.0;
    const double span = states_[at].request_rate - below;
    const double way = span > 0 ? std::clamp((share - below) / span, 0.0, 1.0) : 1.0;
    const double emptier = at > 0 ? levels_[at - 1] : 0.0;
    f.concurrency = emptier + (levels_[at] - emptier) * way;
    const double busy = std::max(1.0, f.concurrency);
    const infer::Steady s = steady_at(pricing_, settings_, room_.limits, busy);
    f.mean = {s.ttft, s.tpot, s.e2e};
    const double full = fullness(busy, settings_.limits.percentile);
    const Latency own = high_of(s, Seconds(tpot_at(full)), pricing_.context(), settings_);
    f.high = {min(bound.ttft, own.ttft), min(bound.tpot, own.tpot), min(bound.e2e, own.e2e)};
    f.prefill_share = s.prefill_share;
    f.pool.workers = workers;
    f.pool.rented = rented_chips(workers, chips_, offer_.tariff.unit_chips);
    f.rate = rate;
    f.request_energy = energy_at(share);
  }
  Bill bill;
  bill.rate = f.rate;
  bill.request_energy = f.request_energy;
  bill.chips = f.chips();
  bill.rented = f.rented();
  f.score = score(bill, settings_.demand, settings_.objective, offer_.tariff);
  return f;
}

void Replica::evaluate(Counters& counters, Best& best, Front& front, Reach& reach) {
  const Demand& demand = settings_.demand;
  const Limits& limits = settings_.limits;
  levels_ = levels(room_.sequences);
  states_.clear();
  for (const double level : levels_) {
    states_.push_back(steady_at(pricing_, settings_, room_.limits, level));
  }
  counters.configurations += levels_.size();
  std::size_t winner = levels_.size();
  double least = 0;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    const infer::Steady& s = states_[i];
    const bool crowded =
        limits.any() && i > 0 && fullness(levels_[i], limits.percentile) > room_.sequences;
    if (crowded) {
      counters.missed += levels_.size() - i;
      break;
    }
    if (limits.any() && tightest(high(i), limits).share > 1) {
      ++counters.missed;
      if (best.fleets().empty() && winner == levels_.size()) reach.note(fleet_at(i), limits);
      continue;
    }
    if (!front.covers(1.0 / s.tpot.raw(), s.request_rate * demand.output / chips_)) {
      front.add(fleet_at(i), demand);
    }
    const double workers = workers_for(s.request_rate);
    const Joules energy = demand.rate > 0 ? energy_at(demand.rate / workers) : s.request_energy;
    const double is =
        score(bill_of(s.request_rate, energy, workers), demand, settings_.objective, offer_.tariff);
    if (winner == levels_.size() || is < least) {
      winner = i;
      least = is;
    }
  }
  if (winner < levels_.size()) best.add(settled(winner));
}

}  // namespace tightrope::sizing::survey_internal
