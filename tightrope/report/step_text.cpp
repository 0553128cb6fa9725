// `simulate step` for people.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/step_report.h"
#include "tightrope/report/text_table.h"

namespace tightrope::report {
namespace {

using network_study::StepSimulation;
constexpr int shown_transfers = 6;
constexpr int width = 108;

std::string seconds(double s) { return to_text(Seconds(s)); }

// What a value is more or less than another: "+12.3 %".
std::string against(double value, double base) {
  return base > 0 ? fmt::format("{:+.1f} %", 100.0 * (value / base - 1.0)) : std::string("-");
}

// A difference of times; rounding is none.
std::string change(double s) {
  if (std::abs(s) < 1e-9) return "0";
  return (s > 0 ? "+" : "-") + seconds(std::abs(s));
}

std::string head(const StepView& view) {
  const StepSimulation& s = *view.simulation;
  const step::Mapping& m = view.estimate->mapping;
  const int per_chip = view.context->fabric.fabric.ranks_per_chip;
  const int chips = (m.ranks() + per_chip - 1) / per_chip;
  std::string line = fmt::format(
      "{} on {} chips of {}: {} {} of {} chips, ranks placed {}", view.model, with_thousands(chips),
      view.context->system.name, with_thousands(s.machine.units),
      s.machine.units == 1 ? "unit" : "units", s.machine.unit.chips(), to_string(s.spec.order));
  if (s.spec.walk == topology::Walk::snake) line += " along a snake";
  if (s.spec.chips_per_unit > 0) line += fmt::format(", {} chips a unit", s.spec.chips_per_unit);
  std::string text = wrapped(line, width, 2);
  text += "  " + wrapped(step::to_text(m), width - 2, 4) + "\n";
  const std::size_t broken = s.faults.dead_links.size() + s.faults.dead_chips.size() +
                             s.faults.dead_nodes.size() + s.faults.degraded.size();
  if (broken > 0) text += fmt::format("{} faults; the JSON lists them.\n\n", broken);
  return text;
}

std::string times(const StepView& view) {
  const StepSimulation& s = *view.simulation;
  const step::TimeParts& p = view.estimate->parts;
  const netsim::StepResult& r = s.result;
  TextTable table({{"step"},
                   {"on the wires", Align::right},
                   {"closed form", Align::right},
                   {"", Align::right}});
  auto row = [&](const char* name, double wires, double closed) {
    if (wires <= 0 && closed <= 0) return;
    table.add({name, seconds(wires), seconds(closed), against(wires, closed)});
  };
  // ZeRO-3 traffic runs inside the pieces here, and after the pipeline in the closed form.
  row("pipeline", r.pipeline, s.built.pipeline.time.raw() + p.shard_gather.raw());
  row("gradients and parameters around it", r.sync, p.dp.raw());
  row("waiting for the slowest node", r.straggler, p.straggler.raw());
  row("optimizer, host, offload", r.after, (p.optimizer + p.offload + p.fixed).raw());
  row("step", r.step, s.closed_step);
  return table.text(2) + "\n";
}

std::string exposed(const StepView& view) {
  const StepSimulation& s = *view.simulation;
  const netsim::ProcessTime& t = s.result.processes[static_cast<std::size_t>(s.busiest)];
  const int stage = s.busiest % s.built.program.stages;
  std::string text =
      fmt::format("Stage {}, which has the most work: kernels {}, waiting for other stages {}.\n",
                  stage, seconds(t.compute), seconds(t.waiting));
  if (t.gather > 0)
    text +=
        fmt::format("  It begins {} late, until its parameters are there.\n", seconds(t.gather));
  TextTable table({{"visible"},
                   {"closed form", Align::right},
                   {"topology", Align::right},
                   {"sharing", Align::right},
                   {"on the wires", Align::right}});
  for (const network_study::ExposedReport& e : s.exposed) {
    table.add({std::string(netsim::to_string(e.over)), seconds(e.closed), change(e.topology),
               change(e.sharing), seconds(e.closed + e.topology + e.sharing)});
  }
  if (!table.empty()) text += table.text(2);
  return text + "\n";
}

std::string transfers(const StepView& view) {
  const StepSimulation& s = *view.simulation;
  TextTable table({{"transfer, alone"},
                   {"stage", Align::right},
                   {"size", Align::right},
                   {"closed form", Align::right},
                   {"on the wires", Align::right},
                   {"times a step", Align::right}});
  std::vector<std::string> seen;
  for (const network_study::TransferReport& r : s.transfers) {
    if (std::abs(r.network - r.closed) < 1e-3 * r.closed) continue;
    const netsim::Transfer& t = s.built.program.transfers[static_cast<std::size_t>(r.transfer)];
    const std::string name =
        fmt::format("{} {}", netsim::to_string(t.over), formula::to_string(t.kind));
    // Stages and hidden parts differ; people want to see each kind and size once.
    const std::string key = name + " " + to_text(t.size) + (r.joint ? " once" : "");
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) continue;
    if (static_cast<int>(seen.size()) == shown_transfers) break;
    seen.push_back(key);
    table.add({name, fmt::format("{}", r.stage), to_text(t.size), seconds(r.closed),
               seconds(r.network), fmt::format("{:.0f}", r.times)});
  }
  if (table.empty()) return "Every transfer alone takes what the closed form says.\n\n";
  return "Transfers that the wires change most:\n" + table.text(2) + "\n";
}

std::string links(const StepView& view) {
  const StepSimulation& s = *view.simulation;
  TextTable table({{"links"},
                   {"number", Align::right},
                   {"busy", Align::right},
                   {"busiest", Align::right},
                   {"of unit", Align::right},
                   {"link", Align::right}});
  for (const network_study::LinkReport& l : s.links) {
    table.add({topology::to_string(l.kind), with_thousands(l.links),
               fmt::format("{:.1f} %", 100 * l.mean), fmt::format("{:.1f} %", 100 * l.busiest),
               fmt::format("{}", l.unit), fmt::format("{}", l.link)});
  }
  return table.empty() ? std::string() : table.text(2) + "\n";
}

std::string variants(const StepView& view) {
  if (view.variants.empty()) return {};
  const double base = view.simulation->result.step;
  TextTable table({{"what if"}, {"step", Align::right}, {"", Align::right}});
  for (const StepVariant& v : view.variants) {
    if (v.outcome.empty()) {
      table.add({v.name, seconds(v.step), against(v.step, base)});
    } else {
      table.add({v.name, v.outcome});
    }
  }
  return table.text(2) + "\n";
}

std::string foot(const StepView& view) {
  const StepSimulation& s = *view.simulation;
  return wrapped(
      fmt::format("{} of {} units and {} of {} islands behave differently; {} resources can "
                  "bind. {} events, {} shared rates. topology: a transfer's own links are "
                  "fewer or more than the closed form takes; sharing: transfers meet.",
                  with_thousands(static_cast<double>(s.network.classes.units.size())),
                  with_thousands(s.machine.units),
                  with_thousands(static_cast<double>(s.network.classes.islands.size())),
                  with_thousands(static_cast<double>(s.network.classes.class_of_island.size())),
                  with_thousands(s.network.loads.resources),
                  with_thousands(static_cast<double>(s.result.events)),
                  with_thousands(static_cast<double>(s.result.solves))),
      width, 0);
}

}  // namespace

std::string step_text(const StepView& view) {
  return head(view) + times(view) + exposed(view) + transfers(view) + links(view) + variants(view) +
         foot(view);
}

}  // namespace tightrope::report
