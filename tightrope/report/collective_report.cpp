#include "tightrope/report/collective_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/text_table.h"

namespace tightrope::report {
namespace {

using netsim::CollectiveAnswer;
using network_study::CollectiveStudy;

constexpr int width = 100;

BytesPerSecond bandwidth(const CollectiveStudy& study, const CollectiveAnswer& a, bool bus) {
  const double factor = bus ? netsim::bus_factor(study.question.kind, study.ranks) : 1.0;
  return study.question.size * factor / a.time;
}

std::string head(const catalog::System& system, const CollectiveStudy& s) {
  const topology::Machine& m = s.machine;
  const netsim::UnitGroups groups = netsim::unit_groups(m, s.chip_of_rank);
  std::string text = fmt::format(
      "{} of {} over {} ranks in {} of {} {} of {} ({} chips each)", to_string(s.question.kind),
      to_text(s.question.size), with_thousands(s.ranks), with_thousands(groups.units()),
      with_thousands(m.units), m.units == 1 ? "unit" : "units", system.title, m.unit.chips());
  text = wrapped(text, width, 2);
  if (s.ideal) {
    text += fmt::format("wires at their nameplate, {} a message", to_text(s.question.latency));
  } else {
    text += "wires as fitted to measured collectives (calibration/kernels.toml)";
  }
  text += s.question.detail == netsim::Detail::fluid ? ", fluid\n" : ", step by step\n";
  if (!s.faults.empty()) text += "with faults\n";
  return text + "\n";
}

}  // namespace

std::string collective_text(const catalog::System& system, const CollectiveStudy& study) {
  std::string text = head(system, study);
  TextTable table({{"algorithm"},
                   {"time", Align::right},
                   {"size/time", Align::right},
                   {"bus bandwidth", Align::right},
                   {"busiest links"},
                   {"used", Align::right},
                   {"flows", Align::right},
                   {"alike", Align::right},
                   {""}});
  std::string others;
  for (const CollectiveAnswer& a : study.answers) {
    if (!a.answered()) {
      others += fmt::format("  {}: {}\n", to_string(a.algorithm), a.reason);
      continue;
    }
    const bool taken = study.chosen == a.algorithm;
    table.add({std::string(to_string(a.algorithm)), to_text(a.time),
               to_text(bandwidth(study, a, false)), to_text(bandwidth(study, a, true)),
               a.busiest_use > 0 ? topology::to_string(a.busiest) : "-",
               fmt::format("{:.1f} %", 100 * a.busiest_use), with_thousands(a.flows),
               with_thousands(static_cast<double>(a.classes)),
               taken ? "chosen" : (a.library ? "" : "not in the library")});
  }
  if (study.closed) {
    const double factor = netsim::bus_factor(study.question.kind, study.ranks);
    table.add({"closed form", to_text(*study.closed), to_text(study.question.size / *study.closed),
               to_text(study.question.size * factor / *study.closed)});
  }
  text += table.text();
  if (!others.empty()) text += "\nnot here\n" + others;
  return text;
}

std::string collective_json(const catalog::System& system, const CollectiveStudy& study) {
  nlohmann::ordered_json j;
  j["system"] = system.name;
  j["units"] = study.machine.units;
  j["ranks"] = study.ranks;
  j["kind"] = to_string(study.question.kind);
  j["size_bytes"] = study.question.size.raw();
  j["wires"] = study.ideal ? "ideal" : "calibrated";
  j["detail"] = study.question.detail == netsim::Detail::fluid ? "fluid" : "stepped";
  if (study.closed) j["closed_form_s"] = study.closed->raw();
  if (study.chosen) j["chosen"] = to_string(*study.chosen);
  j["algorithms"] = nlohmann::ordered_json::array();
  for (const CollectiveAnswer& a : study.answers) {
    nlohmann::ordered_json one;
    one["algorithm"] = to_string(a.algorithm);
    one["in_library"] = a.library;
    if (!a.answered()) {
      one["reason"] = a.reason;
    } else {
      one["time_s"] = a.time.raw();
      one["algorithm_bytes_per_s"] = bandwidth(study, a, false).raw();
      one["bus_bytes_per_s"] = bandwidth(study, a, true).raw();
      one["busiest_links"] = topology::to_string(a.busiest);
      one["busiest_use"] = a.busiest_use;
      one["flows"] = a.flows;
      one["tasks"] = a.tasks;
      one["classes"] = a.classes;
    }
    j["algorithms"].push_back(std::move(one));
  }
  return j.dump(2) + "\n";
}

}  // namespace tightrope::report
