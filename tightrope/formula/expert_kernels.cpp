#include "tightrope/formula/expert_kernels.h"

#include <algorithm>

#include <fmt/format.h>

namespace tightrope::formula {
namespace {

bool is_of(const ExpertCalibration& entry, std::string_view engine) {
  return !entry.engine.empty() && engine.starts_with(entry.engine);
}

/// The entry that an engine's format takes, own or borrowed; null where there is none.
const ExpertCalibration* nearest(const std::vector<ExpertCalibration>& all, const std::string& kin,
                                 ExpertFormat format, std::string_view tables) {
  const auto find = [&](ExpertFormat f, bool own) -> const ExpertCalibration* {
    const auto at = std::find_if(all.begin(), all.end(), [&](const ExpertCalibration& e) {
      return e.architecture == kin && e.format == f && (!own || is_of(e, tables));
    });
    return at == all.end() ? nullptr : &*at;
  };
  const bool narrow = format == ExpertFormat::fp8 || format == ExpertFormat::fp4;
  for (const ExpertFormat f : {format, ExpertFormat::fp8_block, ExpertFormat::bf16}) {
    if (f == ExpertFormat::fp8_block && f != format && !narrow) continue;
    for (const bool own : {true, false}) {
      if (const ExpertCalibration* entry = find(f, own)) return entry;
    }
  }
  return nullptr;
}

}  // namespace

std::string_view expert_tables_of(std::string_view engine) {
  return engine.starts_with("sglang") ? "vllm" : engine;
}

ExpertKernels expert_kernels(const std::vector<ExpertCalibration>& all,
                             const std::string& architecture, std::string_view engine) {
  ExpertKernels out;
  if (all.empty()) return out;
  const bool measured = std::any_of(all.begin(), all.end(), [&](const ExpertCalibration& e) {
    return e.architecture == architecture;
  });
  const std::string& kin = measured ? architecture : all.front().architecture;
  for (const ExpertFormat format : all_expert_formats) {
    const ExpertCalibration* entry = nearest(all, kin, format, expert_tables_of(engine));
    if (entry == nullptr) continue;
    out.coefficients[format] = entry->coefficients;
    if (measured && entry->format == format && is_of(*entry, engine)) continue;
    const std::string whose = entry->engine.empty() ? "" : entry->engine + " ";
    out.borrowed_from[format] =
        fmt::format("{}{} {}", whose, entry->architecture, to_string(entry->format));
  }
  return out;
}

}  // namespace tightrope::formula
