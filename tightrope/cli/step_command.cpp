#include "tightrope/cli/step_command.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <ostream>
#include <utility>

#include <fmt/format.h>
#include <sys/resource.h>

#include "tightrope/cli/plan_file.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/parallel.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/network_study/step_chakra.h"
#include "tightrope/report/step_report.h"

namespace tightrope::cli {
namespace {

constexpr std::size_t most_spans = 200'000;  // a viewer takes no more with pleasure

Result<network_study::StepScene> scene_of(const SimulateStepOptions& o) {
  network_study::StepScene scene;
  scene.machine.units = o.units;
  scene.machine.sites = std::max(1, o.sites);
  scene.machine.site_distance_km = o.site_distance_km;
  scene.machine.leaf_oversubscription = o.leaf_oversubscription;
  scene.machine.pod_oversubscription = o.pod_oversubscription;
  if (!o.site_bandwidth.empty()) {
    TR_TRY(scene.machine.site_bandwidth, parse_as<BytesPerSecond>(o.site_bandwidth));
  }
  if (!o.order.empty()) {
    TR_TRY(scene.order, topology::read_order(o.order));
  }
  scene.spare_units = o.spare_units;
  scene.faults = o.faults;
  scene.dead_links = o.dead_links;
  scene.seed = static_cast<std::uint64_t>(o.seed);
  scene.walk = o.snake ? topology::Walk::snake : topology::Walk::rows;
  scene.chips_per_unit = o.chips_per_unit;
  scene.merge = !o.no_symmetry;
  if (!o.timeline.empty()) scene.most_spans = most_spans;
  return scene;
}

// One more fault, and a placement that scatters the tensor parallel ranks.
std::vector<report::StepVariant> variants_of(const catalog::Catalog& catalog,
                                             const step::Context& context,
                                             const step::Estimate& estimate,
                                             const network_study::StepScene& scene,
                                             const network_study::StepSimulation& base) {
  std::vector<report::StepVariant> out;
  auto run = [&](std::string name, const network_study::StepScene& other) {
    const auto s = network_study::simulate_step(catalog, context, estimate, other);
    report::StepVariant v{std::move(name), {}, 0};
    if (s) {
      v.step = s->result.step;
    } else {
      v.outcome = s.error().what;
    }
    out.push_back(std::move(v));
  };
  network_study::StepScene plain = scene;
  plain.most_spans = 0;
  if (base.machine.unit.links().size() > 1 &&
      base.machine.unit.spec().shape != topology::UnitShape::switched) {
    network_study::StepScene other = plain;
    other.faults.emplace_back("link:0");
    run("one scale-up link dead", other);
  }
  if (base.machine.unit.spec().shape == topology::UnitShape::switched) {
    network_study::StepScene other = plain;
    other.faults.emplace_back("link:0:0.5");
    run("one chip's scale-up link at half speed", other);
  }
  if (base.machine.units > 1) {
    network_study::StepScene other = plain;
    other.faults.emplace_back("nic:0");
    run("one network interface dead", other);
  }
  if (estimate.mapping.tp > 1 && base.machine.units > 1) {
    network_study::StepScene other = plain;
    other.order = topology::AxisOrder{topology::Axis::dp, topology::Axis::cp, topology::Axis::pp,
                                      topology::Axis::tp};
    run("ranks placed dp-cp-pp-tp", other);
  }
  return out;
}

// Every order of the axes that the mapping uses, and on a torus both walks.
std::vector<network_study::StepScene> orders_of(const step::Mapping& m,
                                                const network_study::StepScene& scene, bool torus) {
  using topology::Axis;
  const std::array<std::pair<Axis, int>, topology::axes> axes = {
      {{Axis::tp, m.tp}, {Axis::cp, m.cp}, {Axis::dp, m.dp}, {Axis::pp, m.pp}}};
  std::vector<Axis> used, idle;
  for (const auto& [axis, size] : axes) (size > 1 ? used : idle).push_back(axis);
  std::sort(used.begin(), used.end());
  std::vector<network_study::StepScene> out;
  do {
    topology::AxisOrder order{};
    std::copy(idle.begin(), idle.end(), std::copy(used.begin(), used.end(), order.begin()));
    for (const topology::Walk walk : {topology::Walk::rows, topology::Walk::snake}) {
      if (walk == topology::Walk::snake && !torus) continue;
      network_study::StepScene other = scene;
      other.order = order;
      other.walk = walk;
      other.most_spans = 0;
      out.push_back(std::move(other));
    }
  } while (std::next_permutation(used.begin(), used.end()));
  return out;
}

report::StepVariant best_order(const catalog::Catalog& catalog, const step::Context& context,
                               const step::Estimate& estimate,
                               const network_study::StepScene& scene,
                               const network_study::StepSimulation& base) {
  const bool torus = base.machine.unit.spec().shape == topology::UnitShape::torus;
  const auto scenes = orders_of(estimate.mapping, scene, torus);
  std::vector<double> step(scenes.size(), std::numeric_limits<double>::infinity());
  for_each_index(scenes.size(), [&](std::size_t i) {
    const auto s = network_study::simulate_step(catalog, context, estimate, scenes[i]);
    if (s) step[i] = s->result.step;
  });
  const auto best =
      static_cast<std::size_t>(std::min_element(step.begin(), step.end()) - step.begin());
  const bool snake = scenes[best].walk == topology::Walk::snake;
  return {fmt::format("best of {} placements: {}{}", scenes.size(), to_string(*scenes[best].order),
                      snake ? ", snake" : ""),
          {},
          step[best]};
}

Result<void> write(const Session& session, const SimulateStepOptions& options,
                   const report::StepView& view) {
  if (!options.timeline.empty()) {
    TR_TRY_VOID(write_file(options.timeline, report::step_timeline(view)));
  }
  if (!options.svg.empty()) TR_TRY_VOID(write_file(options.svg, report::step_svg(view)));
  if (!options.chakra.empty()) {
    TR_TRY_VOID(
        network_study::write_chakra(*view.simulation, view.estimate->mapping, options.chakra));
  }
  if (!options.json.empty() && options.json != "-") {
    TR_TRY_VOID(write_file(options.json, report::step_json(view, session.version)));
  }
  session.out << (options.json == "-" ? report::step_json(view, session.version)
                                      : report::step_text(view));
  return {};
}

}  // namespace

int run_simulate_step(const Session& session, const SimulateStepOptions& options) {
  const auto catalog = load_catalog(session);
  if (!catalog) return report_error(session, catalog.error());
  const auto asked = read_plan(options.plan_file, options.plan, {}, *catalog);
  if (!asked) return report_error(session, asked.error());
  for (const std::string& warning : asked->warnings) session.err << "note: " << warning << "\n";
  const auto scene = scene_of(options);
  if (!scene) return report_error(session, scene.error());
  const auto context = study::plan_context(asked->request, asked->key, *catalog);
  if (!context) return report_error(session, context.error());
  const step::Estimate estimate = step::estimate(*context, asked->key.mapping);
  if (estimate.infeasible != step::Infeasible::none &&
      estimate.infeasible != step::Infeasible::does_not_fit) {
    session.err << fmt::format("tightrope: {} on {}: {}\n", step::to_text(asked->key.mapping),
                               asked->key.system, step::to_string(estimate.infeasible));
    return exit_infeasible;
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto simulation = network_study::simulate_step(*catalog, *context, estimate, *scene);
  if (!simulation) {
    // Ranks without a place or a way to each other: an answer, not bad input.
    const bool answer = simulation.error().code == ErrorCode::unsupported;
    const int code = report_error(session, simulation.error());
    return answer ? exit_infeasible : code;
  }
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  report::StepView view{
      &*catalog, &*context, &estimate, &*simulation, asked->request.model.model.name, {}};
  if (!options.no_what_if) {
    view.variants = variants_of(*catalog, *context, estimate, *scene, *simulation);
  }
  if (options.search_order) {
    view.variants.push_back(best_order(*catalog, *context, estimate, *scene, *simulation));
  }
  const auto written = write(session, options, view);
  if (!written) return report_error(session, written.error());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  session.err << fmt::format("simulated in {:.2f} s, peak memory {} MB\n", wall,
                             usage.ru_maxrss / 1024);
  return exit_ok;
}

}  // namespace tightrope::cli
