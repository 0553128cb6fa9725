#include "tightrope/serving_study/unsaid.h"

#include <algorithm>

#include "tightrope/catalog/toml_document.h"
#include "tightrope/core/check.h"
#include "tightrope/core/embedded.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_calibration();  // written by cmake/embed.cmake
}  // namespace tightrope

namespace tightrope::serving_study {
namespace {

using catalog::TomlNode;

TomlNode embedded_toml(std::string_view name) {
  for (const EmbeddedFile& file : embedded_calibration()) {
    if (file.path != name) continue;
    Result<TomlNode> read = catalog::parse_toml(file.text, "calibration/" + std::string(name));
    TR_CHECK(read.has_value(), to_string(read.error()));
    return *std::move(read);
  }
  TR_CHECK(false);
  return TomlNode{};
}

const TomlNode& published_runs() {
  static const TomlNode root = embedded_toml("serving_runs.toml");
  return root;
}

std::string text_of(const TomlNode& entry, std::string_view key) {
  const TomlNode* node = entry.find(key);
  return node == nullptr ? std::string() : node->text;
}

double number_of(const TomlNode& entry, std::string_view key) {
  const TomlNode* node = entry.find(key);
  return node == nullptr ? 0.0 : node->number;
}

bool matches(const TomlNode& entry, const ServingRow& row) {
  const auto is = [&](std::string_view key, const std::string& value) {
    const std::string wanted = text_of(entry, key);
    return wanted.empty() || wanted == value;
  };
  const auto at_most = [&](std::string_view key, double value) {
    return entry.find(key) == nullptr || value <= number_of(entry, key);
  };
  const auto above = [&](std::string_view key, double value) {
    return entry.find(key) == nullptr || value > number_of(entry, key);
  };
  const std::string version = text_of(entry, "version"), chip = text_of(entry, "chip");
  const std::string from = text_of(entry, "from"), to = text_of(entry, "to");
  const std::string source = text_of(entry, "table");
  const double tp = number_of(entry, "tp");
  return is("model", row.model) && is("engine", row.engine) && is("numerics", row.numerics) &&
         is("scenario", row.scenario) && is("submitter", row.submitter) &&
         row.version.find(version) != std::string::npos &&
         row.chip.find(chip) != std::string::npos && (from.empty() || row.date >= from) &&
         (to.empty() || row.date <= to) && (tp == 0 || tp == row.deployment.tp) &&
         row.source.find(source) != std::string::npos &&
         above("concurrency_above", row.concurrency) &&
         row.drafts >= number_of(entry, "drafts_from") && at_most("drafts_to", row.drafts) &&
         above("input_above", row.input) && at_most("input_to", row.input) &&
         at_most("output_to", row.output) && at_most("tp_to", row.deployment.tp);
}

}  // namespace

const TomlNode& published_recipes() {
  static const TomlNode root = embedded_toml("serving_recipes.toml");
  return root;
}

UnsaidSchedule unsaid_schedule(const ServingRow& row) {
  UnsaidSchedule known;
  const TomlNode* entries = published_runs().find("schedule");
  for (const TomlNode& entry : entries == nullptr ? std::vector<TomlNode>{} : entries->items) {
    if (!matches(entry, row)) continue;
    const double budget = number_of(entry, "token_budget"), poll = number_of(entry, "poll_steps");
    if (budget > 0) known.token_budget = budget;
    if (poll > 0) known.poll_steps = poll;
    const double host = number_of(entry, "host_steps");
    if (host > 0) known.host_steps = host;
    const double graph = number_of(entry, "graph_sequences");
    if (graph > 0) known.graph_sequences = graph;
    const double requests = number_of(entry, "requests");
    if (requests > 0) known.requests = requests;
    const double sequences = number_of(entry, "most_sequences");
    if (sequences > 0) known.most_sequences = sequences;
    known.places_less = std::max(known.places_less, number_of(entry, "places_less"));
    if (const TomlNode* evicts = entry.find("evicts")) known.evicts = evicts->flag;
    if (const TomlNode* stops = entry.find("stops_decodes")) known.stops_decodes = stops->flag;
    if (const TomlNode* inside = entry.find("in_process")) known.in_process = inside->flag;
    if (const TomlNode* tuned = entry.find("tuned_products")) known.tuned_products = tuned->flag;
    if (const TomlNode* mapping = entry.find("mapping"); mapping && mapping->items.size() == 4) {
      const auto part = [&](std::size_t i) { return static_cast<int>(mapping->items[i].number); };
      known.mapping = {.tp = part(0), .pp = part(1), .dp = part(2), .ep = part(3)};
      known.mapped = true;
    }
    const double balance = number_of(entry, "balance_steps");
    if (balance > 0) known.balance_steps = balance;
    const TomlNode* whole = entry.find("whole_prompts");
    if (whole != nullptr) known.whole_prompts = whole->flag;
    const double room = number_of(entry, "prompt_room");
    if (room > 0) known.prompt_room = room;
    const std::string cache = text_of(entry, "cache");
    if (!cache.empty()) known.cache = cache;
  }
  return known;
}

std::string unsaid_release(const ServingRow& row) {
  const TomlNode* entries = published_runs().find("release");
  std::string of, first;
  for (const TomlNode& entry : entries == nullptr ? std::vector<TomlNode>{} : entries->items) {
    if (text_of(entry, "engine") != row.engine) continue;
    std::string name = text_of(entry, "label");
    if (name.empty()) name = std::to_string(static_cast<int>(number_of(entry, "year")));
    if (first.empty()) first = name;
    const TomlNode* begins = entry.find("begins");
    if (begins == nullptr) continue;
    for (const TomlNode& b : begins->items) {
      if (!row.version.empty() && row.version.starts_with(b.text)) of = name;
    }
  }
  if (!of.empty()) return of;
  constexpr std::size_t year = 4;
  return !row.version.empty() || row.date.empty() ? first : row.date.substr(0, year);
}

double unsaid_requests(const ServingRow& row) {
  const TomlNode* entries = published_runs().find("requests");
  double requests = 0;
  for (const TomlNode& entry : entries == nullptr ? std::vector<TomlNode>{} : entries->items) {
    if (text_of(entry, "engine") != row.engine) continue;
    const bool same =
        number_of(entry, "input") == row.input && number_of(entry, "output") == row.output;
    if (!same) continue;
    requests = number_of(entry, "requests");
  }
  return requests;
}

UnsaidWorkload unsaid_workload(const std::string& workload, const std::string& scenario) {
  UnsaidWorkload known;
  const TomlNode* entries = published_runs().find("workload");
  for (const TomlNode& entry : entries == nullptr ? std::vector<TomlNode>{} : entries->items) {
    if (text_of(entry, "name") != workload) continue;
    known.input = number_of(entry, "input");
    known.output = number_of(entry, "output");
    known.input_variation = number_of(entry, "input_variation");
    known.output_variation = number_of(entry, "output_variation");
    known.longest = number_of(entry, "longest");
    if (scenario == "offline") continue;
    known.first_bound = Seconds(number_of(entry, scenario + "_ttft_ms") * 1e-3);
    known.token_bound = Seconds(number_of(entry, scenario + "_tpot_ms") * 1e-3);
  }
  return known;
}

}  // namespace tightrope::serving_study
