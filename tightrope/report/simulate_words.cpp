// What a simulation says, in sentences.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/simulate_words_internal.h"

namespace tightrope::report::simulate_internal {
namespace {

using serving_study::LatencyBand;
using serving_study::SimulatedPool;
using serving_study::SimulateRequest;
using serving_study::SimulateResult;

constexpr double million = 1e6;

std::string whole(std::int64_t n) { return with_thousands(static_cast<double>(n)); }

// Three digits, without an exponent.
std::string short_number(double v) {
  return std::fabs(v) < 1000.0 ? fmt::format("{:.3g}", v) : with_thousands(std::round(v));
}

std::string promises(const serving::Slo& slo) {
  std::vector<std::string> parts;
  if (slo.ttft.raw() > 0) parts.push_back("TTFT " + to_text(slo.ttft));
  if (slo.tpot.raw() > 0) parts.push_back("TPOT " + to_text(slo.tpot));
  if (slo.e2e.raw() > 0) parts.push_back("E2E " + to_text(slo.e2e));
  return fmt::format("{}", fmt::join(parts, " and "));
}

std::string rates(const SimulateRequest& request, const SimulateResult& r) {
  const serving::ServingResult& s = r.served;
  const double chip_s = r.chip_hours * 3600.0;
  std::string text =
      fmt::format("throughput: {} requests/s, {} output tokens/s ({} a chip), {} input tokens/s",
                  short_number(s.requests_per_second), short_number(s.output_rate.raw()),
                  short_number(chip_s > 0 ? static_cast<double>(s.output_tokens) / chip_s : 0),
                  short_number(s.input_rate.raw()));
  const std::string slo = promises(request.slo);
  if (!slo.empty() && s.finished > 0) {
    const auto counted =
        static_cast<double>(std::max<std::int64_t>(1, s.finished - request.load.warm_up));
    text += fmt::format("; goodput {} requests/s: {:.1f} % within {}", short_number(s.goodput),
                        100.0 * static_cast<double>(s.within_slo) / counted, slo);
  }
  return text;
}

std::string money(const SimulateResult& r) {
  if (!r.cost) return "cost: no price in the catalog for what was asked";
  const serving::ServingResult& s = r.served;
  std::string text = fmt::format("cost: {} USD", with_thousands(r.cost->raw(), 2));
  if (s.output_tokens > 0) {
    text += fmt::format(", {} USD a million output tokens",
                        short_number(per_output_token(r.cost->raw(), s) * million));
  }
  const double hours = s.duration.raw() / 3600.0;
  if (hours > 0) {
    text += fmt::format(", {} USD an hour", with_thousands(r.cost->raw() / hours, 2));
  }
  std::vector<std::string> tags;
  for (const SimulatedPool& p : r.fleet.pools) {
    tags.push_back(fmt::format("{} {:.3g} USD a chip and hour, {}, {}, {} {}", p.asked.system,
                               p.price->per_chip.raw() * 3600.0, to_string(p.price->term),
                               p.price->region, p.price->source, p.price->as_of));
  }
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  return text + fmt::format(" ({})", fmt::join(tags, "; "));
}

std::string energy(const SimulateResult& r) {
  const serving::ServingResult& s = r.served;
  std::string text = fmt::format("energy: {} at the meter", to_text(r.energy));
  if (s.output_tokens > 0) {
    const double each = per_output_token(r.energy.raw(), s);
    text += fmt::format(", {} J an output token", short_number(each));
    if (r.energy_error > 0) {
      text += fmt::format(
          " ({} to {}: a model of power that half of the metered products "
          "keep within {:.0f} %)",
          short_number(each * (1 - r.energy_error)), short_number(each * (1 + r.energy_error)),
          100 * r.energy_error);
    }
  }
  if (r.carbon) {
    text += fmt::format("; {} ({})", to_text(*r.carbon), r.fleet.pools.front().place.region);
  }
  return text;
}

std::string cache(const SimulateResult& r) {
  const serving::ServingResult& s = r.served;
  const CacheUse use = cache_use(s);
  std::string text = fmt::format(
      "cache: {:.1f} % of pages in use on average, {:.1f} % at most; {:.1f} % of prompt tokens "
      "found in it; {} put back",
      100 * use.mean, 100 * use.greatest, 100 * s.hit_rate, whole(s.preemptions));
  text += fmt::format("; queue {} on average, {} at most; {} under way at most",
                      short_number(s.mean_waiting), whole(s.greatest_waiting),
                      whole(s.greatest_in_flight));
  if (s.transfers > 0) text += fmt::format("; {} transfers of keys and values", whole(s.transfers));
  return text;
}

// How many replicas there were, where that changed.
std::string replicas(const SimulateResult& r) {
  const serving::ServingResult& s = r.served;
  std::string text;
  const double span = s.duration.raw();
  for (std::size_t k = 0; k < r.fleet.pools.size() && span > 0; ++k) {
    const serving::Autoscaling& rules = r.fleet.pools[k].asked.autoscaling;
    if (!rules.is_on) continue;
    text += fmt::format("{}: {} to {} of {} as requests come, {} for each; {} paid for on average",
                        text.empty() ? "replicas" : "; replicas", whole(rules.least),
                        whole(rules.most), r.fleet.pools[k].asked.name, short_number(rules.target),
                        short_number(s.kinds[k].provisioned.raw() / span));
  }
  if (!text.empty()) {
    text += fmt::format(", {} took requests at most", whole(cache_use(s).replicas));
  }
  if (s.failures > 0) {
    text += fmt::format(
        "{}failures: {} of replicas, {} out of service in all; {} requests sent "
        "again, {} given up",
        text.empty() ? "" : "; ", whole(s.failures), to_text(s.down), whole(s.retries),
        whole(s.given_up));
  }
  return text;
}

std::string band_words(const char* name, const std::optional<LatencyBand>& band) {
  if (!band) return {};
  return fmt::format("{} {:.2f} to {:.2f} times what is told here", name, band->low90,
                     band->high90);
}

std::string trust(const SimulateResult& r) {
  const std::string ttft = band_words("TTFT", r.ttft_band), tpot = band_words("TPOT", r.tpot_band);
  std::string text;
  if (!ttft.empty() || !tpot.empty()) {
    text = fmt::format(
        "calibration: of published points left out of the fit, 90 in 100 measured "
        "{}{}{}",
        ttft, ttft.empty() || tpot.empty() ? "" : ", ", tpot);
  }
  for (const SimulatedPool& p : r.fleet.pools) {
    for (const std::string& note : p.borrowed) {
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", p.asked.name, note);
    }
  }
  return text;
}

std::string lost(const SimulateResult& r) {
  const serving::ServingResult& s = r.served;
  std::vector<std::string> parts;
  if (s.rejected > 0) {
    parts.push_back(whole(s.rejected) + (s.rejected == 1 ? " was" : " were") +
                    " longer than a replica's cache, or than one prompt may be (--token-budget)");
  }
  if (s.given_up > 0) parts.push_back(whole(s.given_up) + " were given up after failures");
  if (s.unfinished > 0) parts.push_back(whole(s.unfinished) + " were not finished");
  if (parts.empty()) return {};
  return fmt::format("of {} requests {}", whole(s.arrived), fmt::join(parts, ", "));
}

std::string saturation(const SimulateResult& r) {
  const serving::Saturation& s = r.served.saturation;
  if (!s.is_saturated) return {};
  return fmt::format(
      "PAST SATURATION: over the second half of arrivals {} requests/s came and {} were served, "
      "and the queue grew from {} to {}. Waiting depends on how long one looks: no tail of TTFT, "
      "E2E or queue is estimated.",
      short_number(s.arrival_rate), short_number(s.completion_rate), whole(s.waiting_half),
      whole(s.waiting_end));
}

}  // namespace

double per_output_token(double amount, const serving::ServingResult& served) {
  return served.output_tokens > 0 ? amount / static_cast<double>(served.output_tokens) : 0.0;
}

std::vector<Named> distributions(const serving::ServingResult& s) {
  const bool tails = !s.saturation.is_saturated;
  return {{"TTFT", &s.ttft, tails},
          {"TPOT", &s.tpot},
          {"ITL", &s.itl},
          {"E2E", &s.e2e, tails},
          {"queue", &s.queue, tails}};
}

std::vector<std::string> latency_cells(const Named& row) {
  const serving::Distribution& d = *row.distribution;
  if (d.count == 0) return {row.name, "-", "-", "-", "-", "-", "-"};
  const auto cell = [](const serving::Percentile& p) { return to_text(p.value); };
  if (!row.has_tail) return {row.name, to_text(d.mean), cell(d.p50), "-", "-", "-", "-"};
  const std::string high = d.p99.high_is_open ? "open" : to_text(d.p99.high);
  return {row.name,
          to_text(d.mean),
          cell(d.p50),
          cell(d.p90),
          cell(d.p95),
          cell(d.p99),
          fmt::format("{} to {}", to_text(d.p99.low), high)};
}

CacheUse cache_use(const serving::ServingResult& served) {
  CacheUse use;
  double area = 0, span = 0;
  for (std::size_t i = 0; i < served.series.size(); ++i) {
    const serving::SeriesPoint& p = served.series[i];
    const Seconds before = i == 0 ? Seconds(0.0) : served.series[i - 1].time;
    area += p.kv_used * (p.time - before).raw();
    span += (p.time - before).raw();
    use.greatest = std::max(use.greatest, p.kv_used);
    use.replicas = std::max(use.replicas, p.replicas);
  }
  if (span > 0) use.mean = area / span;
  return use;
}

std::vector<std::string> pool_words(const SimulatedPool& p) {
  const infer::ServingMemory& m = p.memory;
  const serving::SchedulerOptions& s = p.scheduler;
  std::string what = fmt::format("{}: {} x {} of {} ({}), {} {} each, {}, {}", p.asked.name,
                                 with_thousands(static_cast<double>(p.asked.count)),
                                 infer::to_string(p.asked.mapping), p.asked.system, p.chip, p.chips,
                                 p.chips == 1 ? "chip" : "chips", p.numerics, p.engine);
  if (s.draft_tokens > 0) {
    what += fmt::format(", {} draft{} {:.3g} tokens an iteration", s.draft_tokens,
                        s.draft_tokens == 1 ? " that yields" : "s that yield", s.accepted + 1.0);
    if (!s.yields.empty()) what += ", drawn for each request";
  }
  if (s.poll_steps > 1) {
    what += fmt::format(", looks at its queue every {} decode steps", whole(s.poll_steps));
  }
  if (s.static_batches) {
    what += fmt::format(", static batches of {} or whoever waited {}", s.max_sequences,
                        to_text(s.batch_wait));
  }
  const std::string holds =
      m.token.raw() > 0
          ? fmt::format("{} tokens fit in a replica, in pages of {}",
                        with_thousands(std::floor(m.tokens)), s.block_tokens)
          : fmt::format("a sequence takes {} of it whatever its length", to_text(m.sequence));
  std::string memory = fmt::format(
      "a rank has {}: weights {}, activations {}, reserve {}, cache {}; {}; at most {} tokens and "
      "{} sequences an iteration",
      to_text(m.device), to_text(m.weights), to_text(m.activations), to_text(m.reserve),
      to_text(m.cache), holds, whole(s.token_budget), whole(s.max_sequences));
  return {what, memory};
}

std::vector<std::string> outcome_words(const SimulateRequest& request, const SimulateResult& r) {
  std::vector<std::string> all = {saturation(r), lost(r),  rates(request, r),    money(r),
                                  energy(r),     cache(r), replicas(r), trust(r)};
  std::erase_if(all, [](const std::string& words) { return words.empty(); });
  return all;
}

std::string headline(const SimulateRequest& request, const SimulateResult& r) {
  const serving::ServingResult& s = r.served;
  std::string text = fmt::format("{}: {}", request.model.model.name, r.load);
  if (request.load.rate_scale != 1) {
    text += fmt::format(", {:g} times as fast", request.load.rate_scale);
  }
  if (request.load.rate > 0) {
    text += fmt::format(", {} a second at random", short_number(request.load.rate));
  }
  if (request.load.concurrency > 0) {
    text +=
        fmt::format(", by {} clients that wait for their answers", whole(request.load.concurrency));
  }
  text += fmt::format("; {} finished in {}", whole(s.finished), to_text(s.duration));
  if (r.cancelled) text += "; PARTIAL: stopped before its end";
  return text;
}

}  // namespace tightrope::report::simulate_internal
