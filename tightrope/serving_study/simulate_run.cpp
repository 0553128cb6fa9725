// The run itself, and what it took: money, energy, carbon.
#include <algorithm>
#include <cmath>
#include <memory>

#include <fmt/format.h>

#include "tightrope/core/check.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/formula/kernel_power_calibration.h"
#include "tightrope/infer/engine.h"
#include "tightrope/serving_study/simulate.h"
#include "tightrope/traffic/generator.h"
#include "tightrope/traffic/spec_file.h"
#include "tightrope/traffic/trace_file.h"

namespace tightrope::serving_study {
namespace {

// Requests and what they come from, which lives as long as the run.
struct Arrivals {
  std::unique_ptr<traffic::Trace> trace;
  std::unique_ptr<traffic::Generator> generator;
  serving::Source source;
  std::int64_t content_tokens = 512;
  std::string words;
};

serving::Source scaled(serving::Source source, double times) {
  if (times == 1.0) return source;
  return [source = std::move(source), times](serving::Arrival& next) {
    if (!source(next)) return false;
    next.request.arrival_ns = std::llround(static_cast<double>(next.request.arrival_ns) / times);
    return true;
  };
}

Result<void> read_arrivals(const LoadRequest& load, Arrivals& out) {
  if (!load.trace.empty()) {
    TR_TRY(traffic::Trace trace, traffic::read_trace(load.trace));
    if (load.rate > 0) {
      traffic::draw_arrivals(trace, traffic::PerSecond(load.rate), load.seed);
    } else if (!trace.timed && load.concurrency == 0) {
      return fail(
          ErrorCode::conflict, "the trace does not say when requests come", {load.trace, 1, 0},
          "give --rate X for so many a second at random, --concurrency N for clients that "
          "wait, or arrivals: timestamp (milliseconds), arrival_s, arrival_time (seconds) or "
          "arrival_time_ns");
    }
    out.trace = std::make_unique<traffic::Trace>(std::move(trace));
    out.source = serving::trace_source(*out.trace);
    out.content_tokens = out.trace->block_tokens;
    out.words = fmt::format("{} requests of {}",
                            with_thousands(static_cast<double>(out.trace->size())), load.trace);
    return {};
  }
  std::optional<traffic::GeneratorSpec> spec = load.spec;
  if (!load.traffic.empty()) {
    TR_TRY(spec, traffic::read_spec(load.traffic));
  }
  if (!spec) {
    return fail(ErrorCode::usage, "which requests?", {},
                "give --trace FILE, --traffic SPEC.toml, or --rate, --input and --output");
  }
  out.generator = std::make_unique<traffic::Generator>(*spec, load.seed, load.requests);
  out.content_tokens = spec->block_tokens;
  out.source = [&generator = *out.generator](serving::Arrival& next) {
    const std::optional<traffic::Request> made = generator.next();
    if (!made) return false;
    next.request = *made;
    next.content = generator.blocks();
    return true;
  };
  out.words = fmt::format("{} requests made up from {} (seed {})",
                          with_thousands(static_cast<double>(load.requests)),
                          load.traffic.empty() ? "means" : load.traffic, load.seed);
  return {};
}

// Half of the metered tables lie within this share of the power model.
double power_error() {
  constexpr double half = 0.6745;  // deviate of the normal law
  return half * formula::embedded_kernel_power().spread;
}

std::optional<LatencyBand> band_of(const char* metric, bool disaggregated) {
  const infer::ServingBand* band = infer::ServingTuning::embedded().band(
      fmt::format("{}_{}", disaggregated ? "disagg" : "agg", metric));
  if (band == nullptr) return std::nullopt;
  // Quantiles are those of log(predicted / measured): an overestimate lowers the truth.
  return LatencyBand{.low50 = std::exp(-band->q75),
                     .high50 = std::exp(-band->q25),
                     .low90 = std::exp(-band->q95),
                     .high90 = std::exp(-band->q05)};
}

// Histograms for the charts' curves.
struct Curves {
  serving::Histogram ttft, tpot, e2e;

  void add(const serving::RequestRecord& r) {
    ttft.add(serving::ticks_of(r.ttft));
    e2e.add(serving::ticks_of(r.e2e));
    if (r.output > 1) tpot.add(serving::ticks_of((r.e2e - r.ttft) / (r.output - 1.0)));
  }

  [[nodiscard]] std::vector<Curve> told() const {
    std::vector<double> shares;
    constexpr int points = 200;
    for (int i = 1; i <= points; ++i) shares.push_back(static_cast<double>(i) / points);
    return {{"TTFT", shares, ttft.quantiles(shares)},
            {"TPOT", shares, tpot.quantiles(shares)},
            {"E2E", shares, e2e.quantiles(shares)}};
  }
};

void add_bill(SimulateResult& out) {
  Dollars cost{};
  GramsCo2 carbon{};
  bool priced = true, placed = true;
  for (std::size_t i = 0; i < out.fleet.pools.size(); ++i) {
    const SimulatedPool& pool = out.fleet.pools[i];
    const serving::KindResult& kind = out.served.kinds[i];
    const Joules metered = kind.energy * pool.place.pue;
    out.energy += metered;
    carbon += metered * pool.place.carbon;
    placed = placed && pool.place.known;
    priced = priced && pool.price.has_value();
    cost += kind.cost;
    if (pool.price && pool.price->term == catalog::Term::purchase) {
      cost += metered * pool.place.electricity;
    }
    out.chip_hours += kind.provisioned.raw() / 3600.0 * pool.chips;
  }
  if (priced) out.cost = cost;
  if (placed) out.carbon = carbon;
  out.energy_error = power_error();
}

serving::RunOptions run_options(const SimulateRequest& request, const SimulatedFleet& fleet,
                                const RunHooks& hooks, Curves& curves) {
  serving::RunOptions options;
  options.slo = request.slo;
  options.front = fleet.front;
  options.warm_up_requests = request.load.warm_up;
  options.cancel = hooks.cancel;
  options.on_progress = hooks.on_progress;
  options.on_work = hooks.on_work;
  if (!hooks.curves && !hooks.on_finish) return options;
  options.on_finish = [&hooks, &curves](const serving::RequestRecord& done) {
    if (hooks.curves) curves.add(done);
    if (hooks.on_finish) hooks.on_finish(done);
  };
  return options;
}

}  // namespace

traffic::GeneratorSpec plain_spec(const PlainTraffic& traffic) {
  traffic::GeneratorSpec spec;
  spec.arrivals.rate = traffic::PerSecond(traffic.rate);
  spec.input.mean = traffic.input;
  spec.output.mean = traffic.output;
  spec.input.min = spec.output.min = 1.0;
  return spec;
}

Result<SimulateResult> simulate_serving(const SimulateRequest& request,
                                        const catalog::Catalog& catalog, const RunHooks& hooks) {
  Arrivals arrivals;
  TR_TRY_VOID(read_arrivals(request.load, arrivals));
  SimulateResult out;
  TR_TRY(out.fleet, make_fleet(request, catalog));
  serving::Load load;
  load.source = scaled(arrivals.source, request.load.rate_scale);
  load.concurrency = request.load.concurrency;
  load.content_tokens = arrivals.content_tokens;
  Curves curves;
  const serving::RunOptions options = run_options(request, out.fleet, hooks, curves);
  TR_TRY(out.served, serving::simulate(out.fleet.fleet, load, options));
  out.cancelled = hooks.cancel != nullptr && hooks.cancel->load() && !out.served.is_complete;
  out.load = arrivals.words;
  if (hooks.curves) out.curves = curves.told();
  add_bill(out);
  out.ttft_band = band_of("ttft_ms", out.fleet.disaggregated());
  out.tpot_band = band_of("tpot_ms", out.fleet.disaggregated());
  out.catalog_hash = catalog.hash();
  return out;
}

}  // namespace tightrope::serving_study
