// `simulate step` for programs, and its timeline.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/report/step_report.h"

namespace tightrope::report {
namespace {

using json = nlohmann::ordered_json;
using network_study::StepSimulation;
using Span = netsim::StepSpan;

json process_json(const StepSimulation& s, std::size_t index) {
  const netsim::ProcessTime& t = s.result.processes[index];
  const int stages = s.built.program.stages;
  json out = {{"island_class", static_cast<int>(index) / stages},
              {"islands", s.network.loads.island_members[index / static_cast<std::size_t>(stages)]},
              {"stage", static_cast<int>(index) % stages},
              {"compute_s", t.compute},
              {"waiting_s", t.waiting},
              {"end_s", t.end},
              {"gather_s", t.gather},
              {"reduce_end_s", t.reduce_end}};
  json exposed = json::object();
  for (int d = 0; d < netsim::dimensions; ++d) {
    const double e = t.exposed[static_cast<std::size_t>(d)];
    if (e > 0)
      exposed[std::string(netsim::to_string(static_cast<netsim::Dimension>(d))) + "_s"] = e;
  }
  out["exposed"] = std::move(exposed);
  return out;
}

json faults_json(const topology::Faults& f) {
  json out = {
      {"dead_chips", f.dead_chips}, {"dead_nodes", f.dead_nodes}, {"dead_links", f.dead_links}};
  json slow = json::array();
  for (const auto& d : f.degraded) slow.push_back({{"link", d.link}, {"factor", d.factor}});
  out["degraded"] = std::move(slow);
  return out;
}

constexpr double micro = 1e6;

json name_event(const char* what, int pid, int tid, const std::string& name) {
  return {{"ph", "M"}, {"name", what}, {"pid", pid}, {"tid", tid}, {"args", {{"name", name}}}};
}

std::string piece_name(const netsim::StepProgram& program, const netsim::Piece& piece) {
  const char* letter = piece.kind == netsim::PieceKind::forward    ? "F"
                       : piece.kind == netsim::PieceKind::backward ? "B"
                                                                   : "W";
  std::string name = fmt::format("{}{}", letter, piece.micro_batch);
  if (program.chunks > 1) name += fmt::format(" chunk {}", piece.chunk);
  return name;
}

}  // namespace

std::string step_json(const StepView& view, const std::string& version) {
  const StepSimulation& s = *view.simulation;
  json out;
  out["schema"] = "tightrope.step/1";
  out["version"] = version;
  out["catalog_hash"] = view.catalog->hash();
  out["model"] = view.model;
  out["system"] = view.context->system.name;
  out["mapping_text"] = step::to_text(view.estimate->mapping);
  out["ranks"] = view.estimate->mapping.ranks();
  out["units"] = s.machine.units;
  out["order"] = to_string(s.spec.order);
  out["step_time_s"] = s.result.step;
  out["closed_form_step_time_s"] = s.closed_step;
  out["pipeline_s"] = s.result.pipeline;
  out["closed_form_pipeline_s"] = s.built.pipeline.time.raw();
  out["sync_s"] = s.result.sync;
  out["straggler_s"] = s.result.straggler;
  out["after_s"] = s.result.after;
  out["faults"] = faults_json(s.faults);
  for (const network_study::ExposedReport& e : s.exposed) {
    out["exposed"].push_back({{"dimension", netsim::to_string(e.over)},
                              {"closed_form_s", e.closed},
                              {"topology_s", e.topology},
                              {"sharing_s", e.sharing}});
  }
  for (std::size_t i = 0; i < s.result.processes.size(); ++i) {
    out["processes"].push_back(process_json(s, i));
  }
  for (const network_study::TransferReport& r : s.transfers) {
    const netsim::Transfer& t = s.built.program.transfers[static_cast<std::size_t>(r.transfer)];
    out["transfers"].push_back({{"dimension", netsim::to_string(t.over)},
                                {"kind", formula::to_string(t.kind)},
                                {"stage", r.stage},
                                {"bytes", t.size.raw()},
                                {"repeats", t.repeats},
                                {"closed_form_s", r.closed},
                                {"alone_s", r.network},
                                {"hidden_s", t.hidden.raw()},
                                {"times", r.times}});
  }
  for (const network_study::LinkReport& l : s.links) {
    out["links"].push_back({{"kind", topology::to_string(l.kind)},
                            {"number", l.links},
                            {"busy", l.mean},
                            {"busiest", l.busiest},
                            {"unit", l.unit},
                            {"link", l.link}});
  }
  for (const StepVariant& v : view.variants) {
    json variant = {{"name", v.name}};
    if (v.outcome.empty()) {
      variant["step_time_s"] = v.step;
    } else {
      variant["infeasible"] = v.outcome;
    }
    out["what_if"].push_back(std::move(variant));
  }
  out["symmetry"] = {{"unit_classes", s.network.classes.units.size()},
                     {"island_classes", s.network.classes.islands.size()},
                     {"resources", s.network.loads.resources},
                     {"events", s.result.events},
                     {"solves", s.result.solves}};
  return out.dump(2) + "\n";
}

std::string step_timeline(const StepView& view) {
  const StepSimulation& s = *view.simulation;
  const netsim::StepProgram& program = s.built.program;
  constexpr int kernels_row = 1, first_transfer_row = 2, sync_row = 20;
  json events = json::array();
  const int processes = static_cast<int>(s.result.processes.size());
  std::vector<bool> named(static_cast<std::size_t>(processes), false);
  auto name = [&](int process) {
    if (named[static_cast<std::size_t>(process)]) return;
    named[static_cast<std::size_t>(process)] = true;
    const int stage = process % program.stages, island = process / program.stages;
    std::string title = fmt::format("stage {}", stage);
    if (s.network.loads.islands > 1) title += fmt::format(", island class {}", island);
    events.push_back(name_event("process_name", process, 0, title));
    events.push_back(name_event("thread_name", process, kernels_row, "pieces"));
    for (int d = 0; d < netsim::dimensions; ++d) {
      events.push_back(
          name_event("thread_name", process, first_transfer_row + d,
                     std::string(netsim::to_string(static_cast<netsim::Dimension>(d)))));
    }
    events.push_back(name_event("thread_name", process, sync_row, "gradients and parameters"));
  };
  for (const Span& span : s.result.spans) {
    name(span.process);
    json event = {{"ph", "X"}, {"pid", span.process}};
    if (span.kind == Span::Kind::piece) {
      event["name"] = piece_name(program, span.piece);
      event["tid"] = kernels_row;
    } else {
      const netsim::Transfer& t = program.transfers[static_cast<std::size_t>(span.transfer)];
      event["name"] = fmt::format("{} {}", netsim::to_string(t.over), formula::to_string(t.kind));
      event["tid"] =
          span.kind == Span::Kind::sync ? sync_row : first_transfer_row + static_cast<int>(t.over);
    }
    event["ts"] = span.start * micro;
    event["dur"] = (span.end - span.start) * micro;
    events.push_back(std::move(event));
  }
  json out;
  out["displayTimeUnit"] = "ms";
  out["otherData"] = {{"step_time_s", s.result.step},
                      {"mapping", step::to_text(view.estimate->mapping)},
                      {"spans", s.result.spans.size()}};
  out["traceEvents"] = std::move(events);
  return out.dump() + "\n";
}

}  // namespace tightrope::report
