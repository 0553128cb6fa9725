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

/// What a configuration says of a run. Workers stand as the benchmark's tables name them, and as
/// they ran.
struct PublishedRun {
  std::optional<Workers> prefill;  // none: one pool
  Workers decode;
  std::optional<Workers> prefill_ran;
  Workers decode_ran;
  int drafts = 0;
  double prefill_tokens = 0, prefill_prompts = 0, decode_most = 0, slots = 0, frontends = 1,
         waves = 0;
  bool balanced = false;
  std::string cache;
  bool bare = false;  ///< tables of its time say nothing of experts and split attention
  bool operator==(const PublishedRun&) const = default;

  [[nodiscard]] int chips() const {
    return decode_ran.count * decode_ran.ranks +
           (prefill_ran ? prefill_ran->count * prefill_ran->ranks : 0);
  }
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

PublishedRun run_of(const TomlNode& run) {
  PublishedRun p;
  const auto workers = [&](std::string_view ran, const Workers& named) {
    const TomlNode* node = run.find(ran);
    return node == nullptr ? named : workers_of(*node);
  };
  const TomlNode* prefill = run.find("prefill");
  if (prefill != nullptr) {
    p.prefill = workers_of(*prefill);
    p.prefill_ran = workers("ran_prefill", *p.prefill);
  }
  p.decode = workers_of(*run.find(prefill != nullptr ? "decode" : "replica"));
  p.decode_ran = workers("ran_decode", p.decode);
  p.drafts = static_cast<int>(number_of(run, "drafts"));
  const std::vector<TomlNode>& step = items_of(run, "prefill_step");
  if (!step.empty()) p.prefill_tokens = step[0].number;
  if (step.size() > 1) p.prefill_prompts = step[1].number;
  p.decode_most = number_of(run, "decode_most");
  p.slots = number_of(run, "expert_slots");
  p.frontends = std::max(1.0, number_of(run, "frontends"));
  p.waves = number_of(run, "waves");
  const TomlNode* balanced = run.find("balances_experts");
  p.balanced = balanced != nullptr && balanced->flag;
  p.cache = text_of(run, "cache");
  return p;
}

bool same_shape(const PublishedRun& run, const ServingRow& row, const PublishedColumns& columns) {
  if (!run.prefill) {
    const bool split_said = row.deployment.dp > 1;
    const double ranks = run.decode.ranks;
    if (run.bare) return columns.ranks == ranks && row.deployment.ep == 1;
    return (columns.ranks == ranks || columns.ranks == ranks * run.decode.ep) &&
           row.deployment.ep == run.decode.ep && (!split_said || run.decode.splits);
  }
  // Some tables print the GPUs of the whole fleet as the ranks of either kind of worker.
  const bool whole = columns.prefill_ranks == columns.ranks && columns.ranks == run.chips();
  if (whole && !columns.workers_said) return true;
  const auto are = [&](const Workers& prefill, const Workers& decode) {
    return prefill.ranks == columns.prefill_ranks && decode.ranks == columns.ranks;
  };
  if (!columns.workers_said) {
    return are(*run.prefill, run.decode) && run.prefill->ep == columns.prefill_ep;
  }
  const bool ranks = are(*run.prefill, run.decode) || are(*run.prefill_ran, run.decode_ran);
  return ranks && run.prefill->count == row.prefill_workers &&
         run.decode.count == row.decode_workers && run.prefill->splits == (row.prefill.dp > 1) &&
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
      if (!here || (run.find("prefill") != nullptr) != row.disaggregated) continue;
      PublishedRun p = run_of(run);
      const TomlNode* bare = c.find("bare_columns");
      p.bare = bare != nullptr && bare->flag;
      if (p.drafts > 0 && !drafts) continue;
      const bool fresh = std::find(all.begin(), all.end(), p) == all.end();
      if (fresh && same_shape(p, row, columns)) all.push_back(p);
    }
  }
  return all;
}

}  // namespace

bool complete_published(ServingRow& row, const PublishedColumns& columns) {
  std::vector<PublishedRun> runs = candidates(row, columns);
  if (runs.empty()) return false;
  if (runs.size() > 1) {
    const bool drafts = std::any_of(runs.begin(), runs.end(), [&](const PublishedRun& r) {
      return (r.drafts > 0) != (runs.front().drafts > 0);
    });
    row.guessed = drafts ? "published with drafts and without, which of them is not said"
                         : "published with different workers, which of them is not said";
    // The plainest is the likeliest: no drafts, then the fewest GPUs, then the first named.
    std::ranges::stable_sort(runs, {},
                             [](const PublishedRun& r) { return std::pair(r.drafts, r.chips()); });
  }
  const PublishedRun& run = runs.front();
  row.deployment = run.decode_ran.deployment();
  row.drafts = run.drafts;
  if (!run.prefill) return true;
  row.prefill = run.prefill_ran->deployment();
  row.prefill_workers = run.prefill->count;
  row.decode_workers = run.decode.count;
  row.prefill_tokens = run.prefill_tokens;
  row.prefill_prompts = run.prefill_prompts;
  row.decode_most = run.decode_most;
  row.expert_slots = run.slots;
  row.experts_balanced = run.balanced;
  row.frontends = run.frontends;
  row.waves = run.waves;
  if (!run.cache.empty() && !holds(row.numerics, "+")) row.numerics += "+" + run.cache;
  return true;
}

}  // namespace tightrope::serving_study
