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
  if (chips == 1) return {1.0, 1.0};  // on the chip: no slower than all its links together
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

/// One way to carry a collective out: hops and bytes over each tier.
struct Route {
  double up_bytes = 0.0, up_share = 1.0, up_half = 0.0, up_hops = 0.0;
  double out_bytes = 0.0, out_share = 1.0, out_hops = 0.0;
  double links = 1.0;   ///< share of the scale-up links that lead to the other members
  bool staged = false;  ///< tiers take turns chunk by chunk, rather than forming one ring
  bool peers = false;   ///< straight from rank to rank: all-to-all and sends
};

/// Share of the quicker tier's time that a tree's chunks do not hide behind the slower tier (two p5
/// nodes: 4.6 ms where NVLink alone takes 4.0 and the NICs alone 3.6).
constexpr double tier_overlap_loss = 0.1;

/// Bytes over one tier: by a low-latency protocol or by the one that reaches full bandwidth.
double tier_time(double bytes, double share, double half, double size, double links,
                 const LinkModel& link) noexcept {
  if (!(bytes > 0.0)) return 0.0;
  const double rate = link.bandwidth.raw() * share;
  if (!(rate > 0.0)) return infinity;
  const double ramp = half > 0.0 ? half / (size + half) : 0.0;
  const double bulk = link.bulk_latency.raw() + bytes * (1.0 + ramp) / rate;
  // Neither protocol has more than the links that lead to the other members; infinite without one.
  const double low = bytes / (link.bandwidth.raw() * link.low_share * links);
  return std::min(bulk, low);
}

double peer_time(double bytes, double rate) noexcept {
  return rate > 0.0 ? bytes / rate : infinity;
}

CollectiveTime time_of(const Route& route, double size, const FabricModel& model) noexcept {
  const LinkModel& up = model.scaleup;
  const LinkModel& out = model.scaleout;
  double latency = 0.0, up_time = 0.0, out_time = 0.0;
  if (route.peers) {
    if (route.up_bytes > 0.0) {
      latency = up.peer_latency.raw();
      up_time = peer_time(route.up_bytes, up.bandwidth.raw() * route.up_share);
    }
    if (route.out_bytes > 0.0) {
      latency = std::max(latency, out.peer_latency.raw());
      out_time = peer_time(route.out_bytes, out.bandwidth.raw() * route.out_share);
    }
  } else {
    if (route.up_bytes > 0.0) {
      latency += up.latency.raw() + route.up_hops * up.step_latency.raw();
      up_time = tier_time(route.up_bytes, route.up_share, route.up_half, size, route.links, up);
    }
    if (route.out_bytes > 0.0) {
      latency += out.latency.raw() + route.out_hops * out.step_latency.raw();
      out_time = tier_time(route.out_bytes, route.out_share, out.half_size.raw(), size, 1.0, out);
    }
  }
  const double lesser = std::min(up_time, out_time);
  const double exposed = route.staged ? tier_overlap_loss : 0.0;
  const double time =
      lesser == infinity ? infinity : latency + std::max(up_time, out_time) + exposed * lesser;
  return {.time = Seconds(time),
          .latency = Seconds(latency),
          .scaleup = Seconds(up_time),
          .scaleout = Seconds(out_time),
          .scaleup_traffic = Bytes(route.up_bytes),
          .scaleout_traffic = Bytes(route.out_bytes)};
}

/// A group as the routes need it.
struct Span {
  double n, p, q;     ///< ranks, ranks a domain, domains
  double lanes;       ///< NICs of a domain in use
  double ring_share;  ///< scale-up share of a ring
  double links;       ///< share of the scale-up links that lead to the other members
  double size;
};

/// A ring through all ranks, `turns` times round (once to gather or to scatter).
Route ring(const Span& g, const FabricModel& model, double turns) noexcept {
  const double bytes = turns * (g.n - 1.0) / g.n * g.size;
  Route route;
  if (g.p > 1.0) {
    route.up_bytes = bytes;
    route.up_share = g.ring_share;
    route.up_half = model.scaleup.half_size.raw();
    route.links = g.links;
    route.up_hops = turns * (g.q > 1.0 ? g.n - g.q : g.n - 1.0);
  }
  if (g.q > 1.0) {
    route.out_bytes = bytes / g.lanes;
    route.out_share = model.scaleout.share;
    route.out_hops = turns * (g.p > 1.0 ? g.q : g.q - 1.0);
  }
  return route;
}

/// Reduced in the switch inside a domain; across two domains or more, over a tree of NICs.
Route tree(const Span& g, const FabricModel& model, bool in_network) noexcept {
  Route route;
  route.staged = true;
  const double depth = log2_steps(static_cast<int>(g.q));
  const double slower = g.q > 2.0 ? model.scaleout.tree_share : 1.0;
  if (g.p > 1.0) {
    route.up_bytes = (in_network ? (g.p + 1.0) : 2.0 * (g.p - 1.0)) / g.p * g.size;
    route.up_share = slower * (in_network ? model.scaleup.in_network_share : g.ring_share);
    route.up_half = (in_network ? model.scaleup.in_network_half : model.scaleup.half_size).raw();
    route.links = g.links;
    route.up_hops = 2.0 * (g.p - 1.0);
  }
  if (g.q > 1.0) {
    route.out_bytes = 2.0 * (g.q - 1.0) / g.q * g.size / g.lanes;
    route.out_share = slower * model.scaleout.share;
    route.out_hops = 2.0 * depth;
  }
  return route;
}

CollectiveTime all_reduce(const Span& g, const FabricModel& model) noexcept {
  CollectiveTime best = time_of(ring(g, model, 2.0), g.size, model);
  const bool in_network = model.scaleup.in_network_reduction && g.p > 2.0 && g.q <= 2.0;
  if (in_network) {
    const CollectiveTime t = time_of(tree(g, model, true), g.size, model);
    if (t.time < best.time) best = t;
  }
  if (g.q > 1.0) {
    const CollectiveTime t = time_of(tree(g, model, false), g.size, model);
    if (t.time < best.time) best = t;
  }
  return best;
}

Route all_to_all(const Span& g, const FabricModel& model, double hops) noexcept {
  Route route;
  route.peers = true;
  route.up_bytes = (g.p - 1.0) / g.n * g.size;
  const double many = 1.0 - model.scaleup.peer_loss / g.n;
  route.up_share = model.scaleup.all_to_all_share * many * g.links / hops;
  route.out_bytes = (g.n - g.p) / g.n * g.size;
  route.out_share = model.scaleout.all_to_all_share;
  return route;
}

Route send(const Span& g, const FabricModel& model) noexcept {
  Route route;
  route.peers = true;
  if (g.q > 1.0) {
    route.out_bytes = g.size;
    route.out_share = model.scaleout.send_share;
  } else {
    route.up_bytes = g.size;
    route.up_share = model.scaleup.send_share;
  }
  return route;
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
  const ScaleupReach reach = scaleup_reach(model.fabric, p);
  const int lanes = model.scaleout.lanes > 0 ? std::min(p, model.scaleout.lanes) : p;
  const Span g{.n = static_cast<double>(n),
               .p = static_cast<double>(p),
               .q = static_cast<double>(q),
               .lanes = static_cast<double>(lanes),
               .ring_share = model.scaleup.share * (1.0 - model.scaleup.pair_loss / n) *
                             reach.bandwidth_share,
               .links = reach.bandwidth_share,
               .size = s};
  switch (call.kind) {
    case Collective::all_reduce: return all_reduce(g, model);
    case Collective::all_gather:
    case Collective::reduce_scatter: return time_of(ring(g, model, 1.0), s, model);
    case Collective::all_to_all: return time_of(all_to_all(g, model, reach.hops), s, model);
    case Collective::send_recv: return time_of(send(g, model), s, model);
  }
  return {};
}

}  // namespace tightrope::formula
