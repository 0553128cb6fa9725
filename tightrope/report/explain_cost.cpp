// Run, money and energy; and the facts of the catalog that a plan rests on.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/explain_internal.h"
#include "tightrope/report/formula_cards.h"
#include "tightrope/study/error_band.h"

namespace tightrope::report {
namespace {

constexpr double hour = 3600.0;
constexpr double day = 86400.0;

Node speed_node(const step::Context& c, const study::Plan& plan) {
  const double flops =
      workload::job_flops_per_token(c.model, c.job, workload::FlopConvention::causal);
  Node mfu = card_node("MFU", fmt::format("{:.1f} %", 100 * plan.mfu), "flops_per_token");
  mfu.formula = "tokens/s of a chip x training FLOPs a token / dense peak";
  mfu.note = fmt::format("{} a token ({}), peak {} in {}", to_text(Flops(flops)),
                         "6 x matrix parameters + causal attention", to_text(plan.chip_peak),
                         to_string(c.recipe.product));
  Node node;
  node.name = "run";
  node.value = fmt::format("{:.2f} days", plan.duration.raw() / day);
  node.formula = "steps x step time; steps = tokens / (batch x sequence), rounded up";
  node.note = fmt::format(
      "{} steps of {} tokens; {} tokens/s a chip; {:.2f} to {:.2f} days in 90 "
      "of 100",
      with_thousands(plan.steps), with_thousands(plan.estimate.tokens),
      with_thousands(plan.chip_throughput.raw()), plan.steps * plan.band.low90.raw() / day,
      plan.steps * plan.band.high90.raw() / day);
  if (!plan.band.reasons.empty()) {
    node.note += fmt::format("; wide band: {}", fmt::join(plan.band.reasons, ", "));
  }
  node.children.push_back(std::move(mfu));
  return node;
}

Node term_node(const study::TermCost& cost, const study::Plan& plan) {
  const study::PriceTag& tag = cost.price;
  Node node = card_node(std::string(catalog::to_string(tag.term)), to_text(cost.total()), "bill");
  node.formula = tag.term == catalog::Term::purchase
                     ? "price / 4 years x time x chips + electricity"
                     : "price x time x rented chips";
  node.note =
      fmt::format("{:.4g} USD a chip and hour x {:.1f} h x {} chips", tag.per_chip.raw() * hour,
                  plan.duration.raw() / hour, with_thousands(plan.rented_chips));
  Node price;
  price.name = "price";
  price.value = tag.written;
  price.place = fmt::format("{}:{}", tag.file, tag.line);
  price.source =
      fmt::format("{} ({}, {}); {} {}", tag.source, tag.as_of, tag.grade, tag.provider, tag.region);
  price.note = tag.note;
  node.children.push_back(std::move(price));
  return node;
}

Node money_node(const study::Plan& plan) {
  Node node;
  node.name = "cost";
  node.value = plan.cost ? to_text(plan.cost->total()) : "no published price";
  for (const study::TermCost& cost : plan.costs) node.children.push_back(term_node(cost, plan));
  return node;
}

Node energy_node(const step::Context& c, const study::Plan& plan) {
  Node node = card_node("energy", plan.energy ? to_text(*plan.energy) : "power not known", "bill");
  node.note = fmt::format("PUE {:.2f} in {}", plan.place.pue, plan.place.region);
  Node power = card_node("power", to_text(plan.estimate.power), "mean_power");
  power.note = fmt::format(
      "{} chips, busy {:.1f} % of the step; {:.0f} % of the limit computing, {:.0f} % waiting",
      with_thousands(plan.chips), 100 * plan.estimate.busy, 100 * c.power.active,
      100 * c.power.waiting);
  node.children.push_back(std::move(power));
  Node carbon = card_node("carbon", plan.carbon ? to_text(*plan.carbon) : "not known", "bill");
  node.children.push_back(std::move(carbon));
  if (!c.chip.power.known) node.children.clear();
  return node;
}

// ---- Facts ----------------------------------------------------------------------------------

class FactList {
 public:
  FactList(const catalog::Catalog& catalog, Node& into) : catalog_(catalog), into_(into) {}

  template <class Q>
  void add(const std::string& name, const catalog::Fact<Q>& fact) {
    if (!fact.known) return;
    Node node;
    node.name = name;
    node.value = fact.from.written;
    node.place = fmt::format("{}:{}", fact.from.where.file, fact.from.where.line);
    const catalog::Source* source = catalog_.find_source(fact.from.source);
    node.source = fmt::format("{} ({}, {})", source ? source->title : fact.from.source,
                              fact.from.as_of, catalog::to_string(fact.from.grade));
    node.note = fact.from.note;
    if (fact.high > fact.low) {
      node.note +=
          fmt::format("{}range -{:.0f} %/+{:.0f} %", node.note.empty() ? "" : "; ",
                      100 * (1 - fact.low / fact.value), 100 * (fact.high / fact.value - 1));
    }
    for (const auto& other : fact.alternatives) {
      node.note += fmt::format("{}{} says {}", node.note.empty() ? "" : "; ", other.from.source,
                               other.from.written);
    }
    into_.children.push_back(std::move(node));
  }

 private:
  const catalog::Catalog& catalog_;
  Node& into_;
};

Node calibration_node(const step::Context& c) {
  Node node = card_node("kernel and link coefficients",
                        c.borrowed_from.empty() ? "the chip's own" : "of " + c.borrowed_from,
                        "rank_kernels");
  node.formula.clear();
  node.place = "calibration/kernels.toml";
  Node habits;
  habits.name = "habits of stack and architecture";
  habits.value = fmt::format("{}, {}", c.tuning.stack.name, c.tuning.sustained.architecture);
  habits.place = "calibration/training.toml";
  const study::ErrorFactors band = study::error_factors(c, "");
  habits.note = fmt::format(
      "clocks hold {:.3f} of the tables in 16 bits, {:.3f} below; a step takes {:.2f} to {:.2f} of "
      "the predicted time in 90 of 100",
      c.tuning.sustained.wide, c.tuning.sustained.narrow, band.low90, band.high90);
  Node both;
  both.name = "calibration";
  both.children = {std::move(node), std::move(habits)};
  return both;
}

}  // namespace

Node cost_node(const step::Context& context, const study::Plan& plan) {
  Node node = speed_node(context, plan);
  node.children.push_back(money_node(plan));
  node.children.push_back(energy_node(context, plan));
  return node;
}

Node facts_node(const step::Context& c, const study::Plan& plan, const catalog::Catalog& catalog) {
  Node root;
  root.name = "facts used";
  Node chip;
  chip.name = c.chip.title;
  FactList of_chip(catalog, chip);
  of_chip.add(fmt::format("peak {}", to_string(c.recipe.product)), c.chip.peak[c.recipe.product]);
  if (c.recipe.product != DType::bf16) of_chip.add("peak bf16", c.chip.peak[DType::bf16]);
  of_chip.add("memory", c.chip.hbm);
  of_chip.add("memory bandwidth", c.chip.hbm_bandwidth);
  of_chip.add("scale-up bandwidth", c.chip.scaleup_bandwidth);
  of_chip.add("host bandwidth", c.chip.host_bandwidth);
  of_chip.add("compute units", c.chip.compute_units);
  of_chip.add("power", c.chip.power);
  Node system;
  system.name = c.system.title;
  system.note = fmt::format("{} chips a unit, {} a node, {} a scale-up domain", c.system.chips,
                            c.system.chips_per_node, c.system.scaleup_domain);
  FactList of_system(catalog, system);
  of_system.add("NIC bandwidth of a node", c.system.nic_bandwidth);
  of_system.add("power of a unit", c.system.unit_power);
  of_system.add("largest cluster", c.system.max_chips);
  root.children = {std::move(chip), std::move(system)};
  if (const catalog::Region* region = catalog.find_region(plan.place.region)) {
    Node place;
    place.name = region->title;
    FactList of_place(catalog, place);
    of_place.add("PUE", region->pue);
    of_place.add("carbon", region->carbon);
    of_place.add("electricity", region->electricity);
    root.children.push_back(std::move(place));
  }
  root.children.push_back(calibration_node(c));
  return root;
}

}  // namespace tightrope::report
