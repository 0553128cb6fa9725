// Reads plan files again.
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/report/plan_json.h"
#include "tightrope/study/plan_mapping.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::report {
namespace {

using json = nlohmann::ordered_json;

// An object of the file with its path, for errors that say which key is wrong.
class Reader {
 public:
  Reader(const json& value, std::string path, const std::string& file)
      : value_(value), path_(std::move(path)), file_(file) {}

  [[nodiscard]] std::string path(std::string_view key) const {
    return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  }

  [[nodiscard]] Failure wrong(std::string_view key, std::string_view wanted) const {
    return fail(ErrorCode::type, fmt::format("\"{}\" must be {}", path(key), wanted), {file_},
                "a plan file is what `tightrope plan --json FILE` writes");
  }

  [[nodiscard]] Result<const json*> find(std::string_view key) const {
    if (!value_.is_object() || !value_.contains(key)) {
      return fail(ErrorCode::unknown_key, fmt::format("\"{}\" is missing", path(key)), {file_},
                  "a plan file is what `tightrope plan --json FILE` writes");
    }
    return &value_.at(std::string(key));
  }

  [[nodiscard]] Result<Reader> object(std::string_view key) const {
    TR_TRY(const json* value, find(key));
    if (!value->is_object()) return wrong(key, "an object");
    return Reader(*value, path(key), file_);
  }

  [[nodiscard]] Result<std::vector<Reader>> objects(std::string_view key) const {
    TR_TRY(const json* value, find(key));
    if (!value->is_array()) return wrong(key, "a list");
    std::vector<Reader> list;
    for (const json& item : *value) {
      list.emplace_back(item, fmt::format("{}[{}]", path(key), list.size()), file_);
    }
    return list;
  }

  [[nodiscard]] Result<std::string> text(std::string_view key) const {
    TR_TRY(const json* value, find(key));
    if (!value->is_string()) return wrong(key, "a text");
    return value->get<std::string>();
  }

  [[nodiscard]] Result<bool> flag(std::string_view key) const {
    TR_TRY(const json* value, find(key));
    if (!value->is_boolean()) return wrong(key, "true or false");
    return value->get<bool>();
  }

  [[nodiscard]] Result<double> number(std::string_view key) const {
    TR_TRY(const json* value, find(key));
    if (!value->is_number()) return wrong(key, "a number");
    return value->get<double>();
  }

  [[nodiscard]] Result<long> whole(std::string_view key) const {
    TR_TRY(const double value, number(key));
    if (value != std::floor(value) || std::fabs(value) > 1e15) return wrong(key, "a whole number");
    return static_cast<long>(value);
  }

  [[nodiscard]] Result<int> count(std::string_view key) const {
    TR_TRY(const long value, whole(key));
    if (value < 0 || value > std::numeric_limits<int>::max()) {
      return wrong(key, "a whole number from 0 on");
    }
    return static_cast<int>(value);
  }

  [[nodiscard]] Result<std::optional<double>> maybe(std::string_view key) const {
    TR_TRY(const json* value, find(key));
    if (value->is_null()) return std::optional<double>();
    TR_TRY(const double there, number(key));
    return std::optional<double>(there);
  }

  [[nodiscard]] Result<std::vector<std::string>> texts(std::string_view key) const {
    TR_TRY(const json* value, find(key));
    std::vector<std::string> list;
    if (!value->is_array()) return wrong(key, "a list of texts");
    for (const json& item : *value) {
      if (!item.is_string()) return wrong(key, "a list of texts");
      list.push_back(item.get<std::string>());
    }
    return list;
  }

  [[nodiscard]] Result<std::vector<int>> counts(std::string_view key) const {
    TR_TRY(const json* value, find(key));
    std::vector<int> list;
    constexpr int most = std::numeric_limits<int>::max();
    if (!value->is_array()) return wrong(key, "a list of whole numbers");
    for (const json& item : *value) {
      const bool whole = item.is_number_integer() && item >= 1 && item <= most;
      if (!whole) return wrong(key, "a list of whole numbers from 1 on");
      list.push_back(item.get<int>());
    }
    return list;
  }

  [[nodiscard]] Result<std::vector<double>> numbers(std::string_view key) const {
    TR_TRY(const json* value, find(key));
    std::vector<double> list;
    if (!value->is_array()) return wrong(key, "a list of numbers");
    for (const json& item : *value) {
      if (!item.is_number()) return wrong(key, "a list of numbers");
      list.push_back(item.get<double>());
    }
    return list;
  }

  /// One of a few words, by the function that writes them.
  template <class T, std::size_t N>
  [[nodiscard]] Result<T> one_of(std::string_view key, const T (&values)[N]) const {
    TR_TRY(const std::string word, text(key));
    for (const T value : values) {
      if (to_string(value) == word) return value;
    }
    return wrong(key, fmt::format("a word that is known here, not \"{}\"", word));
  }

 private:
  const json& value_;
  std::string path_;
  const std::string& file_;
};

Result<study::PlannedModel> read_model(const Reader& request) {
  TR_TRY(const Reader model, request.object("model"));
  study::PlannedModel out;
  TR_TRY(out.origin, model.text("origin"));
  TR_TRY(const json* config, model.find("config"));
  out.config = config->dump(2);
  TR_TRY(out.model, workload::read_hf_config(out.config, out.origin));
  return out;
}

Result<workload::Job> read_job(const Reader& request) {
  workload::Job job;
  TR_TRY(job.task, request.one_of("task", {workload::Task::pretrain, workload::Task::sft,
                                           workload::Task::lora}));
  TR_TRY(job.seq_len, request.count("seq_len"));
  TR_TRY(job.global_batch, request.count("global_batch"));
  TR_TRY(job.document_len, request.count("document_len"));
  TR_TRY(job.lora_rank, request.count("lora_rank"));
  TR_TRY(const std::vector<std::string> targets, request.texts("lora_targets"));
  for (const std::string& name : targets) {
    const auto target = workload::lora_target_from(name);
    if (!target) return request.wrong("lora_targets", "names of matrices");
    job.lora_targets.push_back(*target);
  }
  if (job.seq_len < 1) return request.wrong("seq_len", "above 0");
  if (job.global_batch < 1) return request.wrong("global_batch", "above 0");
  if (job.task == workload::Task::lora && job.lora_rank < 1) {
    return request.wrong("lora_rank", "above 0");
  }
  return job;
}

Result<study::Constraints> read_constraints(const Reader& request) {
  study::Constraints c;
  TR_TRY(const std::optional<double> deadline, request.maybe("deadline_s"));
  TR_TRY(const std::optional<double> budget, request.maybe("budget_usd"));
  if (deadline) c.deadline = Seconds(*deadline);
  if (budget) c.budget = Dollars(*budget);
  TR_TRY(c.max_chips, request.count("max_chips"));
  TR_TRY(c.memory_share, request.number("memory_share"));
  return c;
}

Result<study::PlanRequest> read_request(const Reader& file) {
  TR_TRY(const Reader in, file.object("request"));
  study::PlanRequest r;
  TR_TRY(r.model, read_model(in));
  TR_TRY(r.job, read_job(in));
  TR_TRY(r.constraints, read_constraints(in));
  TR_TRY(const double tokens, in.number("tokens"));
  if (!(tokens > 0)) return in.wrong("tokens", "above 0");
  r.tokens = Tokens(tokens);
  TR_TRY(r.goal, in.one_of("goal", {study::Goal::time, study::Goal::cost, study::Goal::energy,
                                    study::Goal::carbon}));
  TR_TRY(r.chips, in.counts("chips"));
  TR_TRY(r.units, in.counts("units"));
  TR_TRY(r.systems, in.texts("systems"));
  TR_TRY(r.regions, in.texts("regions"));
  TR_TRY(r.precisions, in.texts("precisions"));
  TR_TRY(r.stack, in.text("stack"));
  TR_TRY(r.capacity, in.numbers("capacity_factors"));
  TR_TRY(r.announced, in.flag("announced"));
  TR_TRY(r.prune, in.flag("prune"));
  TR_TRY(r.top, in.count("top"));
  TR_TRY(const json* term, in.find("term"));
  if (!term->is_null()) {
    TR_TRY(const std::string word, in.text("term"));
    r.term = study::term_from(word);
    if (!r.term) return in.wrong("term", "a price term or null");
  }
  return r;
}

Result<step::Mapping> read_mapping(const Reader& plan) {
  TR_TRY(const Reader in, plan.object("mapping"));
  step::Mapping m;
  for (const study::MappingNumber& f : study::mapping_numbers()) {
    TR_TRY(m.*f.member, in.count(f.name));
  }
  for (const study::MappingSwitch& f : study::mapping_switches()) {
    TR_TRY(m.*f.member, in.flag(f.name));
  }
  using namespace step;
  TR_TRY(m.schedule, in.one_of("schedule", {Schedule::one_f_one_b, Schedule::zero_bubble}));
  TR_TRY(m.sharding, in.one_of("sharding", {Sharding::none, Sharding::optimizer,
                                            Sharding::gradients, Sharding::full}));
  TR_TRY(m.tp_comm, in.one_of("tp_comm", {TpComm::all_reduce, TpComm::sequence_parallel}));
  TR_TRY(m.tp_overlap,
         in.one_of("tp_overlap", {TpOverlap::none, TpOverlap::ring, TpOverlap::bulk}));
  TR_TRY(m.cp_kind, in.one_of("cp_kind", {CpKind::ring, CpKind::all_to_all}));
  TR_TRY(m.capacity_factor, in.number("capacity_factor"));
  TR_TRY(const std::string recompute, in.text("recompute"));
  TR_TRY(m.recompute, study::recompute_from_text(recompute));
  return m;
}

Result<study::PlanKey> read_key(const Reader& plan) {
  study::PlanKey key;
  TR_TRY(key.system, plan.text("system"));
  TR_TRY(key.precision, plan.text("precision"));
  TR_TRY(key.stack, plan.text("stack"));
  TR_TRY(key.chips, plan.count("chips"));
  TR_TRY(key.mapping, read_mapping(plan));
  return key;
}

}  // namespace

Result<PlanFile> read_plan_json(std::string_view text, const std::string& file) {
  json parsed;
  try {
    parsed = json::parse(text);
  } catch (const json::parse_error& e) {
    const std::string_view before = text.substr(0, std::min(e.byte, text.size()));
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const std::size_t last = before.rfind('\n');
    const std::size_t column =
        last == std::string_view::npos ? before.size() : before.size() - last - 1;
    return fail(ErrorCode::syntax, "not JSON",
                {file, static_cast<int>(lines) + 1, static_cast<int>(column)},
                "a plan file is what `tightrope plan --json FILE` writes");
  }
  const Reader in(parsed, "", file);
  TR_TRY(const std::string schema, in.text("schema"));
  if (schema != plan_schema) {
    return fail(ErrorCode::unsupported, fmt::format("schema \"{}\" is not read here", schema),
                {file}, fmt::format("expected \"{}\"", plan_schema));
  }
  PlanFile out;
  TR_TRY(out.catalog_hash, in.text("catalog_hash"));
  TR_TRY(out.calibration_hash, in.text("calibration_hash"));
  TR_TRY(out.request, read_request(in));
  TR_TRY(const std::vector<Reader> plans, in.objects("plans"));
  for (const Reader& plan : plans) {
    TR_TRY(study::PlanKey key, read_key(plan));
    out.plans.push_back(std::move(key));
  }
  return out;
}

}  // namespace tightrope::report
