#include "tightrope/report/trace_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/report/text_table.h"

namespace tightrope::report {
namespace {

using Json = nlohmann::ordered_json;

// 288500 as "288,500".
std::string grouped(double value) {
  std::string digits = fmt::format("{:.0f}", value);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string grouped(std::int64_t value) { return grouped(static_cast<double>(value)); }

// Three digits of a rate, without an exponent.
std::string rate(traffic::PerSecond value) {
  return value.raw() < 100.0 ? fmt::format("{:.3g}", value.raw()) : grouped(value.raw());
}

void add_lengths(TextTable& table, const char* name, const traffic::LengthSummary& l) {
  table.add({name, grouped(l.mean), grouped(l.p50), grouped(l.p90), grouped(l.p99),
             grouped(std::int64_t{l.longest})});
}

Json lengths_json(const traffic::LengthSummary& l) {
  return {{"mean", l.mean}, {"p50", l.p50}, {"p90", l.p90}, {"p99", l.p99}, {"max", l.longest}};
}

std::string arrivals_text(const traffic::Summary& s) {
  if (!s.timed) return grouped(s.requests) + " requests; the trace does not say when they came\n\n";
  std::string out = fmt::format("{} requests in {:.1f} s: {} a second\n", grouped(s.requests),
                                s.span.raw(), rate(s.rate));
  out += fmt::format(
      "burstiness: deviation of gaps {:.2f} of their mean; arrivals in 10 s vary {:.1f} times\n"
      "  their mean (1 for Poisson, both)",
      s.gap_cv, s.dispersion_10s);
  if (s.busiest_minute.raw() > 0.0) {
    out += fmt::format("; busiest minute {} a second", rate(s.busiest_minute));
  }
  return out + "\n\n";
}

}  // namespace

std::string trace_text(const traffic::Summary& s) {
  std::string out = arrivals_text(s);
  TextTable table({{"tokens"},
                   {"mean", Align::right},
                   {"p50", Align::right},
                   {"p90", Align::right},
                   {"p99", Align::right},
                   {"max", Align::right}});
  add_lengths(table, "input", s.input);
  add_lengths(table, "output", s.output);
  out += table.text();
  out += fmt::format("correlation of input and output (ranks): {:.2f}\n", s.correlation);
  if (s.block_references > 0) {
    out += fmt::format("reuse: {:.1f} % of {} blocks of {} tokens came before; {} unique\n",
                       100.0 * s.reuse_share, grouped(s.block_references), s.block_tokens,
                       grouped(s.unique_blocks));
  } else {
    out += "reuse: the trace does not say what requests share\n";
  }
  if (s.sessions > 0) {
    out += fmt::format("sessions: {}, of {:.2f} turns\n", grouped(s.sessions),
                       static_cast<double>(s.session_requests) / static_cast<double>(s.sessions));
  }
  return out;
}

std::string trace_json(const traffic::Summary& s) {
  Json out = {{"requests", s.requests},
              {"timed", s.timed},
              {"span_s", s.span.raw()},
              {"rate_per_s", s.rate.raw()},
              {"gap_cv", s.gap_cv},
              {"dispersion_10s", s.dispersion_10s},
              {"busiest_minute_per_s", s.busiest_minute.raw()},
              {"input_tokens", lengths_json(s.input)},
              {"output_tokens", lengths_json(s.output)},
              {"correlation", s.correlation}};
  out["blocks"] = {{"block_tokens", s.block_tokens},
                   {"references", s.block_references},
                   {"unique", s.unique_blocks},
                   {"reuse_share", s.reuse_share}};
  out["sessions"] = {{"count", s.sessions}, {"requests", s.session_requests}};
  return out.dump(2) + "\n";
}

}  // namespace tightrope::report
