#include "tightrope/traffic/trace_file.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "tightrope/core/csv.h"
#include "tightrope/traffic/trace_internal.h"

namespace tightrope::traffic {
namespace {

constexpr std::int64_t most_tokens = 1 << 30;

// The digits at the front of `text`, as many as asked for, taken off.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view one_of) {
  if (text.empty() || one_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// ".6805900" as nanoseconds; 0 when nothing stands there.
std::int64_t take_fraction_ns(std::string_view& text) {
  if (!take(text, ".")) return 0;
  std::int64_t ns = 0, unit = 100'000'000;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
    ns += (text.front() - '0') * unit;
    unit /= 10;
  }
  return ns;
}

// "Z", "+01:00" or nothing, in minutes to be taken off.
std::optional<int> take_zone_minutes(std::string_view text) {
  if (text.empty() || text == "Z") return 0;
  const bool east = text.front() == '+';
  if (!take(text, "+-")) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours) return std::nullopt;
  take(text, ":");
  const auto minutes = text.empty() ? std::optional<int>(0) : take_digits(text, 2);
  if (!minutes || !text.empty()) return std::nullopt;
  return (east ? 1 : -1) * (*hours * 60 + *minutes);
}

TraceFormat format_of(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return TraceFormat::own_csv;
  if (text[first] == '{' || text[first] == '[') return TraceFormat::json_lines;
  const bool azure = text.substr(first).starts_with("TIMESTAMP");
  return azure ? TraceFormat::azure_csv : TraceFormat::own_csv;
}

// Seconds with as many decimals as they need, at most nine.
std::string decimal(std::int64_t value, std::int64_t unit, int digits) {
  std::string text = fmt::format("{}.{:0{}}", value / unit, value % unit, digits);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

void write_json_line(std::string& out, const Trace& trace, const Request& request) {
  out += fmt::format(R"({{"timestamp": {}, "input_length": {}, "output_length": {})",
                     decimal(request.arrival_ns, 1'000'000, 6), request.input, request.output);
  if (request.session >= 0) out += fmt::format(R"(, "session_id": {})", request.session);
  if (request.block_count > 0) {
    if (trace.block_tokens != 512)
      out += fmt::format(R"(, "block_tokens": {})", trace.block_tokens);
    out += ", \"hash_ids\": [";
    for (std::uint32_t i = 0; i < request.block_count; ++i) {
      if (i > 0) out += ", ";
      out += std::to_string(trace.blocks[request.first_block + i]);
    }
    out += ']';
  }
  out += "}\n";
}

}  // namespace

const char* to_string(TraceFormat format) {
  switch (format) {
    case TraceFormat::azure_csv: return "azure_csv";
    case TraceFormat::own_csv: return "own_csv";
    case TraceFormat::json_lines: return "json_lines";
  }
  return "?";
}

std::optional<std::int64_t> date_ns(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || !take(text, " T")) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::int64_t fraction = take_fraction_ns(text);
  const auto zone = take_zone_minutes(text);
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  // Years whose nanoseconds do not overflow.
  if (!zone || !date.ok() || *year < 1900 || *year > 2200) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = ((days * 24 + *hour) * 60 + *minute - *zone) * 60 + *second;
  return seconds * 1'000'000'000 + fraction;
}

std::optional<std::int64_t> to_ns(double value, double unit_ns) {
  const double ns = std::floor(value * unit_ns + 0.5);
  if (!(ns >= 0.0 && ns < 9.2e18)) return std::nullopt;
  return static_cast<std::int64_t>(ns);
}

Result<void> TraceBuilder::add(int line, std::optional<std::int64_t> arrival_ns, std::int64_t input,
                               std::int64_t output) {
  if (trace.requests.empty()) trace.timed = arrival_ns.has_value();
  if (trace.timed != arrival_ns.has_value()) {
    return fail(
        arrival_ns ? ErrorCode::conflict : ErrorCode::unknown_key,
        arrival_ns ? "an arrival time after requests without one" : "the arrival time is missing",
        {file_, line, 0},
        "give all requests one, or none: timestamp (milliseconds), arrival_s, arrival_time "
        "(seconds) or arrival_time_ns");
  }
  for (const auto& [name, tokens] : {std::pair("input", input), std::pair("output", output)}) {
    if (tokens >= 1 && tokens <= most_tokens) continue;
    return fail(ErrorCode::range,
                fmt::format("{} of {} tokens, expected 1 to {}", name, tokens, most_tokens),
                {file_, line, 0},
                tokens == 0 ? "leave out requests that failed or gave no answer" : "");
  }
  if (trace.requests.size() >= std::numeric_limits<std::int32_t>::max()) {
    return fail(ErrorCode::range, "more than two billion requests", {file_, line, 0});
  }
  Request request;
  request.arrival_ns = arrival_ns.value_or(0);
  request.input = static_cast<std::int32_t>(input);
  request.output = static_cast<std::int32_t>(output);
  request.first_block = static_cast<std::uint32_t>(trace.blocks.size());
  trace.requests.push_back(request);
  return {};
}

void TraceBuilder::set_session(std::string_view name) {
  const auto next = static_cast<std::int32_t>(sessions_.size());
  trace.requests.back().session = sessions_.emplace(std::string(name), next).first->second;
}

void TraceBuilder::add_block(std::uint64_t content) {
  const auto next = static_cast<std::uint32_t>(ids_.size());
  trace.blocks.push_back(ids_.emplace(content, next).first->second);
  ++trace.requests.back().block_count;
}

Result<Trace> TraceBuilder::finish() && {
  if (trace.requests.empty()) {
    return fail(ErrorCode::syntax, "the trace has no requests", {file_, 1, 0},
                "one request a line");
  }
  std::ranges::stable_sort(trace.requests, {}, &Request::arrival_ns);
  const std::int64_t first = trace.requests.front().arrival_ns;
  if (first < 0 || static_cast<double>(first) >= least_date_s * 1e9) {
    for (Request& request : trace.requests) request.arrival_ns -= first;
  }
  return std::move(trace);
}

Result<Trace> parse_trace(std::string_view text, const std::string& name,
                          std::optional<TraceFormat> format) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a byte order mark
  const TraceFormat known = format.value_or(format_of(text));
  if (known == TraceFormat::json_lines) return parse_json_lines(text, name);
  return parse_csv_trace(text, name, known);
}

Result<Trace> read_trace(const std::string& path, std::optional<TraceFormat> format) {
  TR_TRY(const std::string text, read_file(path));
  return parse_trace(text, path, format);
}

std::string trace_text(const Trace& trace, TraceFormat format) {
  std::string out;
  if (format == TraceFormat::json_lines) {
    for (const Request& request : trace.requests) write_json_line(out, trace, request);
    return out;
  }
  const bool sessions =
      std::ranges::any_of(trace.requests, [](const Request& r) { return r.session >= 0; });
  out = sessions ? "arrival_s,input_tokens,output_tokens,session\n"
                 : "arrival_s,input_tokens,output_tokens\n";
  for (const Request& r : trace.requests) {
    out += fmt::format("{},{},{}", decimal(r.arrival_ns, 1'000'000'000, 9), r.input, r.output);
    if (sessions) out += r.session < 0 ? std::string(",") : fmt::format(",{}", r.session);
    out += '\n';
  }
  return out;
}

}  // namespace tightrope::traffic
