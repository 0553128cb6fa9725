// A generator's spec from a trace.
#pragma once

#include "tightrope/core/result.h"
#include "tightrope/traffic/request.h"
#include "tightrope/traffic/spec.h"

namespace tightrope::traffic {

/// Fits arrivals (a gamma process with the trace's rate and deviation of gaps, or of counts where
/// times are coarse; a profile by the hour from two hours on), lengths (33 quantiles each, and
/// their correlation), system prompts (first blocks of a tenth of the requests), and what else is
/// shared: sessions where the trace names them, else reuse of earlier prompts, set so that what is
/// generated shares as many blocks. Errors: range when fewer than 10 requests or all at one moment.
[[nodiscard]] Result<GeneratorSpec> fit(const Trace& trace);

}  // namespace tightrope::traffic
