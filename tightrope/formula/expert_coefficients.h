// What the kernels of routed experts really do, a number format.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "tightrope/core/units.h"

namespace tightrope::formula {

/// How experts' weights are kept and multiplied, as far as kernels differ by it. mxfp4 and int4
/// are widened to 16 bits when multiplied.
enum class ExpertFormat { bf16, fp8, fp8_block, fp4, mxfp4, int4 };

inline constexpr std::array<ExpertFormat, 6> all_expert_formats = {
    ExpertFormat::bf16, ExpertFormat::fp8,   ExpertFormat::fp8_block,
    ExpertFormat::fp4,  ExpertFormat::mxfp4, ExpertFormat::int4};

[[nodiscard]] constexpr std::string_view to_string(ExpertFormat f) {
  switch (f) {
    case ExpertFormat::bf16: return "bf16";
    case ExpertFormat::fp8: return "fp8";
    case ExpertFormat::fp8_block: return "fp8_block";
    case ExpertFormat::fp4: return "fp4";
    case ExpertFormat::mxfp4: return "mxfp4";
    case ExpertFormat::int4: return "int4";
  }
  return "?";
}

[[nodiscard]] constexpr std::optional<ExpertFormat> expert_format_from(std::string_view text) {
  for (ExpertFormat f : all_expert_formats) {
    if (to_string(f) == text) return f;
  }
  return std::nullopt;
}

struct ExpertCoefficients {
  double peak_share = 0.5;    ///< of the dense peak, reached with many rows an expert
  double row_padding = 16;    ///< rows an expert costs beside its own: tiles are not full
  double read_share = 0.95;   ///< of HBM's nameplate, when weights are all that is read
  double overlap_loss = 0.7;  ///< share of the lesser of math and reading that is not hidden
  Seconds launch{14e-6};  ///< start and end of one of the layer's two products, sorting included
  Seconds held{};         ///< beside it, for every expert of the rank, with tokens or without
  // Passes over rows as wide as the layer's input, read or written in 16 bits at HBM's share:
  double token_passes = 0;   ///< over its tokens, before they are routed: quantising, sorting
  double routed_passes = 4;  ///< over a rank's routed tokens: gathered, multiplied, added up
};

/// One value a format.
template <class T>
struct PerExpertFormat {
  std::array<T, all_expert_formats.size()> values{};
  constexpr T& operator[](ExpertFormat f) { return values[static_cast<std::size_t>(f)]; }
  constexpr const T& operator[](ExpertFormat f) const {
    return values[static_cast<std::size_t>(f)];
  }
};

}  // namespace tightrope::formula
