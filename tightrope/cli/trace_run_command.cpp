#include "tightrope/cli/trace_run_command.h"

#include <algorithm>
#include <charconv>
#include <ostream>

#include <fmt/format.h>

#include "tightrope/cli/collective_command.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/network_study/simulate_trace.h"
#include "tightrope/report/trace_run_report.h"

namespace tightrope::cli {
namespace {

Result<std::vector<int>> read_numbers(const std::string& text, int least) {
  std::vector<int> numbers;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    int x = 0;
    const auto [at, code] = std::from_chars(text.data() + start, text.data() + end, x);
    if (code != std::errc() || at != text.data() + end || x < least) {
      return fail(ErrorCode::syntax, fmt::format("cannot read the numbers \"{}\"", text), {},
                  fmt::format("whole numbers from {} on, by commas", least));
    }
    numbers.push_back(x);
    start = end + 1;
  }
  return numbers;
}

Result<network_study::TraceScene> scene_of(const SimulateTraceOptions& o) {
  network_study::TraceScene scene;
  scene.prefixes = o.prefixes;
  scene.machine.units = o.units;
  if (!o.chips.empty()) {
    TR_TRY(scene.first_chips, read_numbers(o.chips, 0));
  }
  if (!o.order.empty()) {
    TR_TRY(scene.order, topology::read_order(o.order));
    TR_TRY(const std::vector<int> sizes, read_numbers(o.sizes, 1));
    if (sizes.size() != scene.sizes.size()) {
      return fail(ErrorCode::syntax, fmt::format("cannot read the sizes \"{}\"", o.sizes), {},
                  "with --order: ranks along tp, cp, dp and pp, like 8,1,4,2");
    }
    std::copy(sizes.begin(), sizes.end(), scene.sizes.begin());
  }
  scene.walk = o.snake ? topology::Walk::snake : topology::Walk::rows;
  scene.faults = o.faults;
  scene.ideal = o.ideal;
  netsim::CollectiveQuestion& q = scene.wires.question;
  q.detail = o.stepped ? netsim::Detail::stepped : netsim::Detail::fluid;
  q.reduce = !o.no_symmetry;
  if (!o.latency.empty()) {
    if (!o.ideal) return fail(ErrorCode::usage, "--latency goes with --ideal");
    TR_TRY(q.latency, parse_as<Seconds>(o.latency));
  }
  if (o.algorithm != "auto") {
    TR_TRY(scene.wires.only, netsim::read_algorithm(o.algorithm));
  }
  return scene;
}

Result<int> simulate(const Session& session, const SimulateTraceOptions& o) {
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  TR_TRY(const catalog::System* system, system_named(catalog, o.system));
  TR_TRY(const network_study::TraceScene scene, scene_of(o));
  TR_TRY(const network_study::TraceStudy study,
         network_study::simulate_trace(catalog, *system, scene));
  if (!o.timeline.empty()) {
    TR_TRY_VOID(write_file(o.timeline, report::trace_run_timeline(study)));
  }
  if (!o.json.empty() && o.json != "-") {
    TR_TRY_VOID(write_file(o.json, report::trace_run_json(*system, study)));
  }
  session.out << (o.json == "-" ? report::trace_run_json(*system, study)
                                : report::trace_run_text(*system, study));
  return study.never > 0 ? exit_infeasible : exit_ok;
}

}  // namespace

int run_simulate_trace(const Session& session, const SimulateTraceOptions& options) {
  const auto code = simulate(session, options);
  return code ? *code : report_error(session, code.error());
}

}  // namespace tightrope::cli
