#include "tightrope/report/explain.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/check.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/report/explain_internal.h"
#include "tightrope/report/formula_cards.h"
#include "tightrope/report/plan_text.h"
#include "tightrope/report/text_table.h"

namespace tightrope::report {
namespace {

constexpr int page = 110;

using json = nlohmann::ordered_json;

json node_json(const Node& node, int depth) {
  json out;
  out["name"] = node.name;
  if (!node.value.empty()) out["value"] = node.value;
  if (!node.formula.empty()) out["formula"] = node.formula;
  if (!node.place.empty()) out["place"] = node.place;
  if (!node.source.empty()) out["source"] = node.source;
  if (!node.note.empty()) out["note"] = node.note;
  if (depth == 0 || node.children.empty()) return out;
  out["children"] = json::array();
  for (const Node& child : node.children) out["children"].push_back(node_json(child, depth - 1));
  return out;
}

void add_text(const Node& node, int level, int depth, std::size_t name_width, std::string& text) {
  const std::string lead(static_cast<std::size_t>(2 * level), ' ');
  const std::string name = fmt::format("{}{:<{}}", lead, node.name, name_width);
  std::string line = node.value.empty() ? lead + node.name : name + "  " + node.value;
  if (node.formula.empty() && !node.place.empty()) line += " [" + node.place + "]";
  text += wrapped(line, page, 2 * level + 4);
  const std::string deeper(static_cast<std::size_t>(2 * level + 4), ' ');
  auto add = [&](const std::string& words) {
    text += wrapped(deeper + words, page, 2 * level + 6);
  };
  if (!node.formula.empty()) {
    add("formula: " + node.formula + (node.place.empty() ? "" : " [" + node.place + "]"));
  }
  if (!node.note.empty()) add(node.note);
  if (!node.source.empty()) add("source: " + node.source);
  if (level == depth) return;
  std::size_t width = 0;
  for (const Node& child : node.children) width = std::max(width, child.name.size());
  for (const Node& child : node.children) add_text(child, level + 1, depth, width, text);
}

}  // namespace

Workings workings_of(const step::Context& context, const step::Mapping& m, int micro_batches) {
  Workings w;
  w.costs = step::block_costs(context, step::cost_key(m));
  const auto layout =
      step::spread_layers(context.model, {m.pp, m.vp, m.first_stage_layers, m.last_stage_layers});
  TR_CHECK(layout.has_value(), step::to_text(m));
  w.layout = *layout;
  w.basis = step::make_basis(context, m, w.costs, w.layout, micro_batches);
  w.sync = step::make_sync(context, m, w.basis);
  w.busiest = static_cast<std::size_t>(&step::busiest_run(w.basis) - w.basis.runs.data());
  return w;
}

Node card_node(std::string name, std::string value, std::string_view function) {
  const FormulaCard& card = formula_card(function);
  Node node;
  node.name = std::move(name);
  node.value = std::move(value);
  node.formula = card.formula.empty() ? card.what : card.formula;
  node.place = card.place();
  node.source = card.source;
  return node;
}

Node explain_plan(const study::PlanRequest& request, const step::Context& context,
                  const study::Plan& plan, const catalog::Catalog& catalog) {
  const Workings workings =
      workings_of(context, plan.estimate.mapping, plan.estimate.micro_batches);
  Node root;
  root.name = fmt::format("{} on {}", request.model.model.name, plan_words(plan));
  root.note = fmt::format("{}; {} micro-batches of {} sequences, {} stack",
                          step::to_text(plan.estimate.mapping), plan.estimate.micro_batches,
                          plan.estimate.mapping.micro_batch, plan.stack);
  root.children = {time_node(context, plan, workings), memory_node(context, plan, workings),
                   cost_node(context, plan), facts_node(context, plan, catalog)};
  return root;
}

std::string tree_text(const Node& root, int depth) {
  std::string text;
  add_text(root, 0, depth, root.name.size(), text);
  return text;
}

std::string tree_json(const Node& root, int depth) {
  json out;
  out["schema"] = "tightrope.explain/1";
  out["tree"] = node_json(root, depth);
  return out.dump(2) + "\n";
}

}  // namespace tightrope::report
