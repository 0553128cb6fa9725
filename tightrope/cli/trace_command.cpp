#include "tightrope/cli/trace_command.h"

#include <array>
#include <optional>
#include <ostream>

#include <fmt/format.h>

#include "tightrope/core/csv.h"
#include "tightrope/report/trace_text.h"
#include "tightrope/traffic/fit.h"
#include "tightrope/traffic/generator.h"
#include "tightrope/traffic/spec_file.h"
#include "tightrope/traffic/trace_file.h"

namespace tightrope::cli {
namespace {

Result<traffic::Trace> read(const TraceOptions& options) {
  if (options.format.empty()) return traffic::read_trace(options.file);
  constexpr std::array all = {traffic::TraceFormat::azure_csv, traffic::TraceFormat::own_csv,
                              traffic::TraceFormat::json_lines};
  for (const traffic::TraceFormat format : all) {
    if (options.format == to_string(format)) return traffic::read_trace(options.file, format);
  }
  return fail(ErrorCode::usage, fmt::format("unknown format '{}'", options.format), {},
              "azure_csv, own_csv or json_lines");
}

// Prints a text, or writes it and says so.
int deliver(const Session& session, const std::string& path, const std::string& text) {
  if (path.empty() || path == "-") {
    session.out << text;
    return exit_ok;
  }
  if (const auto written = write_file(path, text); !written) {
    return report_error(session, written.error());
  }
  session.out << "written: " << path << '\n';
  return exit_ok;
}

}  // namespace

int run_trace_show(const Session& session, const TraceOptions& options) {
  const auto trace = read(options);
  if (!trace) return report_error(session, trace.error());
  const traffic::Summary summary = traffic::describe(*trace);
  if (options.json != "-") session.out << report::trace_text(summary);
  if (options.json.empty()) return exit_ok;
  return deliver(session, options.json, report::trace_json(summary));
}

int run_trace_fit(const Session& session, const TraceOptions& options) {
  const auto trace = read(options);
  if (!trace) return report_error(session, trace.error());
  const auto spec = traffic::fit(*trace);
  if (!spec) {
    Error error = spec.error();
    error.where.file = options.file;
    return report_error(session, error);
  }
  return deliver(session, options.out, traffic::spec_text(*spec));
}

int run_trace_generate(const Session& session, const TraceOptions& options) {
  const auto spec = traffic::read_spec(options.file);
  if (!spec) return report_error(session, spec.error());
  const traffic::Trace trace = traffic::generate(*spec, options.seed, options.requests);
  const bool keeps_blocks = options.out.ends_with(".jsonl");
  if (!keeps_blocks && !trace.blocks.empty()) {
    session.err << "note: CSV loses which blocks requests share; --out FILE.jsonl keeps them\n";
  }
  const auto format =
      keeps_blocks ? traffic::TraceFormat::json_lines : traffic::TraceFormat::own_csv;
  return deliver(session, options.out, traffic::trace_text(trace, format));
}

}  // namespace tightrope::cli
