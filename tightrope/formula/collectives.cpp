#include "tightrope/formula/collectives.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace tightrope::formula {
namespace {

using topology::ScaleupTopology;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Smallest s with 2^s >= n.
double log2_steps(int n) noexcept {
  return n <= 1 ? 0.0 : static_cast<double>(std::bit_width(static_cast<unsigned>(n - 1)));
}

/// What a group of `ranks` ranks inside one domain finds of the scale-up links.
struct ScaleupReach {
  double bandwidth_share;  ///< links that lead to the other members, of all links
  double hops;             ///< mean links an all-to-all byte crosses
};

ScaleupReach scaleup_reach(const topology::Fabric& fabric, int ranks) noexcept {
  const int per_chip = std::max(1, fabric.ranks_per_chip);
  const int chips = std::max(1, (ranks + per_chip - 1) / per_chip);
  if (fabric.scaleup == ScaleupTopology::mesh) {
    const int domain = std::max(2, fabric.domain_ranks / per_chip);
    const int peers = std::clamp(chips - 1, 1, domain - 1);
    return {static_cast<double>(peers) / (domain - 1), 1.0};
  }
  if (fabric.scaleup != ScaleupTopology::torus2d && fabric.scaleup != ScaleupTopology::torus3d &&
      fabric.scaleup != ScaleupTopology::ring) {
    return {1.0, 1.0};
  }
  int dimensions = 0, used = 0, reached = 1;
  double hops = 0.0;
  for (const int extent : fabric.torus) {
    if (extent <= 1) continue;
    ++dimensions;
    if (reached >= chips) continue;
    ++used;
    const double span = std::min(extent, (chips + reached - 1) / reached);
    hops += std::max(0.5, 0.25 * span);
    reached *= extent;
  }
  if (dimensions == 0) return {1.0, std::max(1.0, 0.25 * chips)};
  return {std::max(1, used) / static_cast<double>(dimensions), std::max(1.0, hops)};
}

/// Bytes, share of the nameplate and steps of one tier.
struct Tier {
  double bytes = 0.0;
  double share = 1.0;
  double steps = 0.0;
};

double tier_time(const Tier& tier, double size, const LinkModel& link) noexcept {
  if (!(tier.bytes > 0.0)) return 0.0;
  const double rate = link.bandwidth.raw() * tier.share;
  if (!(rate > 0.0)) return infinity;
  const double half = link.half_size.raw();
  const double ramp = half > 0.0 ? half / (size + half) : 0.0;
  return tier.bytes * (1.0 + ramp) / rate;
}

Tier scaleup_tier(const CollectiveCall& call, const FabricModel& model, int p) noexcept {
  if (p <= 1) return {};
  const LinkModel& link = model.scaleup;
  const double s = call.size.raw(), n = call.group.ranks;
  const ScaleupReach reach = scaleup_reach(model.fabric, p);
  const double ring = (p - 1.0) / p * s;
  const double share = link.share * reach.bandwidth_share;
  switch (call.kind) {
    case Collective::all_reduce: {
      const double in_network = (p + 1.0) / p * s;
      if (link.in_network_reduction &&
          in_network / link.in_network_share < 2.0 * ring / link.share) {
        return {in_network, link.in_network_share, 2.0};
      }
      return {2.0 * ring, share, 2.0 * (p - 1.0)};
    }
    case Collective::all_gather:
    case Collective::reduce_scatter: return {ring, share, p - 1.0};
    case Collective::all_to_all:
      return {(p - 1.0) / n * s, link.all_to_all_share * reach.bandwidth_share / reach.hops,
              p - 1.0};
    case Collective::send_recv: return {s, link.send_share, 0.0};
  }
  return {};
}

Tier scaleout_tier(const CollectiveCall& call, const LinkModel& link, int p, int q) noexcept {
  if (q <= 1) return {};
  const double s = call.size.raw(), n = call.group.ranks;
  switch (call.kind) {
    case Collective::all_reduce:
      return {2.0 * (q - 1.0) / q * s / p, link.share, 2.0 * log2_steps(q)};
    case Collective::all_gather:
    case Collective::reduce_scatter: return {(n - 1.0) / n * s / p, link.share, q - 1.0};
    case Collective::all_to_all:
      return {(n - p) / n * s, link.all_to_all_share, log2_steps(q)};
    case Collective::send_recv: return {s, link.send_share, 0.0};
  }
  return {};
}

}  // namespace

std::string_view to_string(Collective kind) {
  switch (kind) {
    case Collective::all_reduce: return "all_reduce";
    case Collective::all_gather: return "all_gather";
    case Collective::reduce_scatter: return "reduce_scatter";
    case Collective::all_to_all: return "all_to_all";
    case Collective::send_recv: return "send_recv";
  }
  return "?";
}

CollectiveTime collective(const CollectiveCall& call, const FabricModel& model) noexcept {
  const double s = call.size.raw();
  const int n = call.group.ranks;
  if (n <= 1 || !(s > 0.0)) return {};
  const int p = std::clamp(call.group.per_domain, 1, n);
  const int q = n / p;
  const bool sends_out = call.kind == Collective::send_recv && q > 1;
  const Tier up = sends_out ? Tier{} : scaleup_tier(call, model, p);
  const Tier out = scaleout_tier(call, model.scaleout, p, q);

  double latency = 0.0;
  if (up.bytes > 0.0) {
    latency += model.scaleup.latency.raw() + up.steps * model.scaleup.step_latency.raw();
  }
  if (out.bytes > 0.0) {
    latency += model.scaleout.latency.raw() + out.steps * model.scaleout.step_latency.raw();
  }
  const double up_time = tier_time(up, s, model.scaleup);
  const double out_time = tier_time(out, s, model.scaleout);
  return {.time = Seconds(latency + std::max(up_time, out_time)),
          .latency = Seconds(latency),
          .scaleup = Seconds(up_time),
          .scaleout = Seconds(out_time),
          .scaleup_traffic = Bytes(up.bytes),
          .scaleout_traffic = Bytes(out.bytes)};
}

}  // namespace tightrope::formula
