// Number formats that chips compute in and tensors are stored in.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace tightrope {

/// Arithmetic format of a matrix unit. Peaks are dense and per format.
enum class DType { fp32, tf32, bf16, fp16, fp8, fp4, int8 };

inline constexpr std::array<DType, 7> all_dtypes = {
    DType::fp32, DType::tf32, DType::bf16, DType::fp16, DType::fp8, DType::fp4, DType::int8};

[[nodiscard]] constexpr std::string_view to_string(DType t) {
  switch (t) {
    case DType::fp32: return "fp32";
    case DType::tf32: return "tf32";
    case DType::bf16: return "bf16";
    case DType::fp16: return "fp16";
    case DType::fp8: return "fp8";
    case DType::fp4: return "fp4";
    case DType::int8: return "int8";
  }
  return "?";
}

[[nodiscard]] constexpr std::optional<DType> dtype_from(std::string_view text) {
  for (DType t : all_dtypes) {
    if (to_string(t) == text) return t;
  }
  return std::nullopt;
}

/// Bytes one stored element takes (scales of block formats not counted).
[[nodiscard]] constexpr double bytes_of(DType t) {
  switch (t) {
    case DType::fp32:
    case DType::tf32: return 4.0;
    case DType::bf16:
    case DType::fp16: return 2.0;
    case DType::fp8:
    case DType::int8: return 1.0;
    case DType::fp4: return 0.5;
  }
  return 0.0;
}

/// One value a format, indexed by DType.
template <class T>
struct PerDType {
  std::array<T, all_dtypes.size()> values{};
  constexpr T& operator[](DType t) { return values[static_cast<std::size_t>(t)]; }
  constexpr const T& operator[](DType t) const { return values[static_cast<std::size_t>(t)]; }
};

}  // namespace tightrope
