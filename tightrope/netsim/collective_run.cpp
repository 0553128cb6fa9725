#include "tightrope/netsim/collective_run.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/netsim/graph_symmetry.h"

namespace tightrope::netsim {
namespace {

/// Which protocol carries a tier's bytes, and what it reaches: formula/collectives.h.
struct Tier {
  double share = 1.0;
  Seconds fixed{};
};

Tier tier_of(const formula::LinkModel& link, double bytes, double share, double half, double size) {
  const double reached = share / (1.0 + (half > 0.0 ? half / (size + half) : 0.0));
  const double bandwidth = link.bandwidth.raw();
  const double bulk = link.bulk_latency.raw() + bytes / (bandwidth * reached);
  if (link.low_share > 0.0 && bytes / (bandwidth * link.low_share) < bulk)
    return {link.low_share, {}};
  return {reached, link.bulk_latency};
}

WireTerms peer_terms(const formula::FabricModel& model, CollectiveKind kind, double n) {
  const formula::LinkModel& up = model.scaleup;
  const formula::LinkModel& out = model.scaleout;
  const bool one = kind == CollectiveKind::send_recv;
  WireTerms t;
  t.up_share = one ? up.send_share : up.all_to_all_share * (1.0 - up.peer_loss / n);
  t.out_share = one ? out.send_share : out.all_to_all_share * (1.0 - out.peer_loss / n);
  t.up_step = up.peer_latency;
  t.out_step = out.peer_latency;
  return t;
}

bool peers(CollectiveKind kind) {
  return kind == CollectiveKind::all_to_all || kind == CollectiveKind::send_recv;
}

// Of each kind of link, its busiest: bytes over what its capacity could have carried.
void find_busiest(const topology::Router& router, const TaskRun& run,
                  std::span<const std::uint32_t> class_of, CollectiveAnswer& answer) {
  for (std::uint32_t l = 0; l < router.machine().links(); ++l) {
    const std::uint32_t at = class_of.empty() ? l : class_of[l];
    const double bytes = run.carried[at].raw();
    if (!(bytes > 0.0)) continue;
    const double use = bytes / (router.capacity(l).raw() * run.end.raw());
    if (use > answer.busiest_use * (1.0 + 1e-9)) {
      answer.busiest_use = use;
      answer.busiest = topology::link_at(router.machine(), l).kind;
    }
  }
}

}  // namespace

WireTerms wire_terms(const CollectiveQuestion& q, Algorithm algorithm,
                     const topology::Machine& machine, std::span<const int> chips) {
  WireTerms t;
  if (q.model == nullptr) {
    t.up_step = t.out_step = q.latency;
    return t;
  }
  const auto n = static_cast<double>(chips.size());
  if (peers(q.kind)) return peer_terms(*q.model, q.kind, n);
  const UnitGroups groups = unit_groups(machine, chips);
  const double p = n / groups.units(), size = q.size.raw();
  const double turns = q.kind == CollectiveKind::all_reduce ? 2.0 : 1.0;
  const formula::LinkModel& up = q.model->scaleup;
  const formula::LinkModel& out = q.model->scaleout;
  const double slower = algorithm == Algorithm::tree && groups.units() > 2 ? out.tree_share : 1.0;
  if (p > 1.0) {
    const bool in_network = algorithm == Algorithm::in_network;
    const double share =
        slower * (in_network ? up.in_network_share : up.share * (1.0 - up.pair_loss / n));
    const double bytes = in_network ? (p + 1.0) / p * size : turns * (p - 1.0) / p * size;
    const Bytes half = in_network ? up.in_network_half : up.half_size;
    const Tier tier = tier_of(up, bytes, share, half.raw(), size);
    t.up_share = tier.share;
    t.up_step = up.step_latency;
    t.fixed += tier.fixed + up.latency;
  }
  if (groups.units() > 1) {
    const double lanes = out.lanes > 0 ? std::min<double>(p, out.lanes) : p;
    const double bytes = turns * (n - 1.0) / n * size / std::max(1.0, lanes);
    const Tier tier = tier_of(out, bytes, slower * out.share, out.half_size.raw(), size);
    t.out_share = tier.share;
    t.out_step = out.step_latency;
    t.fixed += tier.fixed + out.latency;
  }
  return t;
}

Library library_of(std::string_view chip_kind) {
  if (chip_kind == "trainium") return Library::neuron;
  return chip_kind == "tpu" ? Library::xla : Library::nccl;
}

bool library_has(const CollectiveQuestion& q, Algorithm a, const topology::Machine& machine,
                 int units) {
  using topology::UnitShape;
  const UnitShape shape = machine.unit.spec().shape;
  const bool nccl = q.library == Library::nccl;
  switch (q.kind) {
    case CollectiveKind::send_recv: return a == Algorithm::direct;
    case CollectiveKind::broadcast: return a == Algorithm::ring;
    case CollectiveKind::all_to_all:
      return a == Algorithm::direct ||
             (a == Algorithm::rail_aligned && nccl && shape == UnitShape::switched);
    default: break;
  }
  switch (a) {
    case Algorithm::ring: return true;
    case Algorithm::tree: return nccl;
    case Algorithm::direct: return units == 1 && nccl && shape == UnitShape::mesh;
    case Algorithm::in_network:
      return nccl && units <= 2 && q.kind == CollectiveKind::all_reduce && q.model != nullptr &&
             shape == UnitShape::switched && q.model->scaleup.in_network_reduction;
    case Algorithm::torus:
    case Algorithm::hierarchical: return q.library == Library::xla;
    case Algorithm::halving_doubling: return q.library == Library::neuron;
    case Algorithm::rail_aligned: return false;
  }
  return false;
}

Schedule schedule_for(const CollectiveQuestion& q, Algorithm algorithm,
                      const topology::Machine& machine, std::span<const int> chips) {
  int channels = q.channels;
  if (channels == 0 && q.model != nullptr && !peers(q.kind) && q.model->scaleout.lanes > 0 &&
      unit_groups(machine, chips).units() > 1) {
    channels = q.model->scaleout.lanes;
  }
  return schedule_of(machine, chips, {q.kind, algorithm, q.size, channels, q.pieces});
}

CollectiveAnswer run_collective(const topology::Router& router, std::span<const int> chips,
                                const CollectiveQuestion& q, Algorithm algorithm) {
  const topology::Machine& machine = router.machine();
  CollectiveAnswer answer;
  answer.algorithm = algorithm;
  answer.library = library_has(q, algorithm, machine, unit_groups(machine, chips).units());
  // Everyone to everyone is known to be too much before it is written down.
  const double n = static_cast<double>(chips.size());
  const double pairs = algorithm == Algorithm::direct ? n * n : 0.0;
  Schedule schedule;
  if (pairs <= q.most_flows) schedule = schedule_for(q, algorithm, machine, chips);
  answer.reason = schedule.reason;
  if (!answer.answered()) return answer;
  answer.flows = std::max(pairs > q.most_flows ? pairs : 0.0, flows_of(schedule, q.detail));
  if (answer.flows > q.most_flows) {
    answer.reason = fmt::format("{:.3g} flows are more than {:.3g}", answer.flows, q.most_flows);
    return answer;
  }
  WireGraph wires(router);
  lay(wires, chips, schedule, wire_terms(q, algorithm, machine, chips), q.detail);
  answer.flows = static_cast<double>(wires.flows());
  answer.tasks = answer.classes = wires.graph.tasks().size();
  if (wires.cut_off() > 0) {
    answer.reason = fmt::format("{} pairs have no way to each other", wires.cut_off());
    return answer;
  }
  std::optional<GraphReduction> reduced;
  if (q.reduce) reduced = reduce(wires.graph);
  const TaskRun run = TaskRunner(reduced ? reduced->graph : wires.graph).run();
  if (reduced) answer.classes = reduced->size.size();
  if (!run.complete()) {
    answer.reason = "a link on the way is dead";
    return answer;
  }
  answer.time = run.end;
  find_busiest(router, run,
               reduced ? std::span<const std::uint32_t>(reduced->resource_class_of)
                       : std::span<const std::uint32_t>(),
               answer);
  return answer;
}

std::vector<CollectiveAnswer> run_all(const topology::Router& router, std::span<const int> chips,
                                      const CollectiveQuestion& question) {
  std::vector<CollectiveAnswer> answers;
  for (int a = 0; a < algorithms; ++a)
    answers.push_back(run_collective(router, chips, question, static_cast<Algorithm>(a)));
  return answers;
}

std::optional<Algorithm> chosen(std::span<const CollectiveAnswer> answers) {
  const CollectiveAnswer* best = nullptr;
  for (const CollectiveAnswer& a : answers) {
    if (!a.answered()) continue;
    const bool better = best == nullptr || (a.library && !best->library) ||
                        (a.library == best->library && a.time < best->time * (1.0 - 1e-9));
    if (better) best = &a;
  }
  return best == nullptr ? std::nullopt : std::optional(best->algorithm);
}

double bus_factor(CollectiveKind kind, int ranks) {
  const double n = ranks;
  switch (kind) {
    case CollectiveKind::all_reduce: return 2.0 * (n - 1.0) / n;
    case CollectiveKind::all_gather:
    case CollectiveKind::reduce_scatter:
    case CollectiveKind::all_to_all: return (n - 1.0) / n;
    case CollectiveKind::broadcast:
    case CollectiveKind::send_recv: break;
  }
  return 1.0;
}

}  // namespace tightrope::netsim
