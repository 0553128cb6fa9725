// Serving loads whose concurrency or mapping a published table does not say.
#pragma once

#include "tightrope/infer/steady.h"

namespace tightrope::serving_study {

/// The longest 99th percentiles of first tokens and of time per token a load may have; 0: any.
struct LoadBounds {
  Seconds first{}, token{};
  /// Over which a balancer deals requests out so that all replicas have as many; 0: one replica's.
  int ranks = 0;
};

/// What a replica's scheduler and cache allow.
[[nodiscard]] infer::SteadyLimits limits_of(const infer::Context& context,
                                            const infer::Deployment& deployment);

/// One replica under a load. With bounds, the most requests under way (up to the load's) that keep
/// them; requests beyond those come no faster than they are served.
[[nodiscard]] infer::Steady serve(const infer::Context& context,
                                  const infer::Deployment& deployment, const infer::Load& load,
                                  const LoadBounds& bounds);

/// The one of `choices` that runs, fits and serves most requests a second and rank within the
/// bounds. Errors: unsupported, when none does.
[[nodiscard]] Result<infer::Deployment> faster_of(const infer::Context& context,
                                                  const std::vector<infer::Deployment>& choices,
                                                  const infer::Load& load,
                                                  const LoadBounds& bounds);

/// What who is free to choose would: the deployment on at most `chips` chips, whole replicas of it
/// filling them, that serves most requests a second and chip within the bounds.
/// Errors: unsupported, when none fits.
[[nodiscard]] Result<infer::Deployment> fastest_deployment(const infer::Context& context, int chips,
                                                           const infer::Load& load,
                                                           const LoadBounds& bounds);

}  // namespace tightrope::serving_study
