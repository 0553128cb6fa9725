#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/core/csv.h"
#include "tightrope/traffic/trace_internal.h"

namespace tightrope::traffic {
namespace {

struct Columns {
  std::string time, input, output, session;
};

// Headers that are known: ours, BurstGPT's, what other simulators made of Azure's traces.
const std::array<Columns, 4> known_columns = {
    {{"arrival_s", "input_tokens", "output_tokens", "session"},
     {"Timestamp", "Request tokens", "Response tokens", "Session ID"},
     {"arrived_at", "num_prefill_tokens", "num_decode_tokens", ""},
     {"arrival_timestamp", "prompt_size", "token_size", ""}}};

Result<std::int64_t> tokens(const CsvTable& table, std::size_t row, const std::string& column) {
  const std::string& cell = table.at(row, column);
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (status == std::errc() && end == cell.data() + cell.size()) return value;
  return fail(
      ErrorCode::type,
      fmt::format("column \"{}\": expected a whole number of tokens, found \"{}\"", column, cell),
      table.where(row));
}

Result<std::int64_t> moment(const CsvTable& table, std::size_t row, const std::string& column,
                            bool dates) {
  const std::string& cell = table.at(row, column);
  double seconds = 0.0;
  const auto [end, status] = std::from_chars(cell.data(), cell.data() + cell.size(), seconds);
  const bool number = status == std::errc() && end == cell.data() + cell.size();
  const auto ns = dates ? date_ns(cell) : number ? to_ns(seconds, 1e9) : std::nullopt;
  if (ns) return *ns;
  return fail(ErrorCode::type,
              fmt::format("column \"{}\": expected {}, found \"{}\"", column,
                          dates ? "a date and time" : "seconds since the trace's start", cell),
              table.where(row),
              dates ? "as in 2023-11-16 18:15:46.6805900" : "a number from 0 on, as in 12.345");
}

Error unknown_table(const CsvTable& table, const std::string& name) {
  return Error{ErrorCode::unknown_key,
               fmt::format("not a trace: the header names {}", fmt::join(table.header(), ", ")),
               {name, 1, 0},
               "expected arrival_s,input_tokens,output_tokens[,session], or Azure's "
               "TIMESTAMP,ContextTokens,GeneratedTokens"};
}

// The columns that hold lengths; nothing when the header is none of a trace.
std::optional<Columns> columns_of(const CsvTable& table, bool dates) {
  if (dates) {
    const Columns azure{"TIMESTAMP", "ContextTokens", "GeneratedTokens", "session"};
    if (table.require({azure.time, azure.input, azure.output})) return azure;
    return std::nullopt;
  }
  for (const Columns& columns : known_columns) {
    if (table.require({columns.input, columns.output})) return columns;
  }
  return std::nullopt;
}

}  // namespace

Result<Trace> parse_csv_trace(std::string_view text, const std::string& name, TraceFormat format) {
  TR_TRY(const CsvTable table, CsvTable::parse(text, name));
  const bool dates = format == TraceFormat::azure_csv;
  const std::optional<Columns> columns = columns_of(table, dates);
  if (!columns) return Failure(unknown_table(table, name));
  const bool timed = table.has(columns->time);
  TraceBuilder builder(name);
  builder.trace.requests.reserve(table.rows());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    std::optional<std::int64_t> at;
    if (timed) {
      TR_TRY(at, moment(table, row, columns->time, dates));
    }
    TR_TRY(const std::int64_t input, tokens(table, row, columns->input));
    TR_TRY(const std::int64_t output, tokens(table, row, columns->output));
    TR_TRY_VOID(builder.add(table.where(row).line, at, input, output));
    const std::string& session = table.at(row, columns->session);
    if (!session.empty()) builder.set_session(session);
  }
  return std::move(builder).finish();
}

}  // namespace tightrope::traffic
