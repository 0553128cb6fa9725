// What the readers of the formats share.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tightrope/traffic/trace_file.h"

namespace tightrope::traffic {

/// A trace that is being read: times may still be dates, and in any order.
class TraceBuilder {
 public:
  explicit TraceBuilder(std::string file) : file_(std::move(file)) {}

  /// Seconds from here on are a date (Unix time), not a time since a trace's start.
  static constexpr double least_date_s = 1e8;

  /// Adds a request without blocks; without an arrival where the file tells none. Errors: range,
  /// and unknown_key or conflict when only some requests have one, naming `line`.
  [[nodiscard]] Result<void> add(int line, std::optional<std::int64_t> arrival_ns,
                                 std::int64_t input, std::int64_t output);
  /// Of the request added last.
  void set_session(std::string_view name);
  void add_block(std::uint64_t content);
  /// Sorts, and lets dates begin at 0. Errors: syntax when nothing was added.
  [[nodiscard]] Result<Trace> finish() &&;

  Trace trace;

 private:
  std::string file_;
  std::map<std::string, std::int32_t, std::less<>> sessions_;
  std::unordered_map<std::uint64_t, std::uint32_t> ids_;  // looked up only
};

/// "2023-11-16 18:15:46.6805900", also with T, Z or an offset, as nanoseconds since 1970.
[[nodiscard]] std::optional<std::int64_t> date_ns(std::string_view text);
/// Nearest nanosecond; nothing when it is no number, negative or beyond 290 years.
[[nodiscard]] std::optional<std::int64_t> to_ns(double value, double unit_ns);

[[nodiscard]] Result<Trace> parse_csv_trace(std::string_view text, const std::string& name,
                                            TraceFormat format);
[[nodiscard]] Result<Trace> parse_json_lines(std::string_view text, const std::string& name);

}  // namespace tightrope::traffic
