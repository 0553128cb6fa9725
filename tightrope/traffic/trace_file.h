// Traces as files: others' formats read, our own written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tightrope/core/result.h"
#include "tightrope/traffic/request.h"

namespace tightrope::traffic {

enum class TraceFormat {
  azure_csv,   ///< TIMESTAMP,ContextTokens,GeneratedTokens (AzurePublicDataset, 2023 and 2024)
  own_csv,     ///< arrival_s,input_tokens,output_tokens[,session]; BurstGPT's and others' columns
  json_lines,  ///< one object a line: Mooncake, LLMServingSim, and lengths under their usual names
};
[[nodiscard]] const char* to_string(TraceFormat format);

/// Reads a trace; without a format it is told from the first line. Requests are sorted by arrival.
/// Moments that are dates count from the earliest, others as they stand; where no request has one,
/// the trace is not `timed`. Errors: not_found; syntax, type, range, unknown_key, conflict with
/// file and line; unsupported (texts without token counts, and sessions whose later requests wait
/// for earlier answers).
[[nodiscard]] Result<Trace> read_trace(const std::string& path,
                                       std::optional<TraceFormat> format = {});
/// The same from a text; `name` stands for the file in errors.
[[nodiscard]] Result<Trace> parse_trace(std::string_view text, const std::string& name,
                                        std::optional<TraceFormat> format = {});

/// A trace as own_csv, which loses blocks, or as json_lines in Mooncake's keys, which keeps them.
[[nodiscard]] std::string trace_text(const Trace& trace, TraceFormat format);

}  // namespace tightrope::traffic
