#include "tightrope/infer/engine.h"

#include <type_traits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/catalog/toml_document.h"
#include "tightrope/core/check.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/embedded.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_calibration();  // written by cmake/embed.cmake
}  // namespace tightrope

namespace tightrope::infer {

const std::vector<ServingField<Engine>>& engine_fields() {
  static const std::vector<ServingField<Engine>> fields = {
      {"step_us", &Engine::step_us, 0.0, 2e4},
      {"sequence_us", &Engine::sequence_us, 0.0, 500.0},
      {"request_ms", &Engine::request_ms, 0.0, 1e3},
      {"prompt_us", &Engine::prompt_us, 0.0, 1e3},
      {"kernel_share", &Engine::kernel_share, 0.0, 5.0},
      {"prefill_kernel_us", &Engine::prefill_kernel_us, 0.0, 1e4},
      {"dense_math", &Engine::dense_math, 0.2, 10.0},
      {"cast_share", &Engine::cast_share, 0.0, 3.0},
      {"expert_share", &Engine::expert_share, 0.2, 5.0},
      {"ahead_steps", &Engine::ahead_steps, 0.0, 4.0},
      {"handshake_steps", &Engine::handshake_steps, 0.0, 4.0},
      {"reserve_gib", &Engine::reserve_gib, 0.0, 64.0},
      {"memory_share", &Engine::memory_share, 0.1, 1.0},
      {"token_budget", &Engine::token_budget, 1.0, 1e6},
      {"most_sequences", &Engine::most_sequences, 1.0, 1e6},
  };
  return fields;
}

const std::vector<EngineFlag>& engine_flags() {
  static const std::vector<EngineFlag> flags = {
      {"mixes_prefill", &Engine::mixes_prefill},
      {"shares_free_memory", &Engine::shares_free_memory},
      {"reserves_output", &Engine::reserves_output},
      {"static_batches", &Engine::static_batches},
      {"buckets_cache", &Engine::buckets_cache},
      {"copies_heads", &Engine::copies_heads},
  };
  return flags;
}

const std::vector<ServingField<ChipHabits>>& chip_habit_fields() {
  static const std::vector<ServingField<ChipHabits>> fields = {
      {"decode_read_share", &ChipHabits::decode_read_share, 0.05, 1.1},
      {"decode_head_ns", &ChipHabits::decode_head_ns, 0.0, 1e3},
      {"decode_kernel_us", &ChipHabits::decode_kernel_us, 0.0, 1e3},
      {"latent_read_share", &ChipHabits::latent_read_share, 0.05, 1.1},
      {"issue_share", &ChipHabits::issue_share, 0.1, 10.0},
      {"reduce_stretch", &ChipHabits::reduce_stretch, 0.2, 10.0},
      {"reduce_us", &ChipHabits::reduce_us, 0.0, 1e3},
      {"peer_us", &ChipHabits::peer_us, 0.0, 1e3},
  };
  return fields;
}

const std::vector<ServingField<ServingBand>>& band_fields() {
  static const std::vector<ServingField<ServingBand>> fields = {
      {"q05", &ServingBand::q05, -10.0, 10.0},
      {"q25", &ServingBand::q25, -10.0, 10.0},
      {"q75", &ServingBand::q75, -10.0, 10.0},
      {"q95", &ServingBand::q95, -10.0, 10.0},
  };
  return fields;
}

const std::vector<ServingField<ServingTuning>>& shared_fields() {
  static const std::vector<ServingField<ServingTuning>> fields = {
      {"draft_acceptance", &ServingTuning::draft_acceptance, 0.0, 1.0},
      {"expert_skew", &ServingTuning::expert_skew, 0.0, 4.0},
  };
  return fields;
}

namespace {

using catalog::TomlNode;

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  Result<double> number(const TomlNode& node, std::string_view key, double low, double high) const {
    const bool is = node.kind == TomlNode::Kind::number || node.kind == TomlNode::Kind::integer;
    if (!is || !(node.number >= low && node.number <= high)) {
      return fail(is ? ErrorCode::range : ErrorCode::type,
                  fmt::format("\"{}\" must be a number", key), at(node.where),
                  fmt::format("from {} to {}", low, high));
    }
    return node.number;
  }

  template <class Record>
  Result<Record> record(const TomlNode& table, std::string_view name_key,
                        std::string Record::* name,
                        const std::vector<ServingField<Record>>& fields) const {
    Record out;
    if (table.kind != TomlNode::Kind::table) {
      return fail(ErrorCode::type, "expected a table", at(table.where));
    }
    for (std::size_t i = 0; i < table.keys.size(); ++i) {
      const std::string& key = table.keys[i];
      const TomlNode& value = table.items[i];
      if (key == name_key && value.kind == TomlNode::Kind::text) {
        out.*name = value.text;
        continue;
      }
      if (key == "note" || key == "standard_error") continue;
      if constexpr (!std::is_same_v<Record, ServingBand>) {
        if (key == "rows") {
          constexpr double most = 1e9;
          TR_TRY(out.rows, number(value, key, 0.0, most));
          continue;
        }
      }
      bool known = false;
      if constexpr (std::is_same_v<Record, Engine>) {
        for (const EngineFlag& f : engine_flags()) {
          if (f.name != key || value.kind != TomlNode::Kind::boolean) continue;
          out.*f.member = value.flag;
          known = true;
        }
      }
      for (const ServingField<Record>& f : fields) {
        if (f.name != key) continue;
        TR_TRY(out.*f.member, number(value, key, f.low, f.high));
        known = true;
      }
      if (!known) {
        return fail(ErrorCode::unknown_key, fmt::format("unknown key \"{}\"", key),
                    at(table.key_where[i]), "see docs/guide/serving_model.md for the keys");
      }
    }
    return out;
  }

  Where at(catalog::Spot spot) const { return {file_, spot.line, spot.column}; }

 private:
  const std::string& file_;
};

}  // namespace

Result<ServingTuning> ServingTuning::parse(std::string_view text, const std::string& file) {
  TR_TRY(const TomlNode root, catalog::parse_toml(text, file));
  const Reader reader(file);
  ServingTuning out;
  for (const auto& f : shared_fields()) {
    const TomlNode* node = root.find(f.name);
    if (node == nullptr) continue;
    TR_TRY(out.*f.member, reader.number(*node, f.name, f.low, f.high));
  }
  if (const TomlNode* engines = root.find("engine")) {
    for (const TomlNode& item : engines->items) {
      TR_TRY(Engine engine, reader.record(item, "name", &Engine::name, engine_fields()));
      out.engines.push_back(std::move(engine));
    }
  }
  if (const TomlNode* chips = root.find("chip")) {
    for (const TomlNode& item : chips->items) {
      TR_TRY(ChipHabits chip,
             reader.record(item, "architecture", &ChipHabits::architecture, chip_habit_fields()));
      out.chips.push_back(std::move(chip));
    }
  }
  if (const TomlNode* bands = root.find("band")) {
    for (const TomlNode& item : bands->items) {
      TR_TRY(ServingBand band, reader.record(item, "name", &ServingBand::name, band_fields()));
      out.bands.push_back(std::move(band));
    }
  }
  if (out.engines.empty() || out.chips.empty()) {
    return fail(ErrorCode::unknown_key, "a serving calibration has [[engine]] and [[chip]] tables",
                {file, 1, 1});
  }
  return out;
}

Result<ServingTuning> ServingTuning::read(const std::string& path) {
  TR_TRY(const std::string text, read_file(path));
  return parse(text, path);
}

const ServingTuning& ServingTuning::embedded() {
  static const ServingTuning tuning = [] {
    for (const EmbeddedFile& file : embedded_calibration()) {
      if (file.path != "serving.toml") continue;
      Result<ServingTuning> read = parse(file.text, "calibration/serving.toml");
      TR_CHECK(read.has_value());
      return *std::move(read);
    }
    TR_CHECK(false);
    return ServingTuning{};
  }();
  return tuning;
}

Result<Engine> ServingTuning::engine(std::string_view name) const {
  std::vector<std::string> names;
  const Engine* newest = nullptr;
  for (const Engine& e : engines) {
    if (e.name == name) return e;
    const std::size_t dash = e.name.rfind('-');
    if (dash != std::string::npos && std::string_view(e.name).substr(0, dash) == name) newest = &e;
    names.push_back(e.name);
  }
  if (newest != nullptr) return *newest;
  return fail(ErrorCode::unsupported, fmt::format("unknown serving engine \"{}\"", name), {},
              fmt::format("known: {}; without a year the newest", fmt::join(names, ", ")));
}

const ServingBand* ServingTuning::band(std::string_view name) const {
  for (const ServingBand& b : bands) {
    if (b.name == name) return &b;
  }
  return nullptr;
}

const ChipHabits& ServingTuning::chip(std::string_view architecture) const {
  for (const ChipHabits& c : chips) {
    if (c.architecture == architecture) return c;
  }
  for (const ChipHabits& c : chips) {
    if (c.architecture.empty()) return c;
  }
  return chips.front();
}

}  // namespace tightrope::infer
