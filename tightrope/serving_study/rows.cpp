#include "tightrope/serving_study/rows.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "tightrope/core/csv.h"
#include "tightrope/core/hash.h"
#include "tightrope/serving_study/published.h"
#include "tightrope/serving_study/rows_forms.h"
#include "tightrope/serving_study/unsaid.h"

namespace tightrope::serving_study {
namespace {

using infer::Deployment;

/// Text after `key` up to the next ';'.
std::string after(const std::string& text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string::npos) return {};
  const std::size_t from = at + key.size(), to = text.find(';', from);
  return text.substr(from, to == std::string::npos ? to : to - from);
}

/// The table multiplies widths of attention and experts where a run had tp = ep: 8 GPUs with
/// tp 8 and ep 8 stand as tp 64 = 8 x 8.
Deployment deployment_of(double tp, double pp, double dp, double etp, double ep) {
  Deployment d;
  const auto whole = [](double x) { return std::max(1, static_cast<int>(std::lround(x))); };
  d.tp = whole(tp);
  d.pp = whole(pp);
  d.dp = whole(dp);
  d.ep = whole(ep);
  const int product = whole(etp) * d.ep;
  if (whole(etp) == d.ep && d.ep > 1 && d.tp * d.dp == product) {
    (d.dp > 1 ? d.dp : d.tp) = d.ep;
  }
  if ((d.tp * d.dp) % d.ep != 0) d.ep = 1;
  return d;
}

/// A run and all that was measured of it: rows that agree are one measurement.
std::string fingerprint(const ServingRow& r) {
  const std::string prefill = r.disaggregated ? to_string(r.prefill) : std::string();
  std::string key = r.chip;
  const std::string lies = to_string(r.deployment);
  for (const std::string& part : {r.engine, r.model, r.numerics, lies, prefill}) key += '|' + part;
  return key + fmt::format("|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", r.prefill_workers, r.decode_workers,
                           r.input, r.output, r.concurrency, r.queued, r.chips, r.first_bound.raw(),
                           r.ttft_ms, r.tpot_ms, r.output_tokens_a_s);
}

class PointReader {
 public:
  explicit PointReader(const CsvTable& table) : table_(table) {}

  Result<ServingRow> row(std::size_t at) const {
    ServingRow r;
    r.id = table_.at(at, "id");
    const std::string& from = table_.at(at, "silicon_data_source");
    r.source = holds(from, "aic-auto-gap") ? "aic-gap-analysis" : "inferencex";
    // Its benchmark draws lengths from 80 to 100 % of what it names.
    constexpr double published_range = 0.2;
    r.spread = r.source == "inferencex" ? published_range : 0.0;
    r.date = after(from, "measured=").substr(0, 10);
    r.chip = table_.at(at, "system");
    const std::string& backend = table_.at(at, "backend");
    r.engine = backend == "trtllm" ? "tensorrt-llm" : backend;
    r.version = table_.at(at, "backend_version");
    r.model = model_of(table_.at(at, "model_path"));
    r.numerics =
        numerics_of(table_.at(at, "gemm_quant_mode"), table_.at(at, "moe_quant_mode"), r.model);
    r.disaggregated = table_.at(at, "mode") == "disagg";
    TR_TRY(r.input, table_.number(at, "isl", 0));
    TR_TRY(r.output, table_.number(at, "osl", 0));
    TR_TRY(r.ttft_ms, table_.number(at, "silicon_ttft_ms", 0));
    TR_TRY(r.tpot_ms, table_.number(at, "silicon_tpot_ms", 0));
    TR_TRY(r.deployment, deployment(at, r.disaggregated ? "decode_" : ""));
    if (r.disaggregated) {
      TR_TRY(r.prefill, deployment(at, "prefill_"));
      TR_TRY(const double p, table_.number(at, "prefill_num_workers", 1));
      TR_TRY(const double d, table_.number(at, "decode_num_workers", 1));
      r.prefill_workers = std::max(1, static_cast<int>(p));
      r.decode_workers = std::max(1, static_cast<int>(d));
    }
    TR_TRY(r.concurrency, concurrency(at, from, r));
    r.stack = fmt::format("{}-{}", r.engine, unsaid_release(r));
    if (!shown_as_one(r, at, from)) complete_published(r, columns(at, from, r));
    schedule(r);
    judge(r);
    return r;
  }

 private:
  PublishedColumns columns(std::size_t at, const std::string& from, const ServingRow& r) const {
    const auto ranks = [&](const std::string& prefix) {
      const auto number = [&](const std::string& key) {
        return table_.number(at, prefix + key, 1).value_or(1);
      };
      return number("tp_size") * number("attention_dp_size");
    };
    PublishedColumns c;
    c.source = from;
    c.measured = after(from, "measured=");
    c.ranks = ranks(r.disaggregated ? "decode_" : "");
    if (r.disaggregated) {
      c.prefill_ranks = ranks("prefill_");
      c.prefill_ep = table_.number(at, "prefill_moe_ep_size", 1).value_or(1);
      c.workers_said = !table_.at(at, "prefill_num_workers").empty();
    }
    return c;
  }

  /// Ranks that no aggregated run has: a disaggregated fleet whose GPUs the table adds up, where a
  /// configuration of the time has as many.
  bool shown_as_one(ServingRow& r, std::size_t at, const std::string& from) const {
    if (r.disaggregated || !beyond_a_node(r)) return false;
    PublishedColumns c = columns(at, from, r);
    c.prefill_ranks = c.ranks;
    ServingRow fleet = r;
    fleet.disaggregated = true;
    if (!complete_published(fleet, c)) return false;
    r = std::move(fleet);
    return true;
  }

  static bool beyond_a_node(const ServingRow& r) {
    constexpr int node = 8;
    return r.deployment.dp == 1 && r.deployment.tp > node;
  }

  static void schedule(ServingRow& r) {
    if (r.disaggregated) return;
    const UnsaidSchedule known = unsaid_schedule(r);
    r.token_budget = known.token_budget;
    r.poll_steps = known.poll_steps;
    if (known.places_less > 0) r.most_sequences = std::max(1.0, r.concurrency - known.places_less);
    if (r.deployment.dp > 1) r.balance_steps = known.balance_steps;
    if (known.whole_prompts || known.prompt_room > 0) {
      constexpr double margin = 64;  // that the launch scripts add
      const double decodes = known.whole_prompts ? (1 + r.drafts) * r.concurrency : 0.0;
      const double beside = known.prompt_room > 0 ? known.prompt_room : margin;
      r.token_budget = std::max(r.token_budget, r.input + decodes + beside);
    }
    if (!known.cache.empty() && !holds(r.numerics, "+")) r.numerics += "+" + known.cache;
  }

  Result<Deployment> deployment(std::size_t at, const std::string& prefix) const {
    TR_TRY(const double tp, table_.number(at, prefix + "tp_size", 1));
    TR_TRY(const double pp, table_.number(at, prefix + "pp_size", 1));
    TR_TRY(const double dp, table_.number(at, prefix + "attention_dp_size", 1));
    TR_TRY(const double etp, table_.number(at, prefix + "moe_tp_size", 1));
    TR_TRY(const double ep, table_.number(at, prefix + "moe_ep_size", 1));
    return deployment_of(tp, pp, dp, etp, ep);
  }

  Result<double> concurrency(std::size_t at, const std::string& from, const ServingRow& r) const {
    const std::string said = after(from, "silicon_concurrency=");
    if (!said.empty()) return std::strtod(said.c_str(), nullptr);
    TR_TRY(const double batch,
           table_.number(at, r.disaggregated ? "decode_batch_size" : "batch_size", 0));
    return batch * (r.disaggregated ? r.decode_workers : 1) * r.deployment.dp;
  }

  static void judge(ServingRow& r) {
    if (!(r.concurrency > 0) || !(r.input > 0) || !(r.output > 0)) {
      r.unclear = "lengths or concurrency are not said";
    }
    if (!r.disaggregated && beyond_a_node(r)) {
      r.unclear = "more tensor-parallel ranks than a node holds: not an aggregated run";
    }
  }

  const CsvTable& table_;
};

}  // namespace

Result<ServingTable> parse_serving_table(std::string_view text, const std::string& file) {
  TR_TRY(const CsvTable table, CsvTable::parse(text, file));
  ServingTable out;
  out.file = file;
  out.hash = fmt::format("{:016x}", fnv1a(text));
  if (is_metric_table(table)) {
    TR_TRY(out.rows, metric_rows(table));
  } else if (is_neuron_table(table)) {
    TR_TRY(out.rows, neuron_rows(table));
  } else {
    TR_TRY_VOID(table.require({"id", "silicon_data_source", "backend", "model_path", "system",
                               "mode", "isl", "osl", "silicon_ttft_ms", "silicon_tpot_ms"}));
    const PointReader reader(table);
    for (std::size_t at = 0; at < table.rows(); ++at) {
      TR_TRY(ServingRow row, reader.row(at));
      out.rows.push_back(std::move(row));
    }
  }
  return out;
}

Result<ServingTable> read_serving_table(const std::string& path) {
  TR_TRY(const std::string text, read_file(path));
  return parse_serving_table(text, path);
}

ServingTable merge_tables(std::vector<ServingTable> tables) {
  ServingTable out;
  std::string hashes;
  std::map<std::string, std::string> seen;
  for (ServingTable& table : tables) {
    out.file += (out.file.empty() ? "" : " + ") + table.file;
    hashes += table.hash;
    for (ServingRow& row : table.rows) {
      const auto [first, fresh] = seen.emplace(fingerprint(row), row.id);
      if (!fresh && row.unclear.empty()) {
        row.unclear = fmt::format("the same measurement as {}", first->second);
      }
      out.rows.push_back(std::move(row));
    }
  }
  out.hash = tables.size() == 1 ? hashes : fmt::format("{:016x}", fnv1a(hashes));
  return out;
}

}  // namespace tightrope::serving_study
