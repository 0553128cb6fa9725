#include "tightrope/traffic/fit.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/traffic/fit_internal.h"
#include "tightrope/traffic/summary.h"

namespace tightrope::traffic {
namespace {

constexpr std::size_t fewest_requests = 10;
constexpr double hour_s = 3600.0;

// Rates by the hour, of the day when there is a whole one, over their mean; and that mean.
struct Profile {
  std::vector<double> weights;
  double period_s = 0.0, mean_per_s = 0.0;
};

Profile fit_profile(const std::vector<double>& moments) {
  const double start = moments.front(), span = moments.back() - start;
  const auto hours = static_cast<std::size_t>(std::ceil(span / hour_s));
  const std::size_t parts = std::min<std::size_t>(24, hours);
  std::vector<double> arrived(parts, 0.0), covered(parts, 0.0);
  for (const double moment : moments) {
    const auto hour = static_cast<std::size_t>((moment - start) / hour_s);
    arrived[std::min(hour, hours - 1) % parts] += 1.0;
  }
  for (std::size_t hour = 0; hour < hours; ++hour) {
    covered[hour % parts] += std::min(hour_s, span - hour_s * static_cast<double>(hour));
  }
  Profile out;
  out.period_s = hour_s * static_cast<double>(parts);
  for (std::size_t i = 0; i < parts; ++i) {
    out.weights.push_back(arrived[i] / std::max(1.0, covered[i]));
    out.mean_per_s += out.weights.back() / static_cast<double>(parts);
  }
  for (double& weight : out.weights) weight /= out.mean_per_s;
  return out;
}

// Each moment as it would have been at the mean rate.
std::vector<double> flattened(const std::vector<double>& moments, const Profile& profile) {
  const double part_s = profile.period_s / static_cast<double>(profile.weights.size());
  std::vector<double> out;
  out.reserve(moments.size());
  double before = 0.0;
  std::size_t part = 0;
  for (const double moment : moments) {
    const double at = moment - moments.front();
    while (at >= part_s * static_cast<double>(part + 1)) {
      before += part_s * profile.weights[part++ % profile.weights.size()];
    }
    out.push_back(before + (at - part_s * static_cast<double>(part)) *
                               profile.weights[part % profile.weights.size()]);
  }
  return out;
}

// Deviation of gaps. Where a fifth of them are zero, times are coarse: then from the spread of
// counts, which for such a process is the square of it.
double fit_cv(const std::vector<double>& moments) {
  std::vector<double> gaps;
  std::size_t zeros = 0;
  for (std::size_t i = 1; i < moments.size(); ++i) {
    gaps.push_back(moments[i] - moments[i - 1]);
    zeros += gaps.back() <= 0.0 ? 1 : 0;
  }
  const double own = std::clamp(variation(gaps), 0.01, 100.0);
  constexpr std::size_t windows_of = 50;
  const std::size_t windows = moments.size() / windows_of;
  if (zeros * 5 < gaps.size() || windows < 8) return own;
  std::vector<double> counts(windows, 0.0);
  const double span = moments.back() - moments.front();
  for (const double moment : moments) {
    const double place = (moment - moments.front()) / span * static_cast<double>(windows);
    counts[std::min(static_cast<std::size_t>(place), windows - 1)] += 1.0;
  }
  const double deviation = variation(counts);
  const double mean = static_cast<double>(moments.size()) / static_cast<double>(windows);
  return std::clamp(deviation * std::sqrt(mean), 0.01, 100.0);
}

}  // namespace

Distribution fit_quantiles(std::vector<double> values) {
  std::ranges::sort(values);
  Distribution out;
  out.shape = Shape::quantiles;
  out.min = values.front();
  out.max = values.back();
  if (out.min == out.max) {
    out.shape = Shape::constant;
    out.mean = out.min;
    return out;
  }
  constexpr int knots = 33;
  for (int k = 0; k < knots; ++k) {
    const double t = static_cast<double>(k) / (knots - 1);
    out.at.push_back(t * t * (3.0 - 2.0 * t));
    out.values.push_back(quantile(values, out.at.back()));
  }
  return out;
}

Arrivals fit_arrivals(const std::vector<double>& moments) {
  Arrivals out;
  out.process = Process::gamma;
  const double span = moments.back() - moments.front();
  out.rate = static_cast<double>(moments.size() - 1) / Seconds(span);
  if (span < 2.0 * hour_s) {
    out.cv = fit_cv(moments);
    return out;
  }
  Profile profile = fit_profile(moments);
  out.cv = fit_cv(flattened(moments, profile));
  out.rate = PerSecond(profile.mean_per_s);
  out.profile = std::move(profile.weights);
  out.profile_period = Seconds(profile.period_s);
  return out;
}

Result<GeneratorSpec> fit(const Trace& trace) {
  if (trace.size() < fewest_requests) {
    return fail(ErrorCode::range, fmt::format("{} requests are too few to fit, expected {} or more",
                                              trace.size(), fewest_requests));
  }
  if (!trace.timed) {
    return fail(ErrorCode::range, "the trace does not say when requests came", {},
                "give each an arrival, or simulate it with --rate or --concurrency");
  }
  std::vector<double> moments, input, output;
  for (const Request& request : trace.requests) {
    moments.push_back(static_cast<double>(request.arrival_ns) * 1e-9);
    input.push_back(request.input);
    output.push_back(request.output);
  }
  if (moments.back() <= moments.front()) {
    return fail(ErrorCode::range, "all requests come at one moment: there is no rate to fit");
  }
  GeneratorSpec spec;
  spec.block_tokens = trace.block_tokens;
  spec.arrivals = fit_arrivals(moments);
  spec.correlation = score_correlation(input, output);
  spec.input = fit_quantiles(std::move(input));
  spec.output = fit_quantiles(std::move(output));
  const PromptFit found = fit_prompts(trace);
  spec.prompts = found.prompts;
  fit_sessions(trace, found, spec);
  if (!spec.sessions.on) fit_reuse(trace, spec);
  return spec;
}

}  // namespace tightrope::traffic
