// Which network and which machine a row means.
#include <algorithm>
#include <cctype>
#include <cmath>

#include <fmt/format.h>

#include "tightrope/catalog/names.h"
#include "tightrope/study/training_rows_internal.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::study::rows_internal {
namespace {

int note_number(const std::string& note, std::string_view key, int absent) {
  return static_cast<int>(number_after(note, key).value_or(absent));
}

// A config text from a note such as "layers=32 hidden=4096 heads=32 kv=8 ffn=14336 vocab=128256".
std::optional<std::string> config_from_note(const std::string& note) {
  const int layers = note_number(note, "layers=", 0), hidden = note_number(note, "hidden=", 0);
  const int heads = note_number(note, "heads=", 0), vocab = note_number(note, "vocab=", 0);
  if (layers <= 0 || hidden <= 0 || heads <= 0 || vocab <= 0) return std::nullopt;
  const bool four_h = has_any(note, {"ffn=4h"});
  const int ffn = four_h ? 4 * hidden : note_number(note, " ffn=", 4 * hidden);
  const bool gated = ffn != 4 * hidden && !has_any(note, {"2 matrices"});
  const int experts = note_number(note, "experts=", 0);
  std::string text = fmt::format(
      R"({{"model_type":"tightrope_decoder","hidden_size":{},"num_hidden_layers":{},)"
      R"("num_attention_heads":{},"num_key_value_heads":{},"intermediate_size":{},)"
      R"("vocab_size":{},"gated_mlp":{})",
      hidden, layers, heads, note_number(note, "kv=", heads), ffn, vocab, gated || experts > 0);
  if (experts > 0) {
    text += fmt::format(R"(,"num_experts":{},"num_experts_per_tok":{},"moe_intermediate_size":{})",
                        experts, note_number(note, "topk=", 1), note_number(note, "moe_ffn=", ffn));
  }
  return text + "}";
}

// Keeps the first layers; `dense` of them from the front of the network, when given.
void cut_layers(workload::Model& model, int layers, std::optional<double> dense) {
  if (layers <= 0 || layers >= model.layer_count()) return;
  std::vector<int> kept;
  if (dense && model.kinds.size() > 1) {
    const int last_kind = model.layers.back();
    const int front = std::min(layers, static_cast<int>(*dense));
    kept.assign(model.layers.begin(), model.layers.begin() + front);
    kept.resize(static_cast<std::size_t>(layers), last_kind);
  } else {
    kept.assign(model.layers.begin(), model.layers.begin() + layers);
  }
  model.layers = std::move(kept);
}

void apply_note(workload::Model& model, const TrainingRow& row) {
  const std::string note = lower(row.architecture_note + "; " + row.notes);
  if (const auto layers = number_after(note, "num_hidden_layers overridden to ")) {
    cut_layers(model, static_cast<int>(*layers), number_before(note, " dense layer"));
    model.mtp_layers = 0;
  }
  // Runs that train the extra prediction module say so; others leave it out.
  const auto mtp = number_before(note, " mtp layer");
  model.mtp_layers = mtp ? static_cast<int>(*mtp) : 0;
  const int kv = note_number(note, "kv=", 0);
  for (workload::LayerKind& kind : model.kinds) {
    workload::Attention& a = kind.attention;
    const bool plain = a.kind == workload::AttentionKind::softmax;
    if (kv > 0 && plain && model.kinds.size() == 1 && a.heads % kv == 0) a.kv_heads = kv;
  }
}

// "1600 Gbps", "400 Gbit/s", "4x100G", "8x200G": rate of a node in bytes/s; 0 without one.
BytesPerSecond node_rate(const std::string& words, int chips_per_node) {
  constexpr double giga_bit = 1e9 / 8;
  for (const std::string_view unit : {" gbps", " gbit/s", " gb/s", "gbps"}) {
    const auto rate = number_before(words, unit);
    if (!rate || *rate <= 0) continue;
    const bool each = has_any(words, {"per gpu", "per chip", "a gpu"});
    return BytesPerSecond(*rate * giga_bit * (each ? chips_per_node : 1));
  }
  for (std::size_t x = words.find('x'); x != std::string::npos; x = words.find('x', x + 1)) {
    const auto ports = number_ending(std::string_view(words).substr(0, x));
    const auto rate = number_after(std::string_view(words).substr(x), "x");
    if (!ports || !rate || *rate < 10) continue;
    const std::string mark = fmt::format("x{:g}g", *rate);
    if (words.compare(x, mark.size(), mark) == 0) {
      return BytesPerSecond(*ports * *rate * giga_bit);
    }
  }
  return BytesPerSecond(0.0);
}

// The system of this chip whose longest name stands in the row's words.
const catalog::System* named_system(const std::string& words, const catalog::Chip& chip,
                                    const catalog::Catalog& catalog) {
  const catalog::System* best = nullptr;
  std::size_t longest = 0;
  for (const catalog::System& s : catalog.systems()) {
    if (s.chip != chip.name) continue;
    std::vector<std::string> names = s.aliases;
    names.push_back(s.name);
    for (const std::string& name : names) {
      const std::string folded = lower(name);
      if (folded.size() > longest && words.find(folded) != std::string::npos) {
        longest = folded.size();
        best = &s;
      }
    }
  }
  return best;
}

catalog::System plain_nodes(const catalog::Chip& chip) {
  catalog::System s;
  s.name = "8x" + chip.name;
  s.title = "nodes of 8 " + chip.title;
  s.provider = "any";
  s.chip = chip.name;
  s.chips = s.chips_per_node = s.scaleup_domain = 8;
  s.topology = catalog::ScaleupTopology::switched;
  s.nic = "InfiniBand";
  s.nic_bandwidth.value = BytesPerSecond(8 * 400e9 / 8);
  s.nic_bandwidth.known = true;
  return s;
}

}  // namespace

Result<workload::Model> model_of(const TrainingRow& row) {
  std::string text = row.config;
  if (text.empty()) {
    auto known = catalog::llm_config(row.model_key);
    if (known) {
      text = std::move(known).value();
    } else if (auto made = config_from_note(row.architecture_note)) {
      text = std::move(*made);
    } else {
      return Failure(known.error());
    }
  }
  TR_TRY(workload::Model model, workload::read_hf_config(text, row.model_key + ".json"));
  apply_note(model, row);
  return model;
}

Result<const catalog::Chip*> chip_of(const TrainingRow& row, const catalog::Catalog& catalog) {
  if (const catalog::Chip* chip = catalog.find_chip(row.hardware)) return chip;
  const std::string words = lower(row.hardware);
  const catalog::Chip* best = nullptr;
  std::size_t longest = 0;
  for (const catalog::Chip& chip : catalog.chips()) {
    for (const std::string& alias : chip.aliases) {
      const std::string folded = lower(alias);
      if (folded.size() > longest && words.starts_with(folded)) {
        longest = folded.size();
        best = &chip;
      }
    }
  }
  if (best != nullptr) return best;
  return fail(ErrorCode::not_found, fmt::format("no chip \"{}\" in the catalog", row.hardware));
}

catalog::System system_of(const TrainingRow& row, const catalog::Chip& chip,
                          const catalog::Catalog& catalog) {
  const std::string words = lower(row.system);
  const catalog::System* found = named_system(words, chip, catalog);
  if (found == nullptr) found = catalog.find_system(chip.reference_system);
  if (found != nullptr && found->chip != chip.name) found = nullptr;
  catalog::System system = found != nullptr ? *found : plain_nodes(chip);
  const BytesPerSecond rate = node_rate(words, system.chips_per_node);
  if (rate > BytesPerSecond(0.0)) {
    system.nic_bandwidth.value = rate;
    system.nic_bandwidth.known = true;
    if (has_any(words, {"omni-path"})) system.nic = "Omni-Path 100";
  }
  return system;
}

}  // namespace tightrope::study::rows_internal
