#include "tightrope/formula/calibration.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "tightrope/core/check.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/embedded.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_calibration();  // written by cmake/embed.cmake
}  // namespace tightrope

namespace tightrope::formula {
namespace {

Where where_of(const toml::node& node, const std::string& file) {
  return {file, static_cast<int>(node.source().begin.line),
          static_cast<int>(node.source().begin.column)};
}

/// One table with the file it stands in; remembers the first fault.
class Reader {
 public:
  Reader(const toml::table& table, const std::string& file) : table_(table), file_(file) {}

  /// A number in [low, high]; absent ones keep what they have.
  void number(std::string_view key, double low, double high, double& into) {
    const toml::node* node = table_.get(key);
    known_.push_back(key);
    if (node == nullptr || error_) return;
    const auto value = node->value<double>();
    if (!value) return fault(ErrorCode::type, *node, key, "a number");
    if (!(*value >= low && *value <= high)) {
      return fault(ErrorCode::range, *node, key,
                   fmt::format("a number from {:g} to {:g}", low, high));
    }
    into = *value;
  }

  template <class Q>
  void quantity(std::string_view key, double unit, double high, Q& into) {
    double value = into.raw() / unit;
    number(key, 0.0, high, value);
    into = Q(value * unit);
  }

  void text(std::string_view key, std::string& into) {
    const toml::node* node = table_.get(key);
    known_.push_back(key);
    if (node == nullptr || error_) return;
    const auto value = node->value<std::string>();
    if (!value) return fault(ErrorCode::type, *node, key, "a text");
    into = *value;
  }

  void flag(std::string_view key, bool& into) {
    const toml::node* node = table_.get(key);
    known_.push_back(key);
    if (node == nullptr || error_) return;
    const auto value = node->value<bool>();
    if (!value) return fault(ErrorCode::type, *node, key, "true or false");
    into = *value;
  }

  void texts(std::string_view key, std::vector<std::string>& into) {
    const toml::node* node = table_.get(key);
    known_.push_back(key);
    if (node == nullptr || error_) return;
    const toml::array* list = node->as_array();
    if (list == nullptr) return fault(ErrorCode::type, *node, key, "a list of texts");
    for (const toml::node& item : *list) {
      const auto value = item.value<std::string>();
      if (!value) return fault(ErrorCode::type, item, key, "a text in the list");
      into.push_back(*value);
    }
  }

  void grade(std::string_view key, catalog::Grade& into) {
    std::string name;
    text(key, name);
    if (name.empty() || error_) return;
    for (const auto g : {catalog::Grade::measured, catalog::Grade::vendor, catalog::Grade::press,
                         catalog::Grade::derived, catalog::Grade::estimate}) {
      if (name == catalog::to_string(g)) {
        into = g;
        return;
      }
    }
    fault(ErrorCode::range, *table_.get(key), key,
          "one of measured, vendor, press, derived, estimate");
  }

  /// The sub-table, or nullptr when it is absent.
  const toml::table* table(std::string_view key) {
    const toml::node* node = table_.get(key);
    known_.push_back(key);
    if (node == nullptr || error_) return nullptr;
    if (!node->is_table()) fault(ErrorCode::type, *node, key, "a table");
    return node->as_table();
  }

  void skip(std::string_view key) { known_.push_back(key); }

  /// The first fault: a bad value, else a key that nobody reads.
  [[nodiscard]] Result<void> finish() const {
    if (error_) return Failure(*error_);
    for (const auto& [key, node] : table_) {
      if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
      return fail(ErrorCode::unknown_key, "nobody reads `" + std::string(key.str()) + "`",
                  where_of(node, file_), "remove it, or see calibration/kernels.toml for the keys");
    }
    return {};
  }

 private:
  void fault(ErrorCode code, const toml::node& node, std::string_view key,
             const std::string& expected) {
    error_ = Error{code, "expected " + expected + " for `" + std::string(key) + "`",
                   where_of(node, file_), "correct it, or run `tightrope calibrate kernels` again"};
  }

  const toml::table& table_;
  std::string file_;
  std::vector<std::string_view> known_;
  std::optional<Error> error_;
};

/// What a fit says of itself; for people, not for formulas.
void skip_fit_notes(Reader& reader) {
  for (const char* key : {"rows", "median_ape", "p90_ape", "bias", "engine", "standard_error",
                          "note", "cross_ape", "nuisance"}) {
    reader.skip(key);
  }
}

Result<GemmCoefficients> read_gemm(const toml::table& table, const std::string& file) {
  GemmCoefficients c;
  Reader reader(table, file);
  reader.number("peak_share", 0.01, 1.0, c.peak_share);
  reader.number("tile_m", 1.0, 4096.0, c.tile_m);
  reader.number("tile_n", 1.0, 4096.0, c.tile_n);
  reader.number("small_tile_share", 0.1, 1.0, c.small_tile_share);
  reader.number("k_half", 0.0, 1e5, c.k_half);
  reader.number("wave_share", 0.0, 1.0, c.wave_share);
  reader.number("split_share", 0.0, 1.0, c.split_share);
  reader.number("overlap_loss", 0.0, 1.0, c.overlap_loss);
  reader.quantity("launch_us", 1e-6, 1e4, c.launch);
  skip_fit_notes(reader);
  TR_TRY_VOID(reader.finish());
  return c;
}

Result<AttentionCoefficients> read_attention(const toml::table& table, const std::string& file) {
  AttentionCoefficients c;
  Reader reader(table, file);
  reader.number("peak_share", 0.01, 1.0, c.peak_share);
  reader.number("q_half", 0.0, 1e5, c.q_half);
  reader.quantity("softmax_flops", 1.0, 1e4, c.softmax);
  skip_fit_notes(reader);
  TR_TRY_VOID(reader.finish());
  return c;
}

Result<void> read_formats(const toml::table& table, const std::string& file,
                          ChipCalibration& chip) {
  for (const auto& [key, node] : table) {
    std::string name(key.str());
    constexpr std::string_view suffix = "_block";
    const bool block = name.ends_with(suffix);
    if (block) name.resize(name.size() - suffix.size());
    const auto dtype = dtype_from(name);
    if (!dtype || !node.is_table()) {
      return fail(ErrorCode::unknown_key, "expected a table named after a number format",
                  where_of(node, file), "such as [chip.gemm.bf16] or [chip.gemm.fp8_block]");
    }
    TR_TRY(auto coefficients, read_gemm(*node.as_table(), file));
    (block ? chip.gemm_block : chip.gemm)[*dtype] = coefficients;
  }
  return {};
}

Result<ChipCalibration> read_chip(const toml::table& table, const std::string& file) {
  ChipCalibration chip;
  Reader reader(table, file);
  reader.text("name", chip.name);
  reader.text("architecture", chip.architecture);
  reader.text("kind", chip.kind);
  reader.grade("grade", chip.grade);
  reader.quantity("launch_us", 1e-6, 1e4, chip.launch);
  reader.number("hbm_share", 0.05, 1.0, chip.hbm_share);
  reader.quantity("hbm_half_bytes", 1.0, 1e10, chip.hbm_half);
  reader.number("hbm_read_share", 0.05, 1.0, chip.hbm_read_share);
  reader.number("compute_units", 0.0, 1e5, chip.compute_units);
  const toml::table* gemm = reader.table("gemm");
  const toml::table* forward = reader.table("attention_forward");
  const toml::table* backward = reader.table("attention_backward");
  skip_fit_notes(reader);
  TR_TRY_VOID(reader.finish());
  if (gemm != nullptr) {
    TR_TRY_VOID(read_formats(*gemm, file, chip));
  }
  if (forward != nullptr) {
    TR_TRY(chip.attention_forward, read_attention(*forward, file));
  }
  if (backward != nullptr) {
    TR_TRY(chip.attention_backward, read_attention(*backward, file));
  }
  if (!chip.gemm[DType::bf16]) {
    return fail(ErrorCode::not_found, "expected a table [chip.gemm.bf16] for every chip",
                where_of(table, file), "other formats borrow from bf16, so it must be there");
  }
  return chip;
}

Result<ExpertCalibration> read_experts(const toml::table& table, const std::string& file) {
  ExpertCalibration experts;
  ExpertCoefficients& c = experts.coefficients;
  Reader reader(table, file);
  std::string format;
  reader.text("architecture", experts.architecture);
  reader.text("format", format);
  reader.text("engine", experts.engine);
  reader.number("peak_share", 0.01, 1.0, c.peak_share);
  reader.number("row_padding", 0.0, 1e4, c.row_padding);
  reader.number("read_share", 0.05, 1.0, c.read_share);
  reader.number("overlap_loss", 0.0, 1.0, c.overlap_loss);
  reader.quantity("launch_us", 1e-6, 1e4, c.launch);
  reader.quantity("held_us", 1e-6, 1e3, c.held);
  reader.number("token_passes", 0.0, 1e3, c.token_passes);
  reader.number("routed_passes", 0.0, 1e3, c.routed_passes);
  skip_fit_notes(reader);
  TR_TRY_VOID(reader.finish());
  const auto known = expert_format_from(format);
  if (!known) {
    return fail(ErrorCode::range, "unknown format \"" + format + "\" of experts",
                where_of(table, file), "one of bf16, fp8, fp8_block, fp4, mxfp4, int4");
  }
  experts.format = *known;
  return experts;
}

Result<LinkCalibration> read_link(const toml::table& table, const std::string& file) {
  LinkCalibration link;
  LinkModel& m = link.model;
  Reader reader(table, file);
  reader.text("name", link.name);
  reader.texts("match", link.match);
  reader.grade("grade", link.grade);
  reader.number("share", 0.01, 1.0, m.share);
  reader.number("pair_loss", 0.0, 1.0, m.pair_loss);
  reader.number("all_to_all_share", 0.01, 1.0, m.all_to_all_share);
  reader.number("peer_loss", 0.0, 1.9, m.peer_loss);
  reader.number("send_share", 0.01, 1.0, m.send_share);
  reader.quantity("latency_us", 1e-6, 1e6, m.latency);
  reader.quantity("peer_latency_us", 1e-6, 1e6, m.peer_latency);
  reader.quantity("step_latency_us", 1e-6, 1e6, m.step_latency);
  reader.quantity("half_size_bytes", 1.0, 1e12, m.half_size);
  reader.quantity("bulk_latency_us", 1e-6, 1e6, m.bulk_latency);
  reader.number("low_share", 0.0, 1.0, m.low_share);
  reader.flag("in_network_reduction", m.in_network_reduction);
  reader.number("in_network_share", 0.01, 1.0, m.in_network_share);
  reader.quantity("in_network_half_bytes", 1.0, 1e12, m.in_network_half);
  reader.number("tree_share", 0.1, 1.0, m.tree_share);
  double lanes = 0.0;
  reader.number("lanes", 0.0, 1e4, lanes);
  m.lanes = static_cast<int>(lanes);
  skip_fit_notes(reader);
  TR_TRY_VOID(reader.finish());
  return link;
}

Result<PowerShares> read_power(const toml::table& table, const std::string& file) {
  PowerShares power;
  Reader reader(table, file);
  reader.number("active_share", 0.0, 1.2, power.active);
  reader.number("waiting_share", 0.0, 1.0, power.waiting);
  skip_fit_notes(reader);
  TR_TRY_VOID(reader.finish());
  return power;
}

template <class Item, class Read>
Result<std::vector<Item>> read_list(const toml::table& root, std::string_view key,
                                    const std::string& file, Read read) {
  std::vector<Item> items;
  const toml::array* list = root[key].as_array();
  if (list == nullptr || list->empty()) {
    return fail(ErrorCode::not_found, "expected at least one [[" + std::string(key) + "]]",
                {file, 1, 1}, "run `tightrope calibrate kernels` to write a whole file");
  }
  for (const toml::node& node : *list) {
    if (!node.is_table()) {
      return fail(ErrorCode::type, "expected a table", where_of(node, file));
    }
    TR_TRY(auto item, read(*node.as_table(), file));
    items.push_back(std::move(item));
  }
  return items;
}

/// Lower-case letters and digits of a name.
std::string stripped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) != 0) out.push_back(static_cast<char>(std::tolower(u)));
  }
  return out;
}

/// The format a missing one borrows from, nearest first.
GemmCoefficients nearest(const ChipCalibration& chip, DType dtype, Scaling scaling) {
  const auto& tensor = chip.gemm;
  const auto& block = chip.gemm_block;
  if (scaling == Scaling::block && block[dtype]) return *block[dtype];
  if (tensor[dtype]) return *tensor[dtype];
  if (block[dtype]) return *block[dtype];
  if (dtype == DType::fp4 && block[DType::fp8]) return *block[DType::fp8];
  if ((dtype == DType::fp4 || dtype == DType::int8) && tensor[DType::fp8]) {
    return *tensor[DType::fp8];
  }
  return *tensor[DType::bf16];
}

}  // namespace

Result<Calibration> Calibration::parse(std::string_view text, const std::string& file) {
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    return fail(
        ErrorCode::syntax, std::string(e.description()),
        {file, static_cast<int>(e.source().begin.line), static_cast<int>(e.source().begin.column)},
        "a calibration file is TOML; see calibration/kernels.toml");
  }
  Calibration out;
  TR_TRY(out.chips_, read_list<ChipCalibration>(root, "chip", file, read_chip));
  if (root.contains("experts")) {
    TR_TRY(out.experts_, read_list<ExpertCalibration>(root, "experts", file, read_experts));
  }
  if (const toml::node* power = root.get("power"); power != nullptr && power->is_table()) {
    TR_TRY(out.power_, read_power(*power->as_table(), file));
  }
  TR_TRY(out.scaleup_, read_list<LinkCalibration>(root, "scaleup_link", file, read_link));
  TR_TRY(out.scaleout_, read_list<LinkCalibration>(root, "scaleout_link", file, read_link));
  return out;
}

Result<Calibration> Calibration::read(const std::string& path) {
  TR_TRY(auto text, read_file(path));
  return parse(text, path);
}

const ChipCalibration& Calibration::for_chip(const catalog::Chip& chip) const {
  TR_CHECK(!chips_.empty());
  const auto find = [this](auto wanted) -> const ChipCalibration* {
    const auto it = std::find_if(chips_.begin(), chips_.end(), wanted);
    return it == chips_.end() ? nullptr : &*it;
  };
  if (const auto* own = find([&](const auto& c) { return c.name == chip.name; })) return *own;
  if (!chip.architecture.empty()) {
    const auto* kin = find([&](const auto& c) { return c.architecture == chip.architecture; });
    if (kin != nullptr) return *kin;
  }
  if (const auto* kind = find([&](const auto& c) { return c.kind == chip.kind; })) return *kind;
  return chips_.front();
}

const LinkCalibration& Calibration::for_link(const std::vector<LinkCalibration>& links,
                                             std::string_view name) {
  TR_CHECK(!links.empty());
  const std::string wanted = stripped(name);
  for (const LinkCalibration& link : links) {
    for (const std::string& match : link.match) {
      if (wanted.find(match) != std::string::npos) return link;
    }
  }
  return links.back();
}

const Calibration& embedded_calibration() {
  static const Calibration calibration = [] {
    for (const EmbeddedFile& file : tightrope::embedded_calibration()) {
      if (file.path != "kernels.toml") continue;
      auto read = Calibration::parse(file.text, "calibration/kernels.toml");
      const std::string fault = read ? std::string() : to_string(read.error());
      TR_CHECK(read.has_value(), fault);
      return std::move(read).value();
    }
    TR_CHECK(false, "calibration/kernels.toml is not embedded");
  }();
  return calibration;
}

RankKernels rank_kernels(const catalog::Chip& chip, const Calibration& calibration,
                         std::string* borrowed_from) {
  const ChipCalibration& c = calibration.for_chip(chip);
  if (borrowed_from != nullptr) {
    const std::string& kin = c.architecture.empty() ? c.kind : c.architecture;
    const std::string& owner = c.name.empty() ? kin : c.name;
    *borrowed_from = c.name == chip.name ? std::string() : owner;
  }
  const double per_chip = std::max(1, chip.ranks_per_chip);
  RankKernels k;
  for (const DType dtype : all_dtypes) {
    k.peak[dtype] = chip.peak[dtype].value_or(FlopsPerSecond(0.0)) / per_chip;
    k.gemm[dtype] = nearest(c, dtype, Scaling::tensor);
    k.gemm_block[dtype] = nearest(c, dtype, Scaling::block);
  }
  if (!(k.peak[DType::fp16].raw() > 0.0)) k.peak[DType::fp16] = k.peak[DType::bf16];
  k.hbm = chip.hbm.value_or(Bytes(0.0)) / per_chip;
  k.hbm_bandwidth = chip.hbm_bandwidth.value_or(BytesPerSecond(0.0)) / per_chip;
  k.compute_units =
      std::max(1.0, chip.compute_units.value_or(std::max(per_chip, c.compute_units)) / per_chip);
  k.launch = c.launch;
  k.hbm_share = c.hbm_share;
  k.hbm_half = c.hbm_half;
  k.hbm_read_share = c.hbm_read_share;
  k.attention_forward = c.attention_forward;
  k.attention_backward = c.attention_backward;
  k.experts = expert_kernels(calibration.experts(), chip.architecture, {}).coefficients;
  return k;
}

FabricModel fabric_model(const catalog::System& system, const catalog::Chip& chip,
                         const Calibration& calibration) {
  FabricModel model;
  model.fabric = topology::fabric_of(system, chip);
  model.scaleup = Calibration::for_link(calibration.scaleup_links(), chip.scaleup_link).model;
  model.scaleup.bandwidth = model.fabric.scaleup_bandwidth;
  if (system.topology != topology::ScaleupTopology::switched) {
    model.scaleup.in_network_reduction = false;
  }
  model.scaleout = Calibration::for_link(calibration.scaleout_links(), system.nic).model;
  model.scaleout.bandwidth = model.fabric.scaleout_bandwidth;
  return model;
}

}  // namespace tightrope::formula
