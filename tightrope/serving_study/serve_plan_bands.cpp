// How far a served latency may be off, and whose numbers it borrows.
#include <fmt/format.h>

#include "tightrope/catalog/toml_document.h"
#include "tightrope/core/check.h"
#include "tightrope/core/embedded.h"
#include "tightrope/core/hash.h"
#include "tightrope/serving_study/serve_plan_internal.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_calibration();  // written by cmake/embed.cmake
}  // namespace tightrope

namespace tightrope::serving_study::serve_internal {
namespace {

using catalog::TomlNode;

const TomlNode& serving_file() {
  static const TomlNode root = [] {
    for (const EmbeddedFile& file : embedded_calibration()) {
      if (file.path != "serving.toml") continue;
      Result<TomlNode> read = catalog::parse_toml(file.text, "calibration/serving.toml");
      TR_CHECK(read.has_value());
      return *std::move(read);
    }
    TR_CHECK(false);
    return TomlNode{};
  }();
  return root;
}

double number(const TomlNode& table, const std::string& key, double otherwise) {
  const TomlNode* node = table.find(key);
  if (node == nullptr) return otherwise;
  return node->kind == TomlNode::Kind::number || node->kind == TomlNode::Kind::integer
             ? node->number
             : otherwise;
}

// Measured points behind the entry of a list of tables.
double rows(std::string_view list, std::string_view key, const std::string& name) {
  const TomlNode* entries = serving_file().find(list);
  if (entries == nullptr) return 0;
  for (const TomlNode& entry : entries->items) {
    const TomlNode* named = entry.find(key);
    if (named != nullptr && named->text == name) return number(entry, "rows", 0);
  }
  return 0;
}

}  // namespace

infer::ServingBand fitted_band(const std::string& key) {
  const infer::ServingBand* fitted = infer::ServingTuning::embedded().band(key);
  // Judgement, for calibrations without bands: 15 and 35 % either way.
  return fitted != nullptr ? *fitted : infer::ServingBand{key, -0.35, -0.15, 0.15, 0.35};
}

std::vector<std::string> borrowed(const infer::Context& context) {
  std::vector<std::string> out;
  const std::string& kin = context.habits.architecture;
  if (kin.empty() || rows("chip", "architecture", kin) <= 0) {
    out.push_back(fmt::format("no serving point of {} or its kin was measured: {} decoding numbers",
                              context.chip.title, kin.empty() ? "general" : "assumed " + kin));
  }
  if (!context.borrowed_from.empty()) {
    out.push_back("kernel coefficients borrowed from " + context.borrowed_from);
  }
  if (rows("engine", "name", context.engine.name) <= 0) {
    out.push_back(fmt::format("no serving point of {} was measured", context.engine.name));
  } else if (context.chip.vendor != "nvidia") {
    out.push_back(
        fmt::format("{}'s host work was measured on NVIDIA chips only", context.engine.name));
  }
  return out;
}

std::string calibration_hash() {
  std::uint64_t hash = fnv1a_start;
  for (const EmbeddedFile& file : embedded_calibration()) {
    hash = fnv1a(file.text, fnv1a(file.path, hash));
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace tightrope::serving_study::serve_internal
