#include "tightrope/report/plan_text.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/core/csv.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/report/text_table.h"

namespace tightrope::report {
namespace {

using study::Plan;
using study::PlanRequest;
using study::PlanResult;

constexpr int page = 110;
constexpr double day = 86400.0;
constexpr double hour = 3600.0;
constexpr double mega = 1e6;
constexpr double mwh = 3.6e9;
constexpr double giga = 1e9;

std::string days(Seconds t) {
  const double d = t.raw() / day;
  if (d >= 1000) return with_thousands(d);
  return fmt::format("{:.{}f}", d, d < 1 ? 3 : d < 10 ? 2 : d < 100 ? 1 : 0);
}

std::string amount(double v) {
  return with_thousands(v, std::fabs(v) < 10 ? 2 : std::fabs(v) < 100 ? 1 : 0);
}

std::string short_term(catalog::Term term) {
  switch (term) {
    case catalog::Term::on_demand: return "demand";
    case catalog::Term::spot: return "spot";
    case catalog::Term::capacity_block: return "block";
    case catalog::Term::reserved_1y: return "1 year";
    case catalog::Term::reserved_3y: return "3 year";
    case catalog::Term::purchase: return "buy";
  }
  return "?";
}

// Prices that nobody publishes: the catalog's own guess.
bool estimated(const study::TermCost& cost) {
  return cost.price.grade == "estimate" || cost.price.grade == "derived";
}

std::string tokens_text(double n) {
  if (n >= 1e12) return fmt::format("{:.4g} T", n / 1e12);
  if (n >= 1e9) return fmt::format("{:.4g} B", n / 1e9);
  return fmt::format("{:.4g} M", n / 1e6);
}

std::string head(const PlanRequest& r, const PlanResult& result) {
  const workload::ParameterCount count = workload::count_parameters(r.model.model);
  const double total = static_cast<double>(count.total());
  const double active = static_cast<double>(count.active());
  const double batch = static_cast<double>(r.job.global_batch);
  std::string model = fmt::format("{}: {:.4g} B parameters", r.model.model.name, total / giga);
  if (active < 0.99 * total) model += fmt::format(" ({:.4g} B active)", active / giga);
  std::string text =
      wrapped(fmt::format("{}, {} on {} tokens, sequence {}, batch {} ({} tokens)", model,
                          workload::to_string(r.job.task), tokens_text(r.tokens.raw()),
                          with_thousands(static_cast<double>(r.job.seq_len)), with_thousands(batch),
                          tokens_text(batch * static_cast<double>(r.job.seq_len))),
              page, 2);
  std::string goal = fmt::format("Goal: least {}", study::to_string(r.goal));
  const study::Constraints& c = r.constraints;
  if (c.deadline) goal += fmt::format(", within {} days", days(*c.deadline));
  if (c.budget) goal += fmt::format(", for at most {}", to_text(*c.budget));
  if (c.max_chips > 0) goal += fmt::format(", on at most {} chips", with_thousands(c.max_chips));
  goal += fmt::format(". Precision: {}. Memory filled up to {:.0f} %.",
                      fmt::join(result.precisions, ", "), 100 * c.memory_share);
  return text + wrapped(goal, page, 2);
}

// Units that suit the best plan: millions for a frontier run, dollars for an evening's.
struct Units {
  double money = mega, energy = mwh, carbon = mega;
  const char* money_name = "M USD";
  const char* energy_name = "MWh";
  const char* carbon_name = "tCO2";
};

Units units_for(const PlanResult& result) {
  Units units;
  if (result.plans.empty()) return units;
  const Plan& best = result.plans.front();
  if (best.cost && best.cost->total() < Dollars(1e6)) {
    const bool small = best.cost->total() < Dollars(1e4);
    units.money = small ? 1 : 1e3;
    units.money_name = small ? "USD" : "k USD";
  }
  if (best.energy && *best.energy < Joules(10 * mwh)) {
    units.energy = mwh / 1e3;
    units.energy_name = "kWh";
  }
  if (best.carbon && *best.carbon < GramsCo2(10 * mega)) {
    units.carbon = 1e3;
    units.carbon_name = "kgCO2";
  }
  return units;
}

TextTable plan_table(const Units& units) {
  return TextTable({{"#", Align::right},
                    {"system", Align::left},
                    {"chips", Align::right},
                    {"format", Align::left},
                    {"days", Align::right},
                    {"90 % band", Align::right},
                    {units.money_name, Align::right},
                    {"term", Align::left},
                    {units.energy_name, Align::right},
                    {units.carbon_name, Align::right},
                    {"tok/s", Align::right},
                    {"MFU %", Align::right},
                    {"HBM %", Align::right}});
}

void add_plan(TextTable& table, const Units& units, const Plan& p, std::size_t number) {
  const Seconds low = p.steps * p.band.low90, high = p.steps * p.band.high90;
  table.add(
      {fmt::format("{}", number), p.system, with_thousands(p.chips), p.precision, days(p.duration),
       fmt::format("{}-{}", days(low), days(high)),
       p.cost ? amount(p.cost->total().raw() / units.money) : "-",
       p.cost ? short_term(p.cost->price.term) + (estimated(*p.cost) ? " ~" : "") : "no price",
       p.energy ? amount(p.energy->raw() / units.energy) : "-",
       p.carbon ? amount(p.carbon->raw() / units.carbon) : "-",
       with_thousands(p.chip_throughput.raw()), fmt::format("{:.1f}", 100 * p.mfu),
       fmt::format("{:.0f}", 100 * (p.estimate.memory.total() / p.hbm))});
}

std::string memory_line(const Plan& p) {
  const step::Memory& m = p.estimate.memory;
  auto gb = [](Bytes b) { return fmt::format("{:.1f}", b.raw() / giga); };
  return fmt::format(
      "memory of a device {} of {} GB: weights {}, gradients {}, optimizer {}, activations {}, "
      "working {}, framework {}",
      gb(m.total()), gb(p.hbm), gb(m.weights), gb(m.gradients), gb(m.optimizer), gb(m.activations),
      gb(m.transient), gb(m.reserve));
}

std::string time_line(const Plan& p) {
  const step::TimeParts& t = p.estimate.parts;
  const std::pair<const char*, Seconds> parts[] = {
      {"compute", t.forward + t.backward + t.ends},
      {"recompute", t.recompute},
      {"TP", t.tp},
      {"CP", t.cp},
      {"EP", t.ep},
      {"bubble", t.bubble},
      {"data parallel", t.dp + t.shard_gather},
      {"offload", t.offload},
      {"other", t.host + t.optimizer + t.straggler + t.fixed}};
  std::vector<std::string> shares;
  for (const auto& [name, time] : parts) {
    const double percent = 100 * (time / t.total);
    if (percent >= 0.05) shares.push_back(fmt::format("{} {:.1f}%", name, percent));
  }
  return fmt::format("step {} ({} to {} in 90 of 100): {}", to_text(t.total), to_text(p.band.low90),
                     to_text(p.band.high90), fmt::join(shares, ", "));
}

std::string price_line(const Units& units, const Plan& p) {
  if (!p.cost) return "no published price: cost unknown";
  const study::PriceTag& tag = p.cost->price;
  std::string text = fmt::format(
      "{} for {} chips: {:.2f} USD a chip and hour ({}, {}{}; {}, {}, {})",
      to_text(p.cost->total()), with_thousands(p.rented_chips), tag.per_chip.raw() * hour,
      catalog::to_string(tag.term), tag.provider,
      tag.region == tag.provider ? "" : " " + tag.region, tag.source, tag.as_of, tag.grade);
  for (const study::TermCost& cost : p.costs) {
    if (cost.price.term == tag.term) continue;
    text += fmt::format("; {} {} {}", catalog::to_string(cost.price.term),
                        amount(cost.total().raw() / units.money), units.money_name);
  }
  return text;
}

std::string detail(const Units& units, const Plan& p, std::size_t number) {
  const std::string lead(5, ' ');
  auto line = [&](const std::string& text) { return wrapped(lead + text, page, 7); };
  std::string text = wrapped(
      fmt::format("{:>3}  {}: {}", number, plan_words(p), step::to_text(p.estimate.mapping)), page,
      7);
  text += line(time_line(p));
  text += line(memory_line(p));
  text += line(price_line(units, p));
  if (p.energy) {
    text += line(fmt::format("{} before a PUE of {:.2f} ({}); stack {}", to_text(p.estimate.power),
                             p.place.pue, p.place.region, p.stack));
  }
  for (const std::string& note : p.notes) text += line(note);
  if (!p.band.reasons.empty()) {
    text += line(fmt::format("wide band: {}", fmt::join(p.band.reasons, "; ")));
  }
  return text;
}

// Whole words of a mapping, as many as a line of the front has room for.
std::string shortened(const std::string& mapping) {
  constexpr std::size_t most = 48;
  if (mapping.size() <= most) return mapping;
  return mapping.substr(0, mapping.rfind(' ', most - 3)) + " ..";
}

std::string front_text(const PlanResult& result, const Units& units, int lines) {
  if (result.front.size() < 2) return {};
  TextTable table({{"days", Align::right},
                   {units.money_name, Align::right},
                   {units.energy_name, Align::right},
                   {"chips", Align::right},
                   {"system", Align::left},
                   {"format", Align::left},
                   {"mapping", Align::left}});
  // Spread over the front: its ends and what lies evenly between them.
  const std::size_t all = result.front.size();
  const std::size_t shown = std::min(all, static_cast<std::size_t>(std::max(lines, 2)));
  for (std::size_t i = 0; i < shown; ++i) {
    const Plan& p = result.front[shown == 1 ? 0 : i * (all - 1) / (shown - 1)];
    table.add({days(p.duration), amount(p.cost->total().raw() / units.money),
               amount(p.energy->raw() / units.energy), with_thousands(p.chips), p.system,
               p.precision, shortened(step::to_text(p.estimate.mapping))});
  }
  return fmt::format("\nFront over time, cost and energy ({} of {} plans on it shown):\n{}", shown,
                     all, table.text(2));
}

std::string mapping_counts(const PlanResult& result) {
  const search::Counters& c = result.mappings;
  std::string text = fmt::format(
      "{} mappings in {} searches: {} carried through the whole model, {} slower by their "
      "pipeline's bound, {} slower by the bound of their family",
      with_thousands(static_cast<double>(c.enumerated)),
      with_thousands(static_cast<double>(result.counts.searched)),
      with_thousands(static_cast<double>(c.replayed)),
      with_thousands(static_cast<double>(c.evaluated)),
      with_thousands(static_cast<double>(c.bounded)));
  for (std::size_t i = 1; i < c.infeasible.size(); ++i) {
    if (c.infeasible[i] == 0) continue;
    text += fmt::format(", {}: {}", step::to_string(static_cast<step::Infeasible>(i)),
                        with_thousands(static_cast<double>(c.infeasible[i])));
  }
  return text + ".";
}

std::string others_text(const PlanResult& result) {
  const study::PlanCounts& n = result.counts;
  std::string text = "\nWhy the others lost:\n";
  text += wrapped("  " + mapping_counts(result), page, 2);
  std::vector<std::string> parts;
  auto part = [&](std::uint64_t count, const char* words) {
    if (count > 0) parts.push_back(fmt::format("{} {}", count, words));
  };
  part(n.too_slow, "sizes late even at the chips' peak");
  part(n.nothing_runs, "sizes where no mapping fits or divides");
  part(n.late, "late");
  part(n.over_budget, "over budget");
  part(n.no_price, "without a price to check the budget");
  part(n.too_many_chips, "on too many chips");
  part(n.dominated, "worse than their system's best");
  if (!parts.empty()) text += wrapped(fmt::format("  Plans: {}.", fmt::join(parts, ", ")), page, 2);
  if (result.lost.empty()) return text;
  TextTable table({{"system without a plan", Align::left}, {"why", Align::left}});
  for (const study::LostSystem& lost : result.lost) table.add({lost.system, lost.reason});
  return text + "\n" + table.text(2);
}

// The options that apply a remedy.
std::string change_text(const PlanRequest& request, const study::Remedy& r) {
  const study::Constraints& c = r.constraints;
  const bool exact = !request.chips.empty() || !request.units.empty();
  std::string size = exact ? fmt::format("--chips {}", r.plan.chips)
                           : fmt::format("--max-chips {}", r.plan.rented_chips);
  switch (r.kind) {
    case study::Remedy::Kind::deadline: return fmt::format("--deadline {}d", days(*c.deadline));
    case study::Remedy::Kind::budget: return fmt::format("--budget {:.0f}", c.budget->raw());
    case study::Remedy::Kind::chips: return size;
    case study::Remedy::Kind::memory: return "--margin 0";
    case study::Remedy::Kind::several: break;
  }
  std::string text = size;
  if (c.deadline) text += fmt::format(" --deadline {}d", days(*c.deadline));
  if (c.budget) text += fmt::format(" --budget {:.0f}", c.budget->raw());
  return text;
}

std::string failure_text(const PlanRequest& request, const PlanResult& result) {
  std::string text = "\nNo plan keeps all constraints.\n";
  if (result.nearest) {
    const study::NearestFit& n = *result.nearest;
    text += wrapped(fmt::format("  Nearest to fit: {} chips of {} in {} need {} of {} a device, "
                                "with {}.",
                                with_thousands(n.chips), n.system, n.precision,
                                to_text(n.estimate.memory.total()), to_text(n.hbm),
                                step::to_text(n.estimate.mapping)),
                    page, 4);
  }
  if (result.remedies.empty()) return text;
  text += "  Any one of these makes it feasible:\n";
  for (const study::Remedy& r : result.remedies) {
    std::string line = fmt::format("    {:<24} {}, {} days", change_text(request, r),
                                   plan_words(r.plan), days(r.plan.duration));
    if (r.plan.cost) line += ", " + to_text(r.plan.cost->total());
    text += line + "\n";
  }
  return text;
}

std::string notes_text(const PlanResult& result) {
  const bool widened =
      std::ranges::any_of(result.plans, [](const Plan& p) { return !p.band.reasons.empty(); });
  std::string text =
      "\nMFU counts 6 x the matrix parameters a token uses plus causal attention, over the dense "
      "peak of the format. tok/s is a chip's. Restarts and checkpoints are not counted.";
  const bool guessed =
      std::ranges::any_of(result.plans, [](const Plan& p) { return p.cost && estimated(*p.cost); });
  if (guessed) text += " A price marked ~ is not published but estimated.";
  if (widened) text += " Bands are wider where nothing was measured or the catalog has a range.";
  text += fmt::format(" Catalog {}, calibration {}.", result.catalog_hash, result.calibration_hash);
  return "\n" + wrapped(text.substr(1), page, 0);
}

}  // namespace

std::string plan_words(const Plan& plan) {
  std::string text = fmt::format("{} chips of {}", with_thousands(plan.chips), plan.system);
  if (plan.rented_chips != plan.chips) {
    text += fmt::format(" ({} rented)", with_thousands(plan.rented_chips));
  }
  return text + " in " + plan.precision;
}

std::string plan_text(const PlanRequest& request, const PlanResult& result,
                      const PlanTextOptions& options) {
  std::string text = head(request, result);
  if (!result.feasible()) return text + failure_text(request, result) + others_text(result);
  const Units units = units_for(result);
  TextTable table = plan_table(units);
  for (std::size_t i = 0; i < result.plans.size(); ++i)
    add_plan(table, units, result.plans[i], i + 1);
  text += "\n" + table.text() + "\n";
  const std::size_t shown =
      std::min(result.plans.size(), static_cast<std::size_t>(std::max(0, options.detailed)));
  for (std::size_t i = 0; i < shown; ++i) text += detail(units, result.plans[i], i + 1);
  text += front_text(result, units, options.front_lines);
  return text + others_text(result) + notes_text(result);
}

std::string plan_csv(const PlanResult& result) {
  std::string text =
      "rank,system,provider,chip,chips,rented_chips,precision,stack,mapping,step_time_s,"
      "step_time_low90_s,step_time_high90_s,duration_s,tokens_per_s_per_chip,mfu,term,region,"
      "price_usd_per_chip_h,cost_usd,energy_j,carbon_g,memory_bytes,hbm_bytes\n";
  std::size_t rank = 0;
  for (const Plan& p : result.plans) {
    const std::string cost = p.cost ? fmt::format("{}", p.cost->total().raw()) : "";
    const std::string price = p.cost ? fmt::format("{}", p.cost->price.per_chip.raw() * hour) : "";
    text += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", ++rank,
        csv_cell(p.system), csv_cell(p.provider), csv_cell(p.chip), p.chips, p.rented_chips,
        p.precision, csv_cell(p.stack), csv_cell(step::to_text(p.estimate.mapping)),
        p.estimate.step_time.raw(), p.band.low90.raw(), p.band.high90.raw(), p.duration.raw(),
        p.chip_throughput.raw(), p.mfu, p.cost ? catalog::to_string(p.cost->price.term) : "",
        csv_cell(p.place.region), price, cost, p.energy ? fmt::format("{}", p.energy->raw()) : "",
        p.carbon ? fmt::format("{}", p.carbon->raw()) : "", p.estimate.memory.total().raw(),
        p.hbm.raw());
  }
  return text;
}

}  // namespace tightrope::report
