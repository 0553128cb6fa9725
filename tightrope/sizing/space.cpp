#include "tightrope/sizing/space.h"

#include <algorithm>
#include <tuple>

namespace tightrope::sizing {
namespace {

using infer::Deployment;

// Powers of two, and the whole, halved as long as it is even: 72, 36, 18, 9.
std::vector<int> sizes(int most) {
  std::vector<int> out;
  for (int n = 1; n <= most; n *= 2) out.push_back(n);
  for (int n = most;; n /= 2) {
    out.push_back(n);
    if (n % 2 != 0) break;
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// Ways to spread experts over a stage: an expert cut over more ranks than this only loses.
constexpr int most_cuts = 8;
std::vector<int> expert_ways(int stage) {
  std::vector<int> out;
  for (const int n : sizes(stage)) {
    if (stage % n == 0 && stage / n <= most_cuts) out.push_back(n);
  }
  return out;
}

std::vector<int> values(const std::vector<int>& asked, const std::vector<int>& usual) {
  return asked.empty() ? usual : asked;
}

bool routed(const infer::Context& context) {
  return std::ranges::any_of(context.parts,
                             [](const infer::LayerPart& part) { return part.experts > 0; });
}

// A refusal without the numbers, so that reasons can be counted.
std::string kind_of(const std::string& reason) {
  for (const char* kind : {"attention heads", "state-space heads", "layers"}) {
    if (reason.find(kind) != std::string::npos) return std::string(kind) + " do not divide";
  }
  if (reason.find("experts") != std::string::npos) return "experts are too few";
  return "ranks do not divide";
}

}  // namespace

std::vector<Deployment> deployments(const infer::Context& context, const Space& space,
                                    Refusals& refused) {
  const int domain = std::max(1, context.fabric.fabric.domain_ranks);
  const int each = std::max(1, context.chip.ranks_per_chip);
  const bool experts = routed(context);
  // Four domains, but no pipelines of whole racks.
  const int usual_most = std::max(domain, std::min(4 * domain, 64 * each));
  const int most = space.max_chips > 0 ? space.max_chips * each : usual_most;
  const std::vector<int> usual = sizes(domain);
  std::vector<Deployment> out;
  const auto offer = [&](const Deployment& d) {
    if (d.ranks() > most) return;
    if (d.ranks() % each != 0) {
      ++refused["do not fill whole chips"];
      return;
    }
    const std::string reason = infer::why_not(context, d);
    if (reason.empty()) {
      out.push_back(d);
    } else {
      ++refused[kind_of(reason)];
    }
  };
  for (const int tp : values(space.tp, usual)) {
    for (const int dp : values(space.dp, experts ? usual : std::vector<int>{1})) {
      const int stage = tp * dp;
      if (stage > domain) continue;
      for (const int pp : values(space.pp, {1, 2, 4, 8})) {
        // Without a need for more memory, stages only lengthen the way: beyond the domain a stage
        // fills it; within, dense models may split either way.
        const bool beyond = stage * pp > domain;
        if (space.pp.empty() && pp > 1 && (experts || beyond) && 2 * stage <= domain) continue;
        for (const int ep : values(space.ep, experts ? expert_ways(stage) : std::vector<int>{1})) {
          if (stage % ep == 0) offer({.tp = tp, .pp = pp, .dp = dp, .ep = ep});
        }
      }
    }
  }
  std::ranges::stable_sort(
      out, {}, [](const Deployment& d) { return std::tuple(d.ranks(), d.pp, d.tp, d.dp, d.ep); });
  return out;
}

}  // namespace tightrope::sizing
