#include "tightrope/serving_study/unsaid.h"

#include <cstdlib>

#include "tightrope/catalog/toml_document.h"
#include "tightrope/core/check.h"
#include "tightrope/core/embedded.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_calibration();  // written by cmake/embed.cmake
}  // namespace tightrope

namespace tightrope::serving_study {
namespace {

using catalog::TomlNode;

const TomlNode& published_runs() {
  static const TomlNode root = [] {
    for (const EmbeddedFile& file : embedded_calibration()) {
      if (file.path != "serving_runs.toml") continue;
      Result<TomlNode> read = catalog::parse_toml(file.text, "calibration/serving_runs.toml");
      TR_CHECK(read.has_value(), to_string(read.error()));
      return *std::move(read);
    }
    TR_CHECK(false);
    return TomlNode{};
  }();
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
  const std::string version = text_of(entry, "version"), chip = text_of(entry, "chip");
  const std::string from = text_of(entry, "from"), to = text_of(entry, "to");
  const double tp = number_of(entry, "tp");
  return is("model", row.model) && is("engine", row.engine) && is("numerics", row.numerics) &&
         row.version.find(version) != std::string::npos &&
         row.chip.find(chip) != std::string::npos && (from.empty() || row.date >= from) &&
         (to.empty() || row.date <= to) && (tp == 0 || tp == row.deployment.tp) &&
         row.concurrency > number_of(entry, "concurrency_above") &&
         row.input > number_of(entry, "input_above");
}

}  // namespace

int unsaid_drafts(const ServingRow& row) {
  if (row.disaggregated) return 0;
  int drafts = 0;
  const TomlNode* entries = published_runs().find("drafts");
  if (entries == nullptr) return 0;
  for (const TomlNode& entry : entries->items) {
    if (matches(entry, row)) drafts = static_cast<int>(number_of(entry, "drafts"));
  }
  return drafts;
}

int unsaid_year(const ServingRow& row) {
  const TomlNode* entries = published_runs().find("release");
  int year = 0, first = 0;
  for (const TomlNode& entry : entries == nullptr ? std::vector<TomlNode>{} : entries->items) {
    if (text_of(entry, "engine") != row.engine) continue;
    const int of = static_cast<int>(number_of(entry, "year"));
    if (first == 0) first = of;
    const TomlNode* begins = entry.find("begins");
    if (begins == nullptr) continue;
    for (const TomlNode& b : begins->items) {
      if (!row.version.empty() && row.version.starts_with(b.text)) year = of;
    }
  }
  if (year > 0) return year;
  return !row.version.empty() || row.date.empty() ? first
                                                  : std::atoi(row.date.substr(0, 4).c_str());
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
    if (scenario == "offline") continue;
    known.first_bound = Seconds(number_of(entry, scenario + "_ttft_ms") * 1e-3);
    known.token_bound = Seconds(number_of(entry, scenario + "_tpot_ms") * 1e-3);
  }
  return known;
}

}  // namespace tightrope::serving_study
