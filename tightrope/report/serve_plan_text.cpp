#include "tightrope/report/serve_plan_text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/core/csv.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/report/text_table.h"

namespace tightrope::report {
namespace {

using serving_study::ServePlan;
using serving_study::ServePool;
using serving_study::ServeRequest;
using serving_study::ServeResult;

constexpr int page = 110;
constexpr double milli = 1e3;
constexpr double hour = 3600.0;
constexpr double giga = 1e9;
constexpr double million = 1e6;

std::string ms(Seconds t) {
  const double v = t.raw() * milli;
  if (v >= 10000) return with_thousands(v);
  return fmt::format("{:.{}f}", v, v < 10 ? 2 : v < 100 ? 1 : 0);
}

std::string amount(double v) {
  return with_thousands(v, std::fabs(v) < 10 ? 2 : std::fabs(v) < 100 ? 1 : 0);
}

std::string limits_text(const sizing::Limits& limits) {
  if (!limits.any()) return "no limit on latency";
  std::vector<std::string> parts;
  const auto part = [&](const char* name, const std::optional<Seconds>& most) {
    if (most) parts.push_back(fmt::format("{} {}", name, to_text(*most)));
  };
  part("TTFT", limits.ttft);
  part("TPOT", limits.tpot);
  part("end to end", limits.e2e);
  return fmt::format("{} for {:.4g} % of requests", fmt::join(parts, ", "), limits.percentile);
}

std::string head(const ServeRequest& r, const ServeResult& result) {
  const workload::ParameterCount count = workload::count_parameters(r.model.model);
  const double total = static_cast<double>(count.total());
  const double active = static_cast<double>(count.active());
  std::string model = fmt::format("{}: {:.4g} B parameters", r.model.model.name, total / giga);
  if (active < 0.99 * total) model += fmt::format(" ({:.4g} B active)", active / giga);
  const sizing::Demand& d = r.demand;
  std::string demand = fmt::format(", {} tokens in", with_thousands(d.input));
  if (d.cached > 0) demand += fmt::format(" ({} of them cached)", with_thousands(d.cached));
  demand += fmt::format(", {} out", with_thousands(d.output));
  demand += d.rate > 0 ? fmt::format(", {} requests/s", amount(d.rate)) : ", as many as it can";
  std::string goal = fmt::format(
      "Goal: least {}; {}. Formats: {}.",
      r.objective == sizing::Objective::throughput ? "chip time a token"
                                                   : sizing::to_string(r.objective),
      limits_text(r.limits),
      result.numerics.empty() ? "none" : fmt::format("{}", fmt::join(result.numerics, ", ")));
  return wrapped(model + demand, page, 2) + wrapped(goal, page, 2);
}

std::string system_words(const ServePlan& p) {
  return p.mixed() ? p.prefill.system + " + " + p.pool.system : p.pool.system;
}

std::string numerics_words(const ServePlan& p) {
  const bool unlike = p.fleet.disaggregated && p.prefill.numerics != p.pool.numerics;
  return unlike ? p.prefill.numerics + " + " + p.pool.numerics : p.pool.numerics;
}

std::string workers_words(const sizing::Fleet& f) {
  if (!f.disaggregated) return fmt::format("{:.0f}x", f.pool.workers);
  return fmt::format("{:.0f}P{:.0f}D", f.prefill.workers, f.pool.workers);
}

bool estimated(const ServePool& pool) {
  return pool.price && (pool.price->grade == "estimate" || pool.price->grade == "derived");
}

std::string table_text(const ServeRequest& r, const ServeResult& result) {
  TextTable table({{"#", Align::right},
                   {"system", Align::left},
                   {"chips", Align::right},
                   {"fleet", Align::right},
                   {"deployment", Align::left},
                   {"format", Align::left},
                   {"tok/s/chip", Align::right},
                   {"USD/Mtok", Align::right},
                   {"J/tok", Align::right},
                   {"TTFT ms", Align::right},
                   {"TPOT ms", Align::right}});
  int number = 0;
  for (const ServePlan& p : result.plans) {
    const sizing::Latency& shown = r.limits.any() ? p.fleet.high : p.fleet.mean;
    const bool guess = estimated(p.pool) || (p.fleet.disaggregated && estimated(p.prefill));
    table.add({fmt::format("{}", ++number), system_words(p),
               with_thousands(r.demand.rate > 0 ? p.fleet.rented() : p.fleet.chips()),
               workers_words(p.fleet), serve_deployment_words(p.fleet), numerics_words(p),
               amount(p.tokens_a_s_chip),
               p.usd_output_mtoken ? amount(*p.usd_output_mtoken) + (guess ? " *" : "") : "-",
               p.energy ? amount(p.energy->raw()) : "-", ms(shown.ttft), ms(shown.tpot)});
  }
  return "\n" + table.text();
}

std::string pool_line(const char* what, const sizing::Pool& pool, const ServePool& of) {
  return fmt::format(
      "{}: {:.0f} of {} ({} chip{} each) on {}, {} in {}{}; token budget {}, up to {} sequences; "
      "of {:.1f} GB a rank: weights {:.1f}, activations {:.1f}, cache {:.1f}",
      what, pool.workers, infer::to_string(pool.deployment), pool.worker_chips,
      pool.worker_chips == 1 ? "" : "s", of.system, of.engine, of.numerics,
      of.static_batches ? ", static batches" : "", with_thousands(pool.token_budget),
      with_thousands(pool.sequences), of.memory.device.raw() / giga, of.memory.weights.raw() / giga,
      of.memory.activations.raw() / giga, of.memory.cache.raw() / giga);
}

std::string latency_line(const ServeRequest& r, const ServePlan& p) {
  const sizing::Latency& m = p.fleet.mean;
  std::string text = fmt::format(
      "mean TTFT {} ms ({} to {} in 90 of 100), TPOT {} ms ({} to {}), {} requests under way a "
      "{}, {:.1f} tokens/s a user",
      ms(m.ttft), ms(m.ttft * p.ttft.low90), ms(m.ttft * p.ttft.high90), ms(m.tpot),
      ms(m.tpot * p.tpot.low90), ms(m.tpot * p.tpot.high90), amount(p.fleet.concurrency),
      p.fleet.disaggregated ? "decoding worker" : "replica", p.fleet.interactivity());
  if (r.limits.any()) {
    text += fmt::format("; at {:.4g} %: TTFT {} ms, TPOT {} ms, end to end {}", r.limits.percentile,
                        ms(p.fleet.high.ttft), ms(p.fleet.high.tpot), to_text(p.fleet.high.e2e));
  }
  if (p.fleet.disaggregated) {
    text += fmt::format("; keys and values go over in {} ms; prefill workers are busy {:.0f} %",
                        ms(p.fleet.transfer), 100 * p.fleet.prefill_share);
  }
  return text;
}

std::string money_line(const ServePlan& p) {
  std::string text;
  if (p.usd_output_mtoken) {
    text = fmt::format("{} USD a million output tokens ({} to {}), {} of all tokens",
                       amount(*p.usd_output_mtoken), amount(*p.usd_output_mtoken * p.tpot.low90),
                       amount(*p.usd_output_mtoken * p.tpot.high90), amount(*p.usd_total_mtoken));
    const auto tag = [&](const ServePool& pool) {
      text +=
          fmt::format("; {} {:.2f} USD a chip and hour ({}, {}; {}, {}, {})", pool.system,
                      pool.price->per_chip.raw() * hour, catalog::to_string(pool.price->term),
                      pool.price->region, pool.price->source, pool.price->as_of, pool.price->grade);
    };
    if (p.mixed()) tag(p.prefill);
    tag(p.pool);
  } else {
    text = "no published price: cost unknown";
  }
  if (p.energy) {
    text += fmt::format("; {} J a token ({} to {} in 90 of 100) at a PUE of {:.2f} ({})",
                        amount(p.energy->raw()), amount(p.energy->raw() * p.energy_band.low90),
                        amount(p.energy->raw() * p.energy_band.high90), p.pool.place.pue,
                        p.pool.place.region);
  }
  if (p.carbon_g_mtoken) text += fmt::format(", {} g CO2e a million", amount(*p.carbon_g_mtoken));
  return text;
}

std::string detail(const ServeRequest& r, const ServePlan& p, const std::string& title) {
  const std::string lead(5, ' ');
  const auto line = [&](const std::string& text) { return wrapped(lead + text, page, 7); };
  std::string text = wrapped(title, page, 7);
  if (p.fleet.disaggregated) text += line(pool_line("prefill", p.fleet.prefill, p.prefill));
  text += line(pool_line(p.fleet.disaggregated ? "decode" : "replicas", p.fleet.pool, p.pool));
  text += line(latency_line(r, p));
  text += line(money_line(p));
  if (r.demand.rate > 0) {
    text += line(fmt::format("{} chips rented in whole units of {}, {} used",
                             with_thousands(p.fleet.rented()), p.pool.unit_chips,
                             with_thousands(p.fleet.chips())));
  }
  std::vector<std::string> evidence = p.pool.evidence;
  for (const std::string& e : p.prefill.evidence) {
    if (std::ranges::find(evidence, e) == evidence.end()) evidence.push_back(e);
  }
  if (!evidence.empty()) text += line(fmt::format("wide band: {}", fmt::join(evidence, "; ")));
  return text;
}

std::string front_text(const ServeResult& result, int lines) {
  if (result.front.size() < 2) return {};
  TextTable table({{"tok/s a user", Align::right},
                   {"tok/s/chip", Align::right},
                   {"USD/Mtok", Align::right},
                   {"fleet", Align::right},
                   {"system", Align::left},
                   {"deployment", Align::left},
                   {"format", Align::left}});
  const std::size_t all = result.front.size();
  const std::size_t shown = std::min(all, static_cast<std::size_t>(std::max(lines, 2)));
  for (std::size_t i = 0; i < shown; ++i) {
    const ServePlan& p = result.front[i * (all - 1) / (shown - 1)];
    table.add({fmt::format("{:.1f}", p.fleet.interactivity()), amount(p.tokens_a_s_chip),
               p.usd_output_mtoken ? amount(*p.usd_output_mtoken) : "-", workers_words(p.fleet),
               system_words(p), serve_deployment_words(p.fleet), numerics_words(p)});
  }
  return fmt::format(
      "\nFront of a chip's throughput against what one user sees ({} of {} points shown):\n{}",
      shown, all, table.text(2));
}

std::string others_text(const ServeResult& result) {
  const sizing::Counters& n = result.counters;
  std::string text = "\nWhy the others lost:\n";
  std::vector<std::string> parts;
  for (const auto& [reason, count] : n.refused) {
    parts.push_back(fmt::format("{} {}", with_thousands(static_cast<double>(count)), reason));
  }
  std::string line = fmt::format(
      "  Systems searched: {}. {} configurations of {} deployments; {} break a limit, {} searches "
      "were cut by a bound",
      result.systems, with_thousands(static_cast<double>(n.configurations)),
      with_thousands(static_cast<double>(n.deployments)),
      with_thousands(static_cast<double>(n.missed)),
      with_thousands(static_cast<double>(n.bounded)));
  if (!parts.empty()) line += fmt::format("; refused: {}", fmt::join(parts, ", "));
  text += wrapped(line + ".", page, 2);
  if (result.lost.empty()) return text;
  TextTable table({{"system without a plan", Align::left}, {"why", Align::left}});
  for (const study::LostSystem& lost : result.lost) table.add({lost.system, lost.reason});
  return text + "\n" + table.text(2);
}

std::string failure_text(const ServeRequest& r, const ServeResult& result) {
  std::string text = result.nearest ? "\nNothing keeps the limits.\n" : "\nNothing serves it.\n";
  if (!result.nearest) {
    return text + "  No system can hold the model and one request; below stands why.\n";
  }
  const sizing::Latency& high = result.nearest->fleet.high;
  const sizing::Tightest& t = result.tightest;
  const Seconds is = t.limit == sizing::Limit::ttft   ? high.ttft
                     : t.limit == sizing::Limit::tpot ? high.tpot
                                                      : high.e2e;
  text += wrapped(fmt::format("  The limit that binds is --{}: {} is asked for, the nearest gives "
                              "{} at {:.4g} %.",
                              sizing::to_string(t.limit), to_text(is / t.share), to_text(is),
                              r.limits.percentile),
                  page, 2);
  text += wrapped(fmt::format("  Least reachable one by one: TTFT {}, TPOT {}, end to end {}.",
                              to_text(result.reach.ttft.value_or(Seconds(0.0))),
                              to_text(result.reach.tpot.value_or(Seconds(0.0))),
                              to_text(result.reach.e2e.value_or(Seconds(0.0)))),
                  page, 2);
  return text + detail(r, *result.nearest,
                       fmt::format("  Nearest: {}, {}", system_words(*result.nearest),
                                   workers_words(result.nearest->fleet)));
}

}  // namespace

std::string serve_deployment_words(const sizing::Fleet& f) {
  const std::string back = infer::to_string(f.pool.deployment);
  if (!f.disaggregated) return back;
  return infer::to_string(f.prefill.deployment) + " + " + back;
}

std::string serve_plan_text(const ServeRequest& request, const ServeResult& result,
                            const ServeTextOptions& options) {
  std::string text = head(request, result);
  if (!result.feasible()) {
    return text + failure_text(request, result) + others_text(result);
  }
  text += table_text(request, result) + "\n";
  const std::size_t shown =
      std::min(result.plans.size(), static_cast<std::size_t>(std::max(0, options.detailed)));
  for (std::size_t i = 0; i < shown; ++i) {
    const ServePlan& p = result.plans[i];
    text += detail(request, p,
                   fmt::format("{:>3}  {}, {}", i + 1, system_words(p), workers_words(p.fleet)));
  }
  if (result.fewest) {
    const ServePlan& p = *result.fewest;
    text += wrapped(
        fmt::format("Fewest chips for {} requests/s: {} of {} ({}, {}, {}).",
                    amount(request.demand.rate), with_thousands(p.fleet.rented()), system_words(p),
                    workers_words(p.fleet), serve_deployment_words(p.fleet), numerics_words(p)),
        page, 2);
  }
  text += front_text(result, options.front_lines) + others_text(result);
  const bool guessed = std::ranges::any_of(
      result.plans, [](const ServePlan& p) { return estimated(p.pool) || estimated(p.prefill); });
  std::string notes =
      "TPOT is the time between tokens after the first. Percentiles are estimated for Poisson "
      "arrivals; `trace` and a simulation say more.";
  if (guessed) notes += " A price marked * is not published but estimated.";
  notes +=
      fmt::format(" Catalog {}, calibration {}.", result.catalog_hash, result.calibration_hash);
  return text + "\n" + wrapped(notes, page, 0);
}

std::string serve_front_csv(const ServeResult& result) {
  std::string text =
      "interactivity_tokens_per_s,throughput_tokens_per_s_per_chip,usd_per_output_mtoken,"
      "ttft_s,tpot_s,mode,system,prefill_system,numerics,prefill_numerics,deployment,"
      "prefill_deployment,workers,prefill_workers,concurrency,chips\n";
  for (const ServePlan& p : result.front) {
    const sizing::Fleet& f = p.fleet;
    text += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", f.interactivity(), p.tokens_a_s_chip,
        p.usd_output_mtoken ? fmt::format("{}", *p.usd_output_mtoken) : "", f.mean.ttft.raw(),
        f.mean.tpot.raw(), f.disaggregated ? "disaggregated" : "replicas", csv_cell(p.pool.system),
        csv_cell(p.prefill.system), csv_cell(p.pool.numerics), csv_cell(p.prefill.numerics),
        csv_cell(infer::to_string(f.pool.deployment)),
        f.disaggregated ? csv_cell(infer::to_string(f.prefill.deployment)) : "", f.pool.workers,
        f.prefill.workers, f.concurrency, f.chips());
  }
  return text;
}

}  // namespace tightrope::report
