// The parts of a fit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "tightrope/traffic/request.h"
#include "tightrope/traffic/spec.h"

namespace tightrope::traffic {

/// 33 quantiles, denser towards both ends: the k-th at u = t*t*(3 - 2t), t = k/32.
[[nodiscard]] Distribution fit_quantiles(std::vector<double> values);

/// From moments in seconds, rising, at least two.
[[nodiscard]] Arrivals fit_arrivals(const std::vector<double>& moments);

/// System prompts by first blocks, of which each is taken to be as usual as the others.
struct PromptFit {
  Prompts prompts;                       ///< without blocks: a share of 0
  std::set<std::uint32_t> first_blocks;  ///< how a request with one begins
};
[[nodiscard]] PromptFit fit_prompts(const Trace& trace);

/// Sessions where the trace names them and some have two turns; `input` becomes the new tokens of
/// later turns when conversations grow.
void fit_sessions(const Trace& trace, const PromptFit& found, GeneratorSpec& spec);

/// Reuse beyond the system prompt; needs everything else of the spec.
void fit_reuse(const Trace& trace, GeneratorSpec& spec);

}  // namespace tightrope::traffic
