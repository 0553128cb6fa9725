// How a calibration says what kernels draw.
#pragma once

#include <string>
#include <string_view>

#include "tightrope/core/result.h"
#include "tightrope/formula/kernel_power.h"

namespace tightrope::formula {

/// Table [kernel_power] of a calibration of kernels. Errors: syntax, type, range, unknown_key;
/// not_found when it is not there.
[[nodiscard]] Result<KernelPower> parse_kernel_power(std::string_view text,
                                                     const std::string& file);
/// The one inside the binary.
[[nodiscard]] const KernelPower& embedded_kernel_power();

}  // namespace tightrope::formula
