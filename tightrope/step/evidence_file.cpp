// Reading and writing what a calibration knows about itself.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "tightrope/step/evidence.h"

namespace tightrope::step {
namespace {

constexpr double tera = 1e12;

Where where_of(const toml::node& node, const std::string& file) {
  return {file, static_cast<int>(node.source().begin.line),
          static_cast<int>(node.source().begin.column)};
}

Failure wrong(const toml::node& node, const std::string& file, const std::string& what,
              ErrorCode code = ErrorCode::type) {
  return fail(code, what, where_of(node, file));
}

Result<std::vector<std::string>> texts(const toml::node& node, const std::string& file) {
  std::vector<std::string> out;
  const toml::array* list = node.as_array();
  if (list == nullptr) return wrong(node, file, "must be a list of texts");
  for (const toml::node& one : *list) {
    const auto text = one.value<std::string>();
    if (!text) return wrong(one, file, "must be a text");
    out.push_back(*text);
  }
  return out;
}

Result<void> read_bands(const toml::table& table, const std::string& file, Bands& into) {
  for (const auto& [key, node] : table) {
    const auto field = std::ranges::find_if(
        band_fields(), [&, k = key.str()](const BandField& f) { return f.name == k; });
    if (field == band_fields().end()) {
      return wrong(node, file, fmt::format("unknown key \"{}\"", key.str()),
                   ErrorCode::unknown_key);
    }
    const auto value = node.value<double>();
    if (!value || !(*value >= field->low && *value <= field->high)) {
      return wrong(
          node, file,
          fmt::format("\"{}\" must be a number from {} to {}", key.str(), field->low, field->high),
          value ? ErrorCode::range : ErrorCode::type);
    }
    into.*field->member = *value;
  }
  return {};
}

Result<MeasuredChip> read_chip(std::string_view name, const toml::node& node,
                               const std::string& file) {
  MeasuredChip chip;
  chip.name = name;
  const toml::table* table = node.as_table();
  if (table == nullptr) return wrong(node, file, "a measured chip must be a table");
  for (const auto& [key, value] : *table) {
    if (key == "architecture") {
      chip.architecture = value.value<std::string>().value_or("");
    } else if (key == "peak_16bit_tflops") {
      chip.peak = FlopsPerSecond(value.value<double>().value_or(0) * tera);
    } else if (key == "formats") {
      TR_TRY(const std::vector<std::string> formats, texts(value, file));
      for (const std::string& text : formats) {
        const auto format = dtype_from(text);
        if (!format) return wrong(value, file, fmt::format("unknown format \"{}\"", text));
        chip.formats.push_back(*format);
      }
    } else {
      return wrong(value, file, fmt::format("unknown key \"{}\"", key.str()),
                   ErrorCode::unknown_key);
    }
  }
  return chip;
}

Result<void> read_measured(const toml::table& table, const std::string& file, Evidence& into) {
  const std::map<std::string_view, std::vector<std::string> Evidence::*> lists = {
      {"tables", &Evidence::tables},
      {"sources", &Evidence::sources},
      {"stacks", &Evidence::stacks},
      {"models", &Evidence::shapes}};
  for (const auto& [key, node] : table) {
    if (const auto list = lists.find(key.str()); list != lists.end()) {
      TR_TRY(into.*list->second, texts(node, file));
    } else if (key == "chips" && node.is_table()) {
      for (const auto& [name, chip] : *node.as_table()) {
        TR_TRY(MeasuredChip read, read_chip(name.str(), chip, file));
        into.chips.push_back(std::move(read));
      }
    } else {
      return wrong(node, file, fmt::format("unknown key \"{}\"", key.str()),
                   ErrorCode::unknown_key);
    }
  }
  return {};
}

// Numbers at any depth, named by their path: [standard_errors.stack.maxtext] pass_share = 0.02.
Result<void> read_errors(const toml::table& table, const std::string& file,
                         const std::string& prefix, std::vector<StandardError>& into) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (node.is_table()) {
      TR_TRY_VOID(read_errors(*node.as_table(), file, name + ".", into));
      continue;
    }
    const auto value = node.value<double>();
    if (!value || !(*value >= 0)) return wrong(node, file, "a standard error must be a number");
    into.push_back({name, *value});
  }
  return {};
}

Result<const toml::table*> section(const toml::table& root, std::string_view name,
                                   const std::string& file) {
  const toml::node* node = root.get(name);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) return wrong(*node, file, fmt::format("[{}] must be a table", name));
  return node->as_table();
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

void write_list(std::string& text, std::string_view key, const std::vector<std::string>& list) {
  text += fmt::format("{} = [\n", key);
  for (const std::string& one : list) text += fmt::format("  {},\n", quoted(one));
  text += "]\n";
}

void write_errors(std::string& text, const std::vector<StandardError>& errors) {
  std::string open;
  for (const StandardError& e : errors) {
    const std::size_t dot = e.name.rfind('.');
    const std::string table = e.name.substr(0, dot);
    if (table != open) text += fmt::format("\n[standard_errors.{}]\n", table);
    open = table;
    text += fmt::format("{} = {:.2g}\n", e.name.substr(dot + 1), e.value);
  }
}

}  // namespace

Result<Evidence> Evidence::parse(std::string_view text, const std::string& file) {
  Evidence out;
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    const auto at = e.source().begin;
    return fail(ErrorCode::syntax, std::string(e.description()),
                {file, static_cast<int>(at.line), static_cast<int>(at.column)});
  }
  TR_TRY(const toml::table* bands, section(root, "bands", file));
  if (bands != nullptr) TR_TRY_VOID(read_bands(*bands, file, out.bands));
  TR_TRY(const toml::table* measured, section(root, "measured", file));
  if (measured != nullptr) TR_TRY_VOID(read_measured(*measured, file, out));
  TR_TRY(const toml::table* errors, section(root, "standard_errors", file));
  if (errors != nullptr) TR_TRY_VOID(read_errors(*errors, file, "", out.standard_errors));
  std::ranges::sort(out.standard_errors, {}, &StandardError::name);
  return out;
}

std::string Evidence::to_toml() const {
  std::string text =
      "\n# Spread of log(predicted / measured): of a case known in every respect, what is added "
      "for\n"
      "# each thing that no row tells of, and quantiles of errors over their spread.\n[bands]\n";
  for (const BandField& f : band_fields()) {
    text += fmt::format("{} = {:.4g}\n", f.name, bands.*f.member);
  }
  text += "\n# What the rows behind this calibration show.\n[measured]\n";
  write_list(text, "tables", tables);
  write_list(text, "sources", sources);
  write_list(text, "stacks", stacks);
  write_list(text, "models", shapes);
  for (const MeasuredChip& chip : chips) {
    text += fmt::format("\n[measured.chips.{}]\narchitecture = {}\npeak_16bit_tflops = {:.6g}\n",
                        chip.name, quoted(chip.architecture), chip.peak.raw() / tera);
    std::string formats;
    for (const DType format : chip.formats) {
      formats += fmt::format("{}\"{}\"", formats.empty() ? "" : ", ", to_string(format));
    }
    text += fmt::format("formats = [{}]\n", formats);
  }
  if (standard_errors.empty()) return text;
  text += "\n# One standard error of each fitted number, in its own unit.\n";
  write_errors(text, standard_errors);
  return text;
}

}  // namespace tightrope::step
