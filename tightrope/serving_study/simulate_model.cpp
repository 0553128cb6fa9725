// A model by any of the names people write.
#include <algorithm>
#include <cctype>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/catalog/names.h"
#include "tightrope/core/csv.h"
#include "tightrope/serving_study/simulate.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::serving_study {
namespace {

// Letters and digits alone: "Llama-3.1-70B" and "llama3.1_70b" are one name.
std::string bare(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) out += static_cast<char>(std::tolower(byte));
  }
  return out;
}

// Names in a config's `_hf_id`: the id, its last part, and what it says it has the shape of.
std::vector<std::string> other_names(const std::string& config) {
  const nlohmann::json read = nlohmann::json::parse(config, nullptr, false);
  if (!read.is_object() || !read.contains("_hf_id")) return {};
  const std::string id = read["_hf_id"].get<std::string>();
  std::vector<std::string> names;
  std::string word;
  for (const char c : id + " ") {
    if (c != ' ' && c != '(' && c != ')') {
      word += c;
      continue;
    }
    // Words of prose hold no digit.
    const bool is_name = std::ranges::any_of(
        word, [](char letter) { return std::isdigit(static_cast<unsigned char>(letter)) != 0; });
    if (is_name) {
      names.push_back(word);
      names.push_back(word.substr(word.find('/') + 1));
    }
    word.clear();
  }
  return names;
}

// The bundled name that somebody else's name means; empty: none.
std::string bundled_name(const std::string& wanted) {
  const std::string key = bare(wanted);
  for (const std::string& name : catalog::llm_names()) {
    if (bare(name) == key) return name;
  }
  for (const std::string& name : catalog::llm_names()) {
    const auto config = catalog::llm_config(name);
    if (!config) continue;
    for (const std::string& other : other_names(*config)) {
      if (bare(other) == key) return name;
    }
  }
  return {};
}

}  // namespace

Result<study::PlannedModel> find_served_model(const std::string& name) {
  study::PlannedModel out;
  out.origin = name;
  std::error_code ignored;
  if (std::filesystem::is_directory(name, ignored)) {
    out.origin = (std::filesystem::path(name) / "config.json").string();
  }
  if (std::filesystem::exists(out.origin, ignored) || out.origin.ends_with(".json")) {
    TR_TRY(out.config, read_file(out.origin));
  } else if (const std::string bundled = bundled_name(name); !bundled.empty()) {
    out.origin = bundled;
    TR_TRY(out.config, catalog::llm_config(bundled));
  } else {
    TR_TRY(out.config, catalog::llm_config(name));  // for its error with near names
  }
  TR_TRY(out.model, workload::read_hf_config(out.config, out.origin));
  return out;
}

}  // namespace tightrope::serving_study
