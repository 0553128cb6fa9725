#include "tightrope/step/tuning.h"

#include <algorithm>
#include <type_traits>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "tightrope/core/check.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/embedded.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_calibration();  // written by cmake/embed.cmake
}  // namespace tightrope

namespace tightrope::step {

const std::vector<NumberField<Stack>>& stack_fields() {
  static const std::vector<NumberField<Stack>> fields = {
      {"gradient_bytes", &Stack::gradient_bytes, 0.0, 4.0},
      {"bucket_mparams", &Stack::bucket_mparams, 0.0, 1e5},
      {"bucket_mparams_a_rank", &Stack::bucket_mparams_a_rank, 0.0, 100.0},
      {"gather_mparams", &Stack::gather_mparams, 0.0, 1e5},
      {"gradient_kept_bytes", &Stack::gradient_kept_bytes, 0.0, 8.0},
      {"optimizer_kept_bytes", &Stack::optimizer_kept_bytes, 0.0, 16.0},
      {"logit_bytes", &Stack::logit_bytes, 2.0, 32.0},
      {"split_logit_bytes", &Stack::split_logit_bytes, 0.0, 32.0},
      {"checkpoint_copies", &Stack::checkpoint_copies, 1.0, 4.0},
      {"reserve_share", &Stack::reserve_share, 0.0, 1.0},
      {"pass_share", &Stack::pass_share, 0.3, 4.0},
      {"cast_share", &Stack::cast_share, 0.0, 3.0},
      {"reserve_gib", &Stack::reserve_gib, -1.0, 16.0},
      {"host_per_kernel_us", &Stack::host_per_kernel_us, 0.0, 100.0},
      {"compute_share", &Stack::compute_share, 0.3, 1.2},
      {"attention_share", &Stack::attention_share, 0.1, 1.5},
  };
  return fields;
}

const std::vector<NumberField<Sustained>>& sustained_fields() {
  static const std::vector<NumberField<Sustained>> fields = {
      {"wide", &Sustained::wide, 0.3, 1.3},
      {"narrow", &Sustained::narrow, 0.3, 1.3},
      {"narrowest", &Sustained::narrowest, 0.3, 1.5},
      {"wide_per_watt", &Sustained::wide_per_watt, 0.0, 10.0},
      {"chip", &Sustained::chip, 0.5, 1.5},
  };
  return fields;
}

const std::vector<NumberField<Habits>>& habit_fields() {
  static const std::vector<NumberField<Habits>> fields = {
      {"tp_hidden", &Habits::tp_hidden, 0.0, 1.0},
      {"bulk_hidden", &Habits::bulk_hidden, 0.0, 1.0},
      {"dp_hidden", &Habits::dp_hidden, 0.0, 1.0},
      {"ep_hidden", &Habits::ep_hidden, 0.0, 1.0},
      {"old_attention_share", &Habits::old_attention_share, 0.1, 1.0},
      {"scan_share", &Habits::scan_share, 0.02, 1.0},
      {"steal", &Habits::steal, 0.0, 1.0},
      {"expert_skew", &Habits::expert_skew, 1.0, 3.0},
      {"straggler", &Habits::straggler, 0.0, 0.2},
      {"step_fixed_ms", &Habits::step_fixed_ms, 0.0, 500.0},
      {"reserve_gib", &Habits::reserve_gib, 0.0, 16.0},
  };
  return fields;
}

namespace {

struct FlagField {
  std::string_view name;
  bool Stack::* member;
};
constexpr FlagField flag_fields[] = {
    {"flash_attention", &Stack::flash_attention},
    {"dropout", &Stack::dropout},
    {"dedup_dispatch", &Stack::dedup_dispatch},
    {"graphs", &Stack::graphs},
    {"sharded_all_reduce", &Stack::sharded_all_reduce},
    {"old_attention", &Stack::old_attention},
    {"keeps_wide_inputs", &Stack::keeps_wide_inputs},
    {"keeps_outputs", &Stack::keeps_outputs},
    {"frees_gradients", &Stack::frees_gradients},
    {"placeholder_gradients", &Stack::placeholder_gradients},
    {"figure_reserved", &Stack::figure_reserved},
    {"figure_device", &Stack::figure_device},
    {"host_waits", &Stack::host_waits},
};

Where where_of(const toml::node& node, const std::string& file) {
  return {file, static_cast<int>(node.source().begin.line),
          static_cast<int>(node.source().begin.column)};
}

template <class Record>
Result<bool> read_number(std::string_view key, const toml::node& node, const std::string& file,
                         const std::vector<NumberField<Record>>& fields, Record& into) {
  for (const NumberField<Record>& field : fields) {
    if (field.name != key) continue;
    const auto value = node.value<double>();
    if (!value || !(*value >= field.low && *value <= field.high)) {
      return fail(value ? ErrorCode::range : ErrorCode::type,
                  fmt::format("\"{}\" must be a number", key), where_of(node, file),
                  fmt::format("from {} to {}", field.low, field.high));
    }
    into.*field.member = *value;
    return true;
  }
  return false;
}

template <class Record>
Result<void> read_record(const toml::table& table, const std::string& file,
                         const std::vector<NumberField<Record>>& fields, Record& into) {
  for (const auto& [key, node] : table) {
    TR_TRY(bool known, read_number(key.str(), node, file, fields, into));
    if constexpr (std::is_same_v<Record, Stack>) {
      for (const FlagField& flag : flag_fields) {
        if (flag.name != key.str()) continue;
        if (!node.is_boolean()) {
          return fail(ErrorCode::type, fmt::format("\"{}\" must be true or false", key.str()),
                      where_of(node, file));
        }
        into.*flag.member = node.as_boolean()->get();
        known = true;
      }
    }
    if (!known) {
      return fail(ErrorCode::unknown_key, fmt::format("unknown key \"{}\"", key.str()),
                  where_of(node, file), "see docs/guide/calibration.md for the keys");
    }
  }
  return {};
}

Result<const toml::table*> section(const toml::table& root, std::string_view name,
                                   const std::string& file) {
  const toml::table* table = root[name].as_table();
  if (table == nullptr) {
    return fail(ErrorCode::unknown_key, fmt::format("section [{}] is missing", name), {file, 1, 1},
                "a training calibration has [habits], [sustained.*], [stack.*]");
  }
  return table;
}

template <class Record, class Name>
Result<void> read_records(const toml::table& root, std::string_view kind, const std::string& file,
                          const std::vector<NumberField<Record>>& fields, Name name,
                          std::vector<Record>& into) {
  TR_TRY(const toml::table* table, section(root, kind, file));
  std::vector<std::pair<int, Record>> found;  // in file order, which names the fall-back
  for (const auto& [key, node] : *table) {
    Record record;
    record.*name = std::string(key.str());
    if (!node.is_table()) {
      return fail(ErrorCode::type, fmt::format("\"{}\" must be a table", key.str()),
                  where_of(node, file));
    }
    TR_TRY_VOID(read_record(*node.as_table(), file, fields, record));
    found.emplace_back(static_cast<int>(node.source().begin.line), std::move(record));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& entry : found) into.push_back(std::move(entry.second));
  if (into.empty()) {
    return fail(ErrorCode::range, fmt::format("[{}] has no entries", kind), {file, 1, 1});
  }
  return {};
}

template <class Record>
void write_numbers(std::string& text, const Record& record,
                   const std::vector<NumberField<Record>>& fields) {
  for (const NumberField<Record>& f : fields) {
    text += fmt::format("{} = {:.5g}\n", f.name, record.*f.member);
  }
}

}  // namespace

Result<TuningTable> TuningTable::parse(std::string_view text, const std::string& file) {
  TuningTable table;
  table.file = file;
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    const auto at = e.source().begin;
    return fail(ErrorCode::syntax, std::string(e.description()),
                {file, static_cast<int>(at.line), static_cast<int>(at.column)});
  }
  TR_TRY(const toml::table* habits, section(root, "habits", file));
  TR_TRY_VOID(read_record(*habits, file, habit_fields(), table.habits));
  TR_TRY_VOID(read_records(root, "sustained", file, sustained_fields(), &Sustained::architecture,
                           table.sustained));
  TR_TRY_VOID(read_records(root, "stack", file, stack_fields(), &Stack::name, table.stacks));
  TR_TRY(Evidence evidence, Evidence::parse(text, file));
  table.evidence = std::make_shared<const Evidence>(std::move(evidence));
  return table;
}

Result<TuningTable> TuningTable::read(const std::string& path) {
  TR_TRY(const std::string text, read_file(path));
  return parse(text, path);
}

namespace {

TuningTable embedded_table(std::string_view name) {
  for (const EmbeddedFile& file : tightrope::embedded_calibration()) {
    if (file.path != name) continue;
    auto read = TuningTable::parse(file.text, fmt::format("calibration/{}", name));
    TR_CHECK(read.has_value(), to_string(read.error()));
    return std::move(read).value();
  }
  TR_CHECK(false, name);
  return {};
}

}  // namespace

const TuningTable& TuningTable::embedded() {
  static const TuningTable table = embedded_table("training.toml");
  return table;
}

const TuningTable& TuningTable::embedded_priors() {
  static const TuningTable table = embedded_table("training_priors.toml");
  return table;
}

std::string TuningTable::to_toml(std::string_view comment) const {
  std::string text;
  for (std::size_t at = 0; at < comment.size();) {
    const std::size_t end = std::min(comment.find('\n', at), comment.size());
    text += fmt::format("# {}\n", comment.substr(at, end - at));
    at = end + 1;
  }
  text += "\n[habits]\n";
  write_numbers(text, habits, habit_fields());
  for (const Sustained& s : sustained) {
    text += fmt::format("\n[sustained.{}]\n", s.architecture);
    write_numbers(text, s, sustained_fields());
  }
  for (const Stack& s : stacks) {
    text += fmt::format("\n[stack.{}]\n", s.name);
    for (const FlagField& f : flag_fields) text += fmt::format("{} = {}\n", f.name, s.*f.member);
    write_numbers(text, s, stack_fields());
  }
  if (!evidence->chips.empty()) text += evidence->to_toml();
  return text;
}

Result<Tuning> TuningTable::tuning(std::string_view architecture, std::string_view stack,
                                   std::string_view chip) const {
  Tuning out;
  out.habits = habits;
  out.evidence = evidence;
  out.sustained = sustained.front();
  for (const Sustained& s : sustained) {
    if (s.architecture == architecture) out.sustained = s;
  }
  for (const Sustained& s : sustained) {
    if (s.architecture == chip) out.sustained = s;
  }
  std::vector<std::string> names;
  for (const Stack& s : stacks) {
    names.push_back(s.name);
    if (s.name != stack) continue;
    out.stack = s;
    return out;
  }
  return fail(ErrorCode::unknown_key, fmt::format("unknown stack \"{}\"", stack), {},
              fmt::format("choose one of {}", fmt::join(names, ", ")));
}

}  // namespace tightrope::step
