// `tightrope trace show | fit | generate`: what users ask of a served model.
#pragma once

#include <cstdint>
#include <string>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

struct TraceOptions {
  std::string file;    ///< trace, or spec of `generate`
  std::string format;  ///< of the trace; empty: told from its first line
  std::string json;    ///< file, or "-" for standard output instead of the text
  std::string out;     ///< file to write; empty: standard output
  std::int64_t requests = 10000;
  std::uint64_t seed = 1;
};

/// Prints a trace's rate, lengths, reuse and burstiness.
int run_trace_show(const Session& session, const TraceOptions& options);
/// Writes the spec of a generator fitted to a trace.
int run_trace_fit(const Session& session, const TraceOptions& options);
/// Writes a trace made up from a spec.
int run_trace_generate(const Session& session, const TraceOptions& options);

}  // namespace tightrope::cli
