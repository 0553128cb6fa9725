#include "tightrope/cli/collective_command.h"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "tightrope/catalog/names.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/network_study/simulate_collective.h"
#include "tightrope/report/collective_report.h"

namespace tightrope::cli {
namespace {

Result<network_study::CollectiveScene> scene_of(const SimulateCollectiveOptions& o) {
  network_study::CollectiveScene scene;
  if (o.ideal && o.calibrated) {
    return fail(ErrorCode::usage, "--ideal and --calibrated exclude each other", {},
                "leave one of them out");
  }
  if (!o.ideal && !o.latency.empty()) {
    return fail(ErrorCode::usage, "--latency goes with --ideal", {},
                "fitted wires have latencies of their own");
  }
  scene.machine.units = std::max(1, o.units);
  scene.faults = o.faults;
  scene.ranks = o.ranks;
  scene.chips_per_unit = o.chips_per_unit;
  scene.ideal = o.ideal;
  netsim::CollectiveQuestion& q = scene.question;
  TR_TRY(q.kind, netsim::read_collective_kind(o.kind));
  TR_TRY(q.size, parse_as<Bytes>(o.size));
  if (!o.latency.empty()) {
    TR_TRY(q.latency, parse_as<Seconds>(o.latency));
  }
  q.detail = o.stepped ? netsim::Detail::stepped : netsim::Detail::fluid;
  q.channels = o.channels;
  q.pieces = std::max(1, o.pieces);
  q.reduce = !o.no_symmetry;
  if (o.algorithm != "auto") {
    TR_TRY(scene.only, netsim::read_algorithm(o.algorithm));
  }
  return scene;
}

Result<int> simulate(const Session& session, const SimulateCollectiveOptions& o) {
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  TR_TRY(const catalog::System* system, system_named(catalog, o.system));
  TR_TRY(const network_study::CollectiveScene scene, scene_of(o));
  TR_TRY(const network_study::CollectiveStudy study,
         network_study::simulate_collective(catalog, *system, scene));
  if (!o.json.empty() && o.json != "-") {
    TR_TRY_VOID(write_file(o.json, report::collective_json(*system, study)));
  }
  session.out << (o.json == "-" ? report::collective_json(*system, study)
                                : report::collective_text(*system, study));
  return study.chosen ? exit_ok : exit_infeasible;
}

}  // namespace

Result<const catalog::System*> system_named(const catalog::Catalog& catalog,
                                            const std::string& name) {
  const catalog::System* system = catalog.find_system(name);
  if (system != nullptr) return system;
  std::vector<std::string> known;
  for (const catalog::System& s : catalog.systems()) known.push_back(s.name);
  return fail(ErrorCode::not_found, fmt::format("unknown system \"{}\"", name), {},
              catalog::did_you_mean(catalog::near_names(name, known)));
}

int run_simulate_collective(const Session& session, const SimulateCollectiveOptions& options) {
  const auto code = simulate(session, options);
  return code ? *code : report_error(session, code.error());
}

}  // namespace tightrope::cli
