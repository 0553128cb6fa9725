#include <algorithm>
#include <optional>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/catalog/toml_document.h"
#include "tightrope/core/csv.h"
#include "tightrope/traffic/spec_file.h"

namespace tightrope::traffic {
namespace {

using catalog::TomlNode;

struct Bounds {
  double low, high;
};
constexpr Bounds any_share = {0.0, 1.0};
constexpr Bounds any_time_s = {1e-6, 1e9};
constexpr Bounds any_tokens = {1, 1 << 30};

// A table whose keys are asked for one after the other; the first fault stays and ends the reading.
class Keys {
 public:
  Keys(const TomlNode& table, std::string name, const std::string& file,
       std::optional<Error>& fault)
      : table_(table), name_(std::move(name)), file_(file), fault_(fault) {}

  [[nodiscard]] const TomlNode* find(std::string_view key) {
    known_.emplace_back(key);
    return table_.find(key);
  }

  void refuse(ErrorCode code, const TomlNode& at, std::string what, std::string hint = {}) {
    if (fault_) return;
    fault_ = Error{code, std::move(what), {file_, at.where.line, at.where.column}, std::move(hint)};
  }

  [[nodiscard]] double number(std::string_view key, double absent, Bounds bounds) {
    const TomlNode* node = find(key);
    return node == nullptr ? absent : checked(key, *node, bounds);
  }

  [[nodiscard]] double required(std::string_view key, Bounds bounds) {
    if (table_.find(key) == nullptr) missing(key);
    return number(key, bounds.low, bounds);
  }

  [[nodiscard]] int integer(std::string_view key, int absent, Bounds bounds) {
    const TomlNode* node = find(key);
    if (node == nullptr) return absent;
    if (node->kind != TomlNode::Kind::integer) {
      refuse(ErrorCode::type, *node, fmt::format("\"{}\" must be a whole number", key));
      return absent;
    }
    return static_cast<int>(checked(key, *node, bounds));
  }

  // One of the enumerators in `all`, by its name.
  template <class Enum>
  [[nodiscard]] Enum choice(std::string_view key, std::span<const Enum> all) {
    const TomlNode* node = find(key);
    std::vector<std::string> names;
    names.reserve(all.size());
    for (const Enum one : all) names.emplace_back(to_string(one));
    if (node == nullptr) {
      missing(key);
      return all.front();
    }
    for (const Enum one : all) {
      if (node->kind == TomlNode::Kind::text && node->text == to_string(one)) return one;
    }
    refuse(ErrorCode::type, *node, fmt::format("\"{}\" is none of the words known here", key),
           fmt::format("one of {}", fmt::join(names, ", ")));
    return all.front();
  }

  // Numbers that never fall.
  [[nodiscard]] std::vector<double> numbers(std::string_view key, Bounds bounds, bool rising) {
    std::vector<double> out;
    const TomlNode* node = find(key);
    if (node == nullptr) return out;
    if (node->kind != TomlNode::Kind::array || node->items.empty()) {
      refuse(ErrorCode::type, *node, fmt::format("\"{}\" must be a list of numbers", key));
      return out;
    }
    for (const TomlNode& item : node->items) {
      out.push_back(checked(key, item, bounds));
      if (rising && out.size() > 1 && out.back() < out[out.size() - 2]) {
        refuse(ErrorCode::range, item, fmt::format("\"{}\" must not fall", key));
      }
    }
    return out;
  }

  [[nodiscard]] std::optional<Keys> table(std::string_view key) {
    const TomlNode* node = find(key);
    if (node == nullptr) return std::nullopt;
    const std::string name = name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
    if (node->kind != TomlNode::Kind::table) {
      refuse(ErrorCode::type, *node, fmt::format("\"{}\" must be a table", name));
      return std::nullopt;
    }
    return Keys(*node, name, file_, fault_);
  }

  void missing(std::string_view key) {
    refuse(ErrorCode::not_found, table_,
           fmt::format("{} needs \"{}\"", name_.empty() ? "a spec" : "[" + name_ + "]", key),
           "docs/guide/traffic.md shows a whole spec");
  }

  // To be called last: refuses what nobody asked for.
  void finish() {
    for (std::size_t i = 0; i < table_.keys.size(); ++i) {
      if (std::ranges::find(known_, table_.keys[i]) != known_.end()) continue;
      if (!fault_) {
        fault_ = Error{ErrorCode::unknown_key,
                       fmt::format("unknown key \"{}\"", table_.keys[i]),
                       {file_, table_.key_where[i].line, table_.key_where[i].column},
                       fmt::format("known here: {}", fmt::join(known_, ", "))};
      }
    }
  }

  [[nodiscard]] const TomlNode& node() const { return table_; }

 private:
  [[nodiscard]] double checked(std::string_view key, const TomlNode& node, Bounds bounds) {
    if (node.kind != TomlNode::Kind::integer && node.kind != TomlNode::Kind::number) {
      refuse(ErrorCode::type, node,
             fmt::format("\"{}\" must be a number, found {}", key, to_string(node.kind)));
      return bounds.low;
    }
    if (node.number >= bounds.low && node.number <= bounds.high) return node.number;
    refuse(ErrorCode::range, node,
           fmt::format("\"{}\" is {:g}, expected {:g} to {:g}", key, node.number, bounds.low,
                       bounds.high));
    return bounds.low;
  }

  const TomlNode& table_;
  std::string name_;
  const std::string& file_;
  std::optional<Error>& fault_;
  std::vector<std::string> known_;
};

constexpr Shape all_shapes[] = {Shape::constant, Shape::uniform, Shape::lognormal, Shape::gamma,
                                Shape::quantiles};
constexpr Process all_processes[] = {Process::poisson, Process::gamma, Process::constant,
                                     Process::bursty};

void read_quantiles(Keys& keys, Bounds bounds, Distribution& out) {
  out.at = keys.numbers("at", any_share, true);
  out.values = keys.numbers("values", bounds, true);
  if (out.at.empty()) keys.missing("at");
  if (out.values.empty()) keys.missing("values");
  if (out.at.size() != out.values.size()) {
    keys.refuse(
        ErrorCode::conflict, keys.node(),
        fmt::format("{} shares in \"at\", but {} \"values\"", out.at.size(), out.values.size()),
        "give one value for each share");
  }
}

Distribution read_distribution(Keys& parent, std::string_view key, Bounds bounds) {
  Distribution out;
  out.min = bounds.low;
  out.max = bounds.high;
  std::optional<Keys> keys = parent.table(key);
  if (!keys) {
    parent.missing(key);
    return out;
  }
  out.shape = keys->choice<Shape>("distribution", all_shapes);
  const bool has_mean = out.shape != Shape::uniform && out.shape != Shape::quantiles;
  if (has_mean) out.mean = keys->required("mean", bounds);
  if (out.shape == Shape::lognormal || out.shape == Shape::gamma) {
    out.cv = keys->required("cv", {0.05, 10.0});
  }
  if (out.shape == Shape::quantiles) read_quantiles(*keys, bounds, out);
  if (out.shape == Shape::uniform && keys->find("max") == nullptr) keys->missing("max");
  out.min = keys->number("min", bounds.low, bounds);
  out.max = keys->number("max", bounds.high, bounds);
  if (out.min > out.max) {
    keys->refuse(ErrorCode::conflict, keys->node(),
                 fmt::format("\"min\" {:g} is above \"max\" {:g}", out.min, out.max));
  }
  keys->finish();
  return out;
}

Arrivals read_arrivals(Keys& root) {
  Arrivals out;
  std::optional<Keys> keys = root.table("arrivals");
  if (!keys) {
    root.missing("arrivals");
    return out;
  }
  out.process = keys->choice<Process>("process", all_processes);
  out.rate = PerSecond(keys->required("rate_per_s", {1e-9, 1e9}));
  if (out.process == Process::gamma) out.cv = keys->required("cv", {0.01, 100.0});
  if (out.process == Process::bursty) {
    out.on = Seconds(keys->required("on_s", any_time_s));
    out.off = Seconds(keys->required("off_s", any_time_s));
    if (out.rate * (out.on + out.off) < 1e-3) {
      keys->refuse(ErrorCode::conflict, keys->node(),
                   "a thousand bursts and more without an arrival between two arrivals",
                   "raise on_s, off_s or rate_per_s; or use process = \"poisson\"");
    }
  }
  out.profile = keys->numbers("profile", {0.0, 1e9}, false);
  if (!out.profile.empty()) {
    out.profile_period = Seconds(keys->required("profile_period_s", {1.0, 1e9}));
    if (std::ranges::all_of(out.profile, [](double w) { return w == 0.0; })) {
      keys->refuse(ErrorCode::range, keys->node(), "\"profile\" is zero all the time");
    }
  }
  keys->finish();
  return out;
}

void read_prompts(Keys& root, GeneratorSpec& spec) {
  std::optional<Keys> keys = root.table("prompts");
  if (!keys) return;
  spec.prompts.share = keys->required("share", any_share);
  if (keys->find("tokens") == nullptr) keys->missing("tokens");
  spec.prompts.tokens = keys->integer("tokens", 1, {1, 1 << 24});
  spec.prompts.count = keys->integer("count", 1, {1, 1 << 20});
  const double blocks = 1.0 * spec.prompts.tokens / spec.block_tokens * spec.prompts.count;
  if (blocks > (1 << 30)) {
    keys->refuse(ErrorCode::range, keys->node(), "more than a billion blocks of system prompts");
  }
  keys->finish();
}

enum class Growth { history, none };
const char* to_string(Growth growth) { return growth == Growth::history ? "history" : "none"; }
constexpr Growth all_growths[] = {Growth::history, Growth::none};

void read_sessions(Keys& root, GeneratorSpec& spec) {
  std::optional<Keys> keys = root.table("sessions");
  if (!keys) return;
  Sessions& s = spec.sessions;
  s.on = true;
  s.history = keys->choice<Growth>("growth", all_growths) == Growth::history;
  s.max_context_tokens = keys->integer("max_context_tokens", 131072, {1, 1 << 30});
  s.turns = read_distribution(*keys, "turns", {1.0, 1e6});
  s.think_s = read_distribution(*keys, "think_s", {0.0, 1e9});
  s.first_input = keys->find("first_input_tokens") == nullptr
                      ? spec.input
                      : read_distribution(*keys, "first_input_tokens", any_tokens);
  keys->finish();
}

void read_reuse(Keys& root, GeneratorSpec& spec) {
  std::optional<Keys> keys = root.table("reuse");
  if (!keys) return;
  spec.reuse.share = keys->required("share", any_share);
  spec.reuse.kept = read_distribution(*keys, "kept", any_share);
  spec.reuse.age_s = read_distribution(*keys, "age_s", {0.0, 1e9});
  if (spec.sessions.on) {
    keys->refuse(ErrorCode::conflict, keys->node(), "[reuse] beside [sessions]",
                 "keep one of the two: sessions share their own history");
  }
  keys->finish();
}

}  // namespace

Result<GeneratorSpec> parse_spec(std::string_view text, const std::string& name) {
  auto document = catalog::parse_toml(text, name);
  if (!document) {
    document.error().hint = "docs/guide/traffic.md shows a whole spec";
    return Failure(std::move(document).error());
  }
  std::optional<Error> fault;
  Keys root(*document, "", name, fault);
  GeneratorSpec spec;
  const int version = root.integer("version", 0, {1, 1});
  if (version == 0) root.missing("version");
  spec.block_tokens = root.integer("block_tokens", 512, {1, 1 << 20});
  spec.correlation = root.number("correlation", 0.0, {-1.0, 1.0});
  spec.arrivals = read_arrivals(root);
  spec.input = read_distribution(root, "input_tokens", any_tokens);
  spec.output = read_distribution(root, "output_tokens", any_tokens);
  read_prompts(root, spec);
  read_sessions(root, spec);
  read_reuse(root, spec);
  root.finish();
  if (fault) {
    if (fault->where.line == 0) fault->where.line = 1;
    return Failure(std::move(*fault));
  }
  return spec;
}

Result<GeneratorSpec> read_spec(const std::string& path) {
  TR_TRY(const std::string text, read_file(path));
  return parse_spec(text, path);
}

}  // namespace tightrope::traffic
