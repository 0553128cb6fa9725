#include "tightrope/traffic/summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "tightrope/traffic/random.h"

namespace tightrope::traffic {
namespace {

std::vector<double> normal_scores(const std::vector<double>& values) {
  const std::size_t n = values.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> scores(n);
  for (std::size_t first = 0; first < n;) {
    std::size_t last = first;
    while (last + 1 < n && values[order[last + 1]] == values[order[first]]) ++last;
    const double rank = 0.5 * static_cast<double>(first + last) + 0.5;
    const double score = normal_quantile(rank / static_cast<double>(n));
    for (; first <= last; ++first) scores[order[first]] = score;
  }
  return scores;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double v : values) sum += v;
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

LengthSummary lengths(std::vector<double> values) {
  LengthSummary out;
  out.mean = mean_of(values);
  std::ranges::sort(values);
  out.p50 = quantile(values, 0.5);
  out.p90 = quantile(values, 0.9);
  out.p99 = quantile(values, 0.99);
  out.longest = values.empty() ? 0 : static_cast<std::int32_t>(values.back());
  return out;
}

// Arrivals in each whole window between the first and the last arrival.
std::vector<double> counts(const Trace& trace, std::int64_t window_ns) {
  const std::int64_t start = trace.requests.front().arrival_ns;
  const std::int64_t span = trace.requests.back().arrival_ns - start;
  std::vector<double> out;
  constexpr std::int64_t most_windows = 50'000'000;
  if (span / window_ns > most_windows) return out;
  out.assign(static_cast<std::size_t>(span / window_ns), 0.0);
  for (const Request& request : trace.requests) {
    const auto i = static_cast<std::size_t>((request.arrival_ns - start) / window_ns);
    if (i < out.size()) out[i] += 1.0;
  }
  return out;
}

void describe_arrivals(const Trace& trace, Summary& out) {
  const auto& requests = trace.requests;
  std::vector<double> gaps;
  gaps.reserve(requests.size());
  for (std::size_t i = 1; i < requests.size(); ++i) {
    gaps.push_back(static_cast<double>(requests[i].arrival_ns - requests[i - 1].arrival_ns) * 1e-9);
  }
  const std::int64_t span_ns = requests.back().arrival_ns - requests.front().arrival_ns;
  out.span = Seconds(static_cast<double>(span_ns) * 1e-9);
  if (span_ns > 0) out.rate = static_cast<double>(gaps.size()) / out.span;
  out.gap_cv = variation(gaps);
  const std::vector<double> tens = counts(trace, 10'000'000'000);
  if (tens.size() >= 2) {
    const double cv = variation(tens);
    out.dispersion_10s = cv * cv * mean_of(tens);
  }
  const std::vector<double> minutes = counts(trace, 60'000'000'000);
  if (!minutes.empty()) {
    out.busiest_minute = *std::ranges::max_element(minutes) / Seconds(60.0);
  }
}

}  // namespace

double quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0.0;
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto i = std::min(static_cast<std::size_t>(place), sorted.size() - 1);
  const std::size_t next = std::min(i + 1, sorted.size() - 1);
  return sorted[i] + (sorted[next] - sorted[i]) * (place - static_cast<double>(i));
}

double score_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const std::vector<double> x = normal_scores(a), y = normal_scores(b);
  const double mean_x = mean_of(x), mean_y = mean_of(y);
  double xx = 0.0, yy = 0.0, xy = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  if (xx <= 1e-9 || yy <= 1e-9) return 0.0;
  return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
}

double variation(const std::vector<double>& values) {
  const double mean = mean_of(values);
  if (values.size() < 2 || mean <= 0.0) return 0.0;
  double squares = 0.0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return std::sqrt(squares / static_cast<double>(values.size())) / mean;
}

Summary describe(const Trace& trace) {
  Summary out;
  out.requests = static_cast<std::int64_t>(trace.size());
  out.block_tokens = trace.block_tokens;
  if (trace.requests.empty()) return out;
  out.timed = trace.timed;
  if (trace.timed) describe_arrivals(trace, out);
  std::vector<double> input, output;
  input.reserve(trace.size());
  output.reserve(trace.size());
  std::set<std::int32_t> sessions;
  for (const Request& request : trace.requests) {
    input.push_back(request.input);
    output.push_back(request.output);
    out.block_references += request.block_count;
    if (request.session < 0) continue;
    ++out.session_requests;
    sessions.insert(request.session);
  }
  out.correlation = score_correlation(input, output);
  out.input = lengths(std::move(input));
  out.output = lengths(std::move(output));
  out.sessions = static_cast<std::int64_t>(sessions.size());
  std::vector<std::uint32_t> blocks = trace.blocks;
  std::ranges::sort(blocks);
  out.unique_blocks =
      static_cast<std::int64_t>(std::ranges::unique(blocks).begin() - blocks.begin());
  if (out.block_references > 0) {
    out.reuse_share =
        1.0 - static_cast<double>(out.unique_blocks) / static_cast<double>(out.block_references);
  }
  return out;
}

}  // namespace tightrope::traffic
