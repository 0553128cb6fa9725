// A fleet's description in TOML.
#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/catalog/toml_document.h"
#include "tightrope/core/csv.h"
#include "tightrope/serving_study/simulate_files.h"

namespace tightrope::serving_study {
namespace {

using catalog::TomlNode;

constexpr const char* guide = "docs/guide/simulate_serving.md shows a whole fleet";

struct Bounds {
  double low, high;
};
constexpr Bounds any_count = {1, 1e6};
constexpr Bounds any_time_s = {0, 1e9};
constexpr Bounds any_tokens = {1, 1 << 24};

// A table whose keys are asked for one after the other; the first fault stays.
class Table {
 public:
  Table(const TomlNode& node, std::string name, const std::string& file,
        std::optional<Error>& fault)
      : node_(node), name_(std::move(name)), file_(file), fault_(fault) {}

  [[nodiscard]] const TomlNode* find(std::string_view key) {
    known_.emplace_back(key);
    return node_.find(key);
  }

  void refuse(ErrorCode code, catalog::Spot at, std::string what, std::string hint = {}) {
    if (fault_) return;
    fault_ = Error{code, std::move(what), {file_, at.line, at.column}, std::move(hint)};
  }

  [[nodiscard]] std::string text(std::string_view key, std::string absent) {
    const TomlNode* node = find(key);
    if (node == nullptr) return absent;
    if (node->kind == TomlNode::Kind::text) return node->text;
    refuse(ErrorCode::type, node->where,
           fmt::format("\"{}\" must be a text, found {}", key, to_string(node->kind)));
    return absent;
  }

  [[nodiscard]] double number(std::string_view key, double absent, Bounds bounds) {
    const TomlNode* node = find(key);
    if (node == nullptr) return absent;
    const bool is_number =
        node->kind == TomlNode::Kind::integer || node->kind == TomlNode::Kind::number;
    if (!is_number) {
      refuse(ErrorCode::type, node->where,
             fmt::format("\"{}\" must be a number, found {}", key, to_string(node->kind)));
    } else if (!(node->number >= bounds.low && node->number <= bounds.high)) {
      refuse(ErrorCode::range, node->where,
             fmt::format("\"{}\" is {:g}, expected {:g} to {:g}", key, node->number, bounds.low,
                         bounds.high));
    } else {
      return node->number;
    }
    return absent;
  }

  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t absent, Bounds bounds) {
    const TomlNode* node = node_.find(key);
    if (node != nullptr && node->kind != TomlNode::Kind::integer) {
      static_cast<void>(find(key));
      refuse(ErrorCode::type, node->where,
             fmt::format("\"{}\" must be a whole number, found {}", key, to_string(node->kind)));
      return absent;
    }
    return static_cast<std::int64_t>(number(key, static_cast<double>(absent), bounds));
  }

  // Of an array; empty when the key is something else, which is then for number().
  [[nodiscard]] std::vector<double> numbers(std::string_view key) {
    std::vector<double> out;
    const TomlNode* node = node_.find(key);
    if (node == nullptr || node->kind != TomlNode::Kind::array) return out;
    static_cast<void>(find(key));
    for (const TomlNode& item : node->items) {
      if (item.kind == TomlNode::Kind::integer || item.kind == TomlNode::Kind::number) {
        out.push_back(item.number);
      } else {
        refuse(ErrorCode::type, item.where,
               fmt::format("\"{}\" must hold numbers, found {}", key, to_string(item.kind)));
      }
    }
    if (out.empty()) refuse(ErrorCode::range, node->where, fmt::format("\"{}\" is empty", key));
    return out;
  }

  [[nodiscard]] Seconds time(std::string_view key, Seconds absent) {
    return Seconds(number(key, absent.raw(), any_time_s));
  }

  [[nodiscard]] bool flag(std::string_view key, bool absent) {
    const TomlNode* node = find(key);
    if (node == nullptr) return absent;
    if (node->kind == TomlNode::Kind::boolean) return node->flag;
    refuse(ErrorCode::type, node->where, fmt::format("\"{}\" must be true or false", key));
    return absent;
  }

  [[nodiscard]] std::optional<Table> table(std::string_view key) {
    const TomlNode* node = find(key);
    if (node == nullptr) return std::nullopt;
    if (node->kind == TomlNode::Kind::table) return Table(*node, std::string(key), file_, fault_);
    refuse(ErrorCode::type, node->where, fmt::format("\"{}\" must be a table", key));
    return std::nullopt;
  }

  [[nodiscard]] std::vector<Table> tables(std::string_view key) {
    std::vector<Table> out;
    const TomlNode* node = find(key);
    if (node == nullptr) return out;
    for (const TomlNode& item : node->items) {
      if (item.kind != TomlNode::Kind::table) continue;
      out.emplace_back(item, std::string(key), file_, fault_);
    }
    if (node->kind != TomlNode::Kind::array || out.size() != node->items.size()) {
      refuse(ErrorCode::type, node->where, fmt::format("write tables of \"{0}\" as [[{0}]]", key));
    }
    return out;
  }

  void missing(std::string_view key) {
    refuse(ErrorCode::not_found, node_.where,
           fmt::format("{} needs \"{}\"", name_.empty() ? "a fleet" : "[" + name_ + "]", key),
           guide);
  }

  // To be called last: refuses what nobody asked for.
  void finish() {
    for (std::size_t i = 0; i < node_.keys.size(); ++i) {
      if (std::ranges::find(known_, node_.keys[i]) != known_.end()) continue;
      refuse(ErrorCode::unknown_key, node_.key_where[i],
             fmt::format("unknown key \"{}\"", node_.keys[i]),
             fmt::format("known here: {}", fmt::join(known_, ", ")));
    }
  }

  [[nodiscard]] catalog::Spot where(std::string_view key) const {
    const TomlNode* node = node_.find(key);
    return node == nullptr ? node_.where : node->where;
  }

 private:
  const TomlNode& node_;
  std::string name_;
  const std::string& file_;
  std::optional<Error>& fault_;
  std::vector<std::string> known_;
};

void read_role(Table& keys, PoolRequest& pool) {
  const std::string word = keys.text("role", "whole");
  for (const serving::Role role :
       {serving::Role::whole, serving::Role::prefill, serving::Role::decode}) {
    if (word != to_string(role)) continue;
    pool.role = role;
    return;
  }
  keys.refuse(ErrorCode::range, keys.where("role"), fmt::format("unknown role \"{}\"", word),
              "choose whole, prefill or decode");
}

void read_yields(Table& keys, PoolRequest& pool) {
  pool.yields = keys.numbers("accepted");
  if (pool.yields.empty()) pool.accepted = keys.number("accepted", 0, {1, 65});
  const double holds = keys.number("acceptance", -1, {0, 1});
  const bool twice = holds >= 0 && (pool.accepted > 0 || !pool.yields.empty());
  if (twice || (holds >= 0 && pool.drafts < 1)) {
    keys.refuse(ErrorCode::conflict, keys.where("acceptance"),
                twice ? "\"accepted\" and \"acceptance\" say the same thing"
                      : "\"acceptance\" is of drafts, and there are none",
                "give drafts, and one of accepted and acceptance");
    return;
  }
  if (holds >= 0) pool.yields = infer::geometric_yields(pool.drafts, holds);
  if (pool.yields.empty()) return;
  auto checked = infer::checked_yields(pool.yields, pool.drafts);
  if (!checked) {
    keys.refuse(checked.error().code, keys.where("accepted"), checked.error().what,
                checked.error().hint);
    return;
  }
  pool.yields = *std::move(checked);
  pool.accepted = infer::mean_yield(pool.yields);
}

void read_preemption(Table& keys, PoolRequest& pool) {
  const std::string word = keys.text("preemption", "");
  if (word.empty()) return;
  const auto known = preemption_from(word, "\"preemption\"");
  if (known) {
    pool.preemption = *known;
  } else {
    keys.refuse(ErrorCode::range, keys.where("preemption"), known.error().what, known.error().hint);
  }
}

/// Of a pool; its count is where it starts.
void read_autoscaling(Table& keys, PoolRequest& pool) {
  std::optional<Table> own = keys.table("autoscaling");
  if (!own) return;
  serving::Autoscaling& out = pool.autoscaling;
  if (out.is_on) {
    keys.refuse(ErrorCode::conflict, keys.where("autoscaling"),
                "\"autoscaling\" of the first pool stands in the pool too", "keep one of the two");
  }
  out.is_on = true;
  out.least = own->integer("least", 1, any_count);
  out.most = own->integer("most", 1, any_count);
  out.target = own->number("target", out.target, {1e-3, 1e9});
  out.interval = own->time("interval_s", out.interval);
  out.warm_up = own->time("warm_up_s", out.warm_up);
  out.cool_down = own->time("cool_down_s", out.cool_down);
  own->finish();
  if (out.most < out.least) {
    keys.refuse(ErrorCode::conflict, keys.where("autoscaling"), "\"most\" is below \"least\"");
  } else {
    pool.count = std::clamp(pool.count, out.least, out.most);
  }
}

PoolRequest read_pool(Table& keys) {
  PoolRequest pool;
  read_role(keys, pool);
  const bool is_whole = pool.role == serving::Role::whole;
  pool.name = keys.text("name", is_whole ? "replica" : to_string(pool.role));
  pool.system = keys.text("system", "");
  if (pool.system.empty()) keys.missing("system");
  pool.numerics = keys.text("numerics", pool.numerics);
  pool.engine = keys.text("engine", "");
  pool.scheduler = keys.text("scheduler", "");
  pool.count = keys.integer("count", 1, any_count);
  constexpr Bounds any_size = {1, 4096};
  pool.mapping.tp = static_cast<int>(keys.integer("tp", 1, any_size));
  pool.mapping.pp = static_cast<int>(keys.integer("pp", 1, any_size));
  pool.mapping.dp = static_cast<int>(keys.integer("dp", 1, any_size));
  pool.mapping.ep = static_cast<int>(keys.integer("ep", 1, any_size));
  pool.drafts = static_cast<int>(keys.integer("drafts", 0, {0, 64}));
  read_yields(keys, pool);
  pool.weight = keys.number("weight", 1, {1e-6, 1e6});
  pool.token_budget = keys.integer("token_budget", 0, any_tokens);
  pool.max_sequences = keys.integer("max_sequences", 0, any_tokens);
  pool.block_tokens = keys.integer("block_tokens", 0, any_tokens);
  pool.prefix_cache = keys.flag("prefix_cache", true);
  if (const double wait = keys.number("batch_wait_s", -1, any_time_s); wait >= 0) {
    pool.batch_wait = Seconds(wait);
  }
  pool.poll_steps = keys.integer("poll_steps", 0, any_tokens);
  read_preemption(keys, pool);
  read_autoscaling(keys, pool);
  keys.finish();
  return pool;
}

void read_failures(Table& root, serving::Failures& out) {
  std::optional<Table> keys = root.table("failures");
  if (!keys) return;
  out.mean_time_between = keys->time("mean_time_between_s", Seconds(0.0));
  out.repair = keys->time("repair_s", out.repair);
  out.retry_delay = keys->time("retry_delay_s", out.retry_delay);
  out.most_retries = keys->integer("most_retries", out.most_retries, {0, 1e6});
  out.seed = static_cast<std::uint64_t>(keys->integer("seed", 1, {0, 1e15}));
  for (Table& one : keys->tables("listed")) {
    serving::ReplicaFailure failure;
    failure.replica = one.integer("replica", 0, {0, 1e6});
    failure.at = one.time("at_s", Seconds(0.0));
    failure.repair = one.time("repair_s", Seconds(0.0));
    one.finish();
    out.listed.push_back(failure);
  }
  keys->finish();
}

void read_slo(Table& root, serving::Slo& out) {
  std::optional<Table> keys = root.table("slo");
  if (!keys) return;
  out.ttft = keys->time("ttft_s", out.ttft);
  out.tpot = keys->time("tpot_s", out.tpot);
  out.e2e = keys->time("e2e_s", out.e2e);
  keys->finish();
}

void read_load(Table& root, LoadRequest& out) {
  std::optional<Table> keys = root.table("load");
  if (!keys) return;
  out.trace = keys->text("trace", "");
  out.traffic = keys->text("traffic", "");
  out.requests = keys->integer("requests", out.requests, {1, 1e9});
  out.seed = static_cast<std::uint64_t>(keys->integer("seed", 1, {0, 1e15}));
  out.rate = keys->number("rate_per_s", 0, {1e-9, 1e9});
  out.rate_scale = keys->number("rate_scale", 1, {1e-6, 1e6});
  out.concurrency = keys->integer("concurrency", 0, {1, 1e7});
  out.warm_up = keys->integer("warm_up_requests", 0, {0, 1e9});
  if (!out.trace.empty() && !out.traffic.empty()) {
    keys->refuse(ErrorCode::conflict, keys->where("traffic"), "\"traffic\" beside \"trace\"",
                 "keep one of the two");
  }
  if (out.rate > 0 && out.trace.empty()) {
    keys->refuse(ErrorCode::conflict, keys->where("rate_per_s"),
                 "\"rate_per_s\" is of a trace's requests", "give \"trace\" too");
  }
  keys->finish();
}

void read_root(Table& root, SimulateRequest& out) {
  if (root.integer("version", 0, {1, 1}) == 0) root.missing("version");
  out.model.origin = root.text("model", "");
  if (out.model.origin.empty()) root.missing("model");
  const std::string routing = root.text("routing", to_string(out.routing));
  if (const auto known = routing_from(routing, "\"routing\"")) {
    out.routing = *known;
  } else {
    root.refuse(ErrorCode::range, root.where("routing"), known.error().what, known.error().hint);
  }
  if (const std::string region = root.text("region", ""); !region.empty()) out.regions = {region};
  const std::string term = root.text("term", "");
  if (!term.empty()) {
    out.term = study::term_from(term);
    if (!out.term) {
      root.refuse(ErrorCode::range, root.where("term"), fmt::format("unknown term \"{}\"", term),
                  "on_demand, spot, capacity_block, reserved_1y, reserved_3y or purchase");
    }
  }
  for (Table& pool : root.tables("pool")) out.pools.push_back(read_pool(pool));
  if (out.pools.empty()) root.missing("pool");
  // Beside the pools it is the first one's.
  if (!out.pools.empty()) read_autoscaling(root, out.pools.front());
  read_failures(root, out.failures);
  read_slo(root, out.slo);
  read_load(root, out.load);
  root.finish();
}

}  // namespace

Result<serving::Routing> routing_from(std::string_view text, std::string_view what) {
  std::string names;
  for (const serving::Routing routing :
       {serving::Routing::round_robin, serving::Routing::least_load, serving::Routing::prefix_aware,
        serving::Routing::session}) {
    if (text == to_string(routing)) return routing;
    names += names.empty() ? to_string(routing) : fmt::format(", {}", to_string(routing));
  }
  return fail(ErrorCode::usage, fmt::format("{}: unknown word \"{}\"", what, text), {},
              "choose " + names);
}

Result<serving::Preemption> preemption_from(std::string_view text, std::string_view what) {
  for (const serving::Preemption p : {serving::Preemption::recompute, serving::Preemption::swap}) {
    if (text == to_string(p)) return p;
  }
  return fail(ErrorCode::usage, fmt::format("{}: unknown word \"{}\"", what, text), {},
              "choose recompute or swap");
}

Result<SimulateRequest> parse_fleet(std::string_view text, const std::string& name) {
  auto document = catalog::parse_toml(text, name);
  if (!document) {
    document.error().hint = guide;
    return Failure(std::move(document).error());
  }
  std::optional<Error> fault;
  SimulateRequest out;
  Table root(*document, "", name, fault);
  read_root(root, out);
  if (fault) {
    if (fault->where.line == 0) fault->where.line = 1;
    return Failure(std::move(*fault));
  }
  TR_TRY(out.model, find_served_model(out.model.origin));
  return out;
}

Result<SimulateRequest> read_fleet(const std::string& path) {
  TR_TRY(const std::string text, read_file(path));
  return parse_fleet(text, path);
}

}  // namespace tightrope::serving_study
