#include "tightrope/sizing/fleet.h"

#include <algorithm>

namespace tightrope::sizing {

Counters& Counters::operator+=(const Counters& other) {
  deployments += other.deployments;
  configurations += other.configurations;
  bounded += other.bounded;
  missed += other.missed;
  for (const auto& [reason, count] : other.refused) refused[reason] += count;
  return *this;
}

bool Front::covers(double interactivity, double throughput) const {
  // Of the points at least as interactive, the last has the most throughput.
  const auto end = std::ranges::partition_point(interactivity_,
                                                [&](double have) { return have >= interactivity; });
  if (end == interactivity_.begin()) return false;
  return throughput_[static_cast<std::size_t>(end - interactivity_.begin()) - 1] >= throughput;
}

void Front::add(const Fleet& fleet, const Demand& demand) {
  const double seen = fleet.interactivity(), yield = fleet.output_tokens_a_s_chip(demand);
  if (covers(seen, yield)) return;
  const auto at =
      std::ranges::partition_point(interactivity_, [&](double have) { return have > seen; }) -
      interactivity_.begin();
  auto beaten = at;
  while (beaten < std::ssize(throughput_) && throughput_[static_cast<std::size_t>(beaten)] <= yield)
    ++beaten;
  const auto replace = [&](auto& list, const auto& value) {
    list.erase(list.begin() + at, list.begin() + beaten);
    list.insert(list.begin() + at, value);
  };
  replace(interactivity_, seen);
  replace(throughput_, yield);
  replace(fleets_, fleet);
}

void Front::add(const Front& other, const Demand& demand) {
  for (const Fleet& fleet : other.fleets_) add(fleet, demand);
}

void Best::add(const Fleet& fleet) {
  const auto alike = std::ranges::find_if(fleets_, [&](const Fleet& have) {
    return have.pool.deployment == fleet.pool.deployment &&
           have.prefill.deployment == fleet.prefill.deployment &&
           have.pool.offer == fleet.pool.offer && have.prefill.offer == fleet.prefill.offer &&
           have.disaggregated == fleet.disaggregated;
  });
  if (alike != fleets_.end()) {
    if (alike->score <= fleet.score) return;
    fleets_.erase(alike);
  }
  const auto at = std::ranges::partition_point(
      fleets_, [&](const Fleet& have) { return have.score <= fleet.score; });
  fleets_.insert(at, fleet);
  if (fleets_.size() > keep_) fleets_.pop_back();
}

namespace {
void least(std::optional<Seconds>& have, Seconds is) {
  if (!have || is < *have) have = is;
}
}  // namespace

void Reach::note(const Fleet& fleet, const Limits& limits) {
  least(ttft, fleet.high.ttft);
  least(tpot, fleet.high.tpot);
  least(e2e, fleet.high.e2e);
  const Tightest t = sizing::tightest(fleet.high, limits);
  if (nearest && t.share >= tightest.share) return;
  nearest = fleet;
  tightest = t;
}

void Reach::note(const Reach& other) {
  if (other.ttft) least(ttft, *other.ttft);
  if (other.tpot) least(tpot, *other.tpot);
  if (other.e2e) least(e2e, *other.e2e);
  if (!other.nearest || (nearest && other.tightest.share >= tightest.share)) return;
  nearest = other.nearest;
  tightest = other.tightest;
}

}  // namespace tightrope::sizing
