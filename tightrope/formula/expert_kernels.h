// Whose kernels run routed experts: an engine's own where tables have them, else borrowed ones.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/formula/expert_coefficients.h"

namespace tightrope::formula {

/// Kernels of routed experts in one number format, as one engine runs them on an architecture.
struct ExpertCalibration {
  std::string architecture;
  ExpertFormat format = ExpertFormat::bf16;
  std::string engine;  ///< without its year; empty: not said
  ExpertCoefficients coefficients;
};

/// What an engine's experts cost on an architecture, in every format.
struct ExpertKernels {
  PerExpertFormat<ExpertCoefficients> coefficients;
  /// "engine architecture format" of the entry that stands in; empty for the engine's own.
  PerExpertFormat<std::string> borrowed_from;
};

/// The engine whose tables of expert kernels hold for `engine` (a name, with its year or without):
/// itself, or for SGLang vLLM, since both take Triton's fused kernels on Hopper and FlashInfer's
/// TensorRT-LLM kernels on Blackwell unless told otherwise (SGLang's server_args.py and vLLM's
/// layers/fused_moe, 2025 and 2026).
[[nodiscard]] std::string_view expert_tables_of(std::string_view engine);

/// Takes for each format the engine's own entry; else another engine's (TensorRT-LLM on Blackwell
/// has none, but vLLM runs its kernels there); else the nearest format, fp8 with scales a block for
/// fp8 and fp4, and bf16; all of the chip's architecture, or of the first in `all` where that has
/// none. Of several that stand in, the first in `all`. Without entries, ExpertCoefficients{}.
[[nodiscard]] ExpertKernels expert_kernels(const std::vector<ExpertCalibration>& all,
                                           const std::string& architecture,
                                           std::string_view engine);

}  // namespace tightrope::formula
