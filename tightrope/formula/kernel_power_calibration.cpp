#include "tightrope/formula/kernel_power_calibration.h"

#include <string>
#include <vector>

#include "tightrope/catalog/toml_document.h"
#include "tightrope/core/check.h"
#include "tightrope/core/embedded.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_calibration();  // written by cmake/embed.cmake
}  // namespace tightrope

namespace tightrope::formula {
namespace {

using catalog::TomlNode;

/// What a fit says of itself; for people.
bool is_note(const std::string& key) {
  for (const char* known :
       {"rows", "median_ape", "p90_ape", "bias", "cross_ape", "standard_error", "note"}) {
    if (key == known) return true;
  }
  return false;
}

double* member(KernelPower& p, const std::string& key) {
  if (key == "waiting") return &p.waiting;
  if (key == "math_bf16") return &p.math[DType::bf16];
  if (key == "math_fp8") return &p.math[DType::fp8];
  if (key == "math_fp4") return &p.math[DType::fp4];
  if (key == "memory") return &p.memory;
  if (key == "cap") return &p.cap;
  if (key == "spread") return &p.spread;
  return nullptr;
}

}  // namespace

Result<KernelPower> parse_kernel_power(std::string_view text, const std::string& file) {
  TR_TRY(const TomlNode root, catalog::parse_toml(text, file));
  const TomlNode* table = root.find("kernel_power");
  if (table == nullptr || table->kind != TomlNode::Kind::table) {
    return fail(ErrorCode::not_found, "expected a table [kernel_power]", {file, 1, 1},
                "run `tightrope calibrate kernels` to write a whole file");
  }
  KernelPower power;
  for (std::size_t i = 0; i < table->keys.size(); ++i) {
    const std::string& key = table->keys[i];
    if (is_note(key)) continue;
    const Where where{file, table->key_where[i].line, table->key_where[i].column};
    double* into = member(power, key);
    if (into == nullptr) {
      return fail(ErrorCode::unknown_key, "nobody reads `" + key + "`", where,
                  "see tightrope/formula/kernel_power.h for the keys");
    }
    const TomlNode& value = table->items[i];
    const bool number =
        value.kind == TomlNode::Kind::number || value.kind == TomlNode::Kind::integer;
    constexpr double most = 10.0;
    if (!number || !(value.number >= 0.0 && value.number <= most)) {
      return fail(number ? ErrorCode::range : ErrorCode::type,
                  "`" + key + "` must be a number from 0 to 10", where,
                  "a share of the power limit");
    }
    *into = value.number;
  }
  // Formats that were not metered: the units that share their width.
  power.math[DType::fp16] = power.math[DType::tf32] = power.math[DType::fp32] =
      power.math[DType::bf16];
  power.math[DType::int8] = power.math[DType::fp8];
  return power;
}

const KernelPower& embedded_kernel_power() {
  static const KernelPower power = [] {
    for (const EmbeddedFile& file : tightrope::embedded_calibration()) {
      if (file.path != "kernels.toml") continue;
      auto read = parse_kernel_power(file.text, "calibration/kernels.toml");
      const std::string fault = read ? std::string() : to_string(read.error());
      TR_CHECK(read.has_value(), fault);
      return *read;
    }
    TR_CHECK(false, "calibration/kernels.toml is not embedded");
  }();
  return power;
}

}  // namespace tightrope::formula
