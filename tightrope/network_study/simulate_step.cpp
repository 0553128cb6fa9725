#include "tightrope/network_study/simulate_step.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "tightrope/core/mix.h"

namespace tightrope::network_study {
namespace {

using netsim::Layout;

// Every transfer that a row stands for, against the closed form.
void compare_transfers(StepSimulation& s) {
  const netsim::StepProgram& program = s.built.program;
  const netsim::StepLoads& loads = s.network.loads;
  for (int stage = 0; stage < program.stages; ++stage) {
    for (int t = 0; t < loads.transfers; ++t) {
      const netsim::Transfer& transfer = program.transfers[static_cast<std::size_t>(t)];
      const int own = loads.row_of(loads.process(0, stage), t), joint = loads.joint_of(stage, t);
      for (const int row : {own, joint}) {
        if (row < 0) continue;
        TransferReport r;
        r.transfer = t;
        r.stage = stage;
        r.joint = row == joint;
        r.network = transfer.latency.raw() + loads.occupancy[static_cast<std::size_t>(row)];
        r.times = s.result.moved[static_cast<std::size_t>(row)];
        r.closed = transfer.closed.raw();
        s.transfers.push_back(r);
      }
    }
  }
  std::stable_sort(s.transfers.begin(), s.transfers.end(), [](const auto& a, const auto& b) {
    return std::abs(a.network - a.closed) * a.times > std::abs(b.network - b.closed) * b.times;
  });
}

// Visible part of all transfers of a stage's pieces over a dimension when one takes `alone`.
template <class Alone>
double exposed_sum(const netsim::StepProgram& program, int stage, netsim::Dimension over,
                   Alone alone) {
  const netsim::StageWork& work = program.work(stage);
  const double pieces = static_cast<double>(program.chunks) * program.micro_batches;
  double sum = 0.0;
  for (const auto* piece : {&work.forward, &work.backward, &work.weight}) {
    for (const netsim::Segment& segment : *piece) {
      if (segment.transfer < 0) continue;
      const netsim::Transfer& t = program.transfers[static_cast<std::size_t>(segment.transfer)];
      if (t.over != over) continue;
      const double time = t.repeats * alone(segment.transfer);
      const double hidden = std::min(time, t.hidden.raw());
      sum += pieces * (time - hidden + t.slowdown * hidden);
    }
  }
  return sum;
}

void explain_exposed(StepSimulation& s) {
  const netsim::StepProgram& program = s.built.program;
  const netsim::StepLoads& loads = s.network.loads;
  double most = -1.0;
  for (std::size_t p = 0; p < s.result.processes.size(); ++p) {
    const netsim::ProcessTime& t = s.result.processes[p];
    double work = t.compute;
    for (const double e : t.exposed) work += e;
    if (work > most) {
      most = work;
      s.busiest = static_cast<int>(p);
    }
  }
  const int stage = s.busiest % program.stages;
  for (int d = 0; d < netsim::dimensions; ++d) {
    const auto over = static_cast<netsim::Dimension>(d);
    ExposedReport r;
    r.over = over;
    r.closed = exposed_sum(program, stage, over, [&](int t) {
      return program.transfers[static_cast<std::size_t>(t)].closed.raw();
    });
    const double alone = exposed_sum(program, stage, over, [&](int t) {
      const int row = loads.row_of(s.busiest, t);
      return program.transfers[static_cast<std::size_t>(t)].latency.raw() +
             (row < 0 ? 0.0 : loads.occupancy[static_cast<std::size_t>(row)]);
    });
    const double seen = s.result.processes[static_cast<std::size_t>(s.busiest)]
                            .exposed[static_cast<std::size_t>(d)];
    r.topology = alone - r.closed;
    r.sharing = seen - alone;
    if (r.closed > 0 || seen > 0) s.exposed.push_back(r);
  }
}

void measure_links(const netsim::StepPlace& place, StepSimulation& s) {
  const std::size_t links = s.machine.unit_links();
  std::map<topology::LinkKind, LinkReport> kinds;
  for (std::size_t c = 0; c < s.network.classes.unit_of_class.size(); ++c) {
    const int unit = s.network.classes.unit_of_class[c];
    const netsim::UnitLoads loads = netsim::unit_loads(place, s.network, unit);
    std::vector<double> use(links, 0.0);
    for (std::size_t i = 0; i < loads.rows.size(); ++i) {
      if (loads.rows[i] < 0) continue;
      const double times = s.result.moved[static_cast<std::size_t>(loads.rows[i])] / s.result.step;
      for (std::size_t l = 0; l < links; ++l) use[l] += times * loads.seconds[i * links + l];
    }
    const auto members = static_cast<double>(s.network.classes.units[c]);
    for (std::size_t l = 0; l < links; ++l) {
      const auto id =
          static_cast<std::uint32_t>(unit) * s.machine.unit_links() + static_cast<std::uint32_t>(l);
      const topology::LinkKind kind = topology::link_at(s.machine, id).kind;
      LinkReport& r = kinds[kind];
      r.kind = kind;
      r.links += members;
      r.mean += members * use[l];
      if (use[l] > r.busiest) {
        r.busiest = use[l];
        r.unit = unit;
        r.link = static_cast<std::uint32_t>(l);
      }
    }
    s.unit_use.push_back(std::move(use));
  }
  for (auto& [kind, r] : kinds) {
    r.mean /= r.links;
    s.links.push_back(r);
  }
}

Result<topology::Faults> faults_of(const topology::Machine& machine, const StepScene& scene) {
  topology::Faults faults;
  for (const std::string& text : scene.faults) {
    TR_TRY_VOID(topology::read_fault(machine, text, faults));
  }
  const std::uint64_t links = static_cast<std::uint64_t>(machine.units) * machine.unit_links();
  for (int i = 0; i < scene.dead_links; ++i) {
    const std::uint64_t drawn = mix_bits(mix_bits(scene.seed) + static_cast<std::uint64_t>(i));
    faults.dead_links.push_back(static_cast<std::uint32_t>(drawn % links));
  }
  return faults;
}

}  // namespace

Result<StepSimulation> simulate_step(const catalog::Catalog& catalog, const step::Context& context,
                                     const step::Estimate& estimate, const StepScene& scene) {
  StepSimulation s;
  const step::Mapping& mapping = estimate.mapping;
  const Layout layout(layout_of(mapping));
  const int per_chip = context.fabric.fabric.ranks_per_chip;
  const int chips = (layout.ranks() + per_chip - 1) / per_chip;
  topology::MachineOptions options = scene.machine;
  if (options.units <= 0) {
    const int domain = std::max(1, context.fabric.fabric.domain_ranks / per_chip);
    const int used = scene.chips_per_unit > 0 ? scene.chips_per_unit : domain;
    options.units = (chips + used - 1) / used + scene.spare_units;
  }
  TR_TRY(s.machine, topology::machine_of(catalog, context.system, options));
  TR_TRY(s.faults, faults_of(s.machine, scene));
  const topology::Router router(s.machine, s.faults);
  s.spec = {.sizes = {mapping.tp, mapping.cp, mapping.dp, mapping.pp},
            .order = scene.order.value_or(order_of(mapping)),
            .walk = scene.walk,
            .chips_per_unit = scene.chips_per_unit};
  s.placement = topology::place(router, s.spec);
  if (!s.placement.feasible) {
    return fail(ErrorCode::unsupported,
                fmt::format("{} ranks have no place: {}", layout.ranks(), s.placement.reason), {},
                "add units with --units or --spare-units");
  }
  const netsim::Seating seating = netsim::seat(s.machine, s.placement.chip_of_rank);
  s.built = build_step(context, estimate, s.machine, layout, seating);
  const netsim::StepPlace place{.machine = &s.machine,
                                .layout = &layout,
                                .seating = &seating,
                                .program = &s.built.program,
                                .router = &router,
                                .faults = &s.faults,
                                .merge = scene.merge};
  s.network = netsim::lay_out(place);
  if (s.network.unreachable) {
    return fail(ErrorCode::unsupported, "the faults leave some ranks without a way to each other",
                {},
                "fewer dead links, or --fault chip:N and --spare-units to leave such chips out");
  }
  s.result = netsim::run_step(s.built.program, s.network.loads, {scene.most_spans});
  s.closed_step = estimate.step_time.raw();
  compare_transfers(s);
  explain_exposed(s);
  measure_links(place, s);
  return s;
}

}  // namespace tightrope::network_study
