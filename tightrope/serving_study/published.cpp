#include "tightrope/serving_study/published.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "tightrope/catalog/toml_document.h"
#include "tightrope/serving_study/rows_forms.h"
#include "tightrope/serving_study/unsaid.h"

namespace tightrope::serving_study {
namespace {

using catalog::TomlNode;
using infer::Deployment;

std::string text_of(const TomlNode& entry, std::string_view key) {
  const TomlNode* node = entry.find(key);
  return node == nullptr ? std::string() : node->text;
}

double number_of(const TomlNode& entry, std::string_view key) {
  const TomlNode* node = entry.find(key);
  return node == nullptr ? 0.0 : node->number;
}

const std::vector<TomlNode>& items_of(const TomlNode& entry, std::string_view key) {
  static const std::vector<TomlNode> none;
  const TomlNode* node = entry.find(key);
  return node == nullptr ? none : node->items;
}

/// Workers of one kind: how many, ranks, expert groups, attention split by sequences or not.
struct Workers {
  int count = 1, ranks = 1, ep = 1;
  bool splits = false;

  [[nodiscard]] Deployment deployment() const {
    return {.tp = splits ? 1 : ranks, .pp = 1, .dp = splits ? ranks : 1, .ep = ep};
  }
  bool operator==(const Workers&) const = default;
};

/// What a configuration says of a run.
struct PublishedRun {
  std::optional<Workers> prefill;  // none: one pool
  Workers decode;
  int drafts = 0;
  bool bare = false;  ///< tables of its time say nothing of experts and split attention
  bool operator==(const PublishedRun&) const = default;
};

Workers workers_of(const TomlNode& list) {
  std::array<int, 4> n{1, 1, 1, 0};
  for (std::size_t i = 0; i < std::min(n.size(), list.items.size()); ++i) {
    n[i] = static_cast<int>(list.items[i].number);
  }
  return {n[0], n[1], n[2], n[3] != 0};
}

// The table says a minute or a day, the configurations a minute where tables do.
bool same_time(const std::string& measured, const std::string& on) {
  constexpr std::size_t day = 10, minute = 16;
  const bool said = measured.size() >= minute && !measured.substr(day).starts_with("T00:00:00");
  const std::size_t length = said && on.size() >= minute ? minute : day;
  return measured.substr(0, length) == on.substr(0, length);
}

bool at_concurrency(const TomlNode& run, double concurrency) {
  const std::vector<TomlNode>& clients = items_of(run, "clients");
  if (clients.empty()) {
    return concurrency >= number_of(run, "from") && concurrency <= number_of(run, "to");
  }
  return std::any_of(clients.begin(), clients.end(),
                     [&](const TomlNode& c) { return c.number == concurrency; });
}

bool same_shape(const PublishedRun& run, const ServingRow& row, const PublishedColumns& columns) {
  if (!run.prefill) {
    const bool split_said = row.deployment.dp > 1;
    const double ranks = run.decode.ranks;
    if (run.bare) return columns.ranks == ranks && row.deployment.ep == 1;
    return (columns.ranks == ranks || columns.ranks == ranks * run.decode.ep) &&
           row.deployment.ep == run.decode.ep && (!split_said || run.decode.splits);
  }
  if (run.prefill->ranks != columns.prefill_ranks || run.decode.ranks != columns.ranks) {
    return false;
  }
  if (!columns.workers_said) return run.prefill->ep == columns.prefill_ep;
  return run.prefill->count == row.prefill_workers && run.decode.count == row.decode_workers &&
         run.prefill->splits == (row.prefill.dp > 1) &&
         run.decode.splits == (row.deployment.dp > 1);
}

/// Different runs that a row may be.
std::vector<PublishedRun> candidates(const ServingRow& row, const PublishedColumns& columns) {
  const TomlNode& root = published_recipes();
  bool drafts = true;
  for (const TomlNode& dump : items_of(root, "without_drafts")) {
    drafts = drafts && !columns.source.starts_with(dump.text);
  }
  std::vector<PublishedRun> all;
  for (const TomlNode& c : items_of(root, "configuration")) {
    const bool same = text_of(c, "model") == row.model && text_of(c, "engine") == row.engine &&
                      holds(row.chip, text_of(c, "chip")) &&
                      holds(row.numerics, text_of(c, "numerics"));
    if (!same) continue;
    const std::vector<TomlNode>& times = items_of(c, "on");
    if (std::none_of(times.begin(), times.end(),
                     [&](const TomlNode& on) { return same_time(columns.measured, on.text); })) {
      continue;
    }
    for (const TomlNode& run : items_of(c, "runs")) {
      const bool here = number_of(run, "input") == row.input &&
                        number_of(run, "output") == row.output &&
                        at_concurrency(run, row.concurrency);
      const TomlNode* prefill = run.find("prefill");
      if (!here || (prefill != nullptr) != row.disaggregated) continue;
      PublishedRun p;
      if (prefill != nullptr) p.prefill = workers_of(*prefill);
      p.decode = workers_of(*run.find(prefill != nullptr ? "decode" : "replica"));
      const TomlNode* bare = c.find("bare_columns");
      p.bare = bare != nullptr && bare->flag;
      p.drafts = static_cast<int>(number_of(run, "drafts"));
      if (p.drafts > 0 && !drafts) continue;
      const bool fresh = std::find(all.begin(), all.end(), p) == all.end();
      if (fresh && same_shape(p, row, columns)) all.push_back(p);
    }
  }
  return all;
}

}  // namespace

void complete_published(ServingRow& row, const PublishedColumns& columns) {
  const std::vector<PublishedRun> runs = candidates(row, columns);
  if (runs.empty()) return;
  if (runs.size() > 1) {
    const bool drafts = std::any_of(runs.begin(), runs.end(), [&](const PublishedRun& r) {
      return (r.drafts > 0) != (runs.front().drafts > 0);
    });
    row.unclear = drafts ? "published with drafts and without, which of them is not said"
                         : "published with different workers, which of them is not said";
    return;
  }
  const PublishedRun& run = runs.front();
  row.deployment = run.decode.deployment();
  row.drafts = run.drafts;
  if (run.prefill) {
    row.prefill = run.prefill->deployment();
    row.prefill_workers = run.prefill->count;
    row.decode_workers = run.decode.count;
  }
}

}  // namespace tightrope::serving_study
