#include "bench/search/peer.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/csv.h"

namespace tightrope::bench {
namespace {

using nlohmann::json;
using step::Mapping;
using workload::ModuleSet;
using workload::RecomputeModule;

// Plans drawn from the spaces that take Calculon hours.
constexpr int sample_size = 4000;

const char* exchange_name(const Mapping& m) {
  if (m.tp > 1 && m.tp_comm == step::TpComm::sequence_parallel) return "rs_ag";
  return m.tp > 1 && m.pp > 1 && m.p2p_scatter ? "p2p_rs_ag" : "ar";
}

const char* overlap_name(step::TpOverlap overlap) {
  switch (overlap) {
    case step::TpOverlap::none: return "none";
    case step::TpOverlap::ring: return "ring";
    case step::TpOverlap::bulk: return "pipe";
  }
  return "none";
}

// Our mapping in Calculon's words, without the networks.
json to_execution(const Mapping& m) {
  const bool full = m.recompute.meets(RecomputeModule::layer);
  const bool sequence = exchange_name(m) == std::string("rs_ag");
  return {{"num_procs", case_ranks},
          {"tensor_par", m.tp},
          {"pipeline_par", m.pp},
          {"data_par", m.dp},
          {"batch_size", case_batch},
          {"microbatch_size", m.micro_batch},
          {"datatype", "float16"},
          {"fused_activation", true},
          {"attention_type", "multihead"},
          {"activation_recompute", full                  ? "full"
                                   : m.recompute.empty() ? "none"
                                                         : "attn_only"},
          {"pipeline_interleaving", m.vp},
          {"optimizer_sharding", m.sharding != step::Sharding::none},
          {"tensor_par_comm_type", exchange_name(m)},
          {"tensor_par_overlap", overlap_name(m.tp_overlap)},
          {"seq_par_ag_redo", sequence && m.regather && !full},
          {"data_par_overlap", m.dp > 1 && m.dp_overlap},
          {"weight_offload", m.offload_weights},
          {"activations_offload", m.offload_activations},
          {"optimizer_offload", m.offload_optimizer},
          {"training", true}};
}

ModuleSet recompute_from(const std::string& name) {
  if (name == "full") return RecomputeModule::layer;
  return name == "attn_only" ? ModuleSet(RecomputeModule::core_attention) : ModuleSet();
}

Mapping from_execution(const json& e) {
  Mapping m;
  m.tp = e.at("tensor_par");
  m.pp = e.at("pipeline_par");
  m.dp = e.at("data_par");
  m.vp = e.at("pipeline_interleaving");
  m.micro_batch = e.at("microbatch_size");
  m.recompute = recompute_from(e.at("activation_recompute"));
  m.sharding = e.at("optimizer_sharding") ? step::Sharding::optimizer : step::Sharding::none;
  const std::string exchange = e.at("tensor_par_comm_type");
  const std::string overlap = e.at("tensor_par_overlap");
  if (m.tp > 1) {
    m.tp_comm = exchange == "rs_ag" ? step::TpComm::sequence_parallel : step::TpComm::all_reduce;
    m.tp_overlap = overlap == "ring"   ? step::TpOverlap::ring
                   : overlap == "pipe" ? step::TpOverlap::bulk
                                       : step::TpOverlap::none;
    m.p2p_scatter = m.pp == 1 || exchange != "ar";
    m.regather = exchange != "rs_ag" || e.at("seq_par_ag_redo");
  }
  m.dp_overlap = m.dp == 1 || e.at("data_par_overlap");
  m.offload_weights = e.at("weight_offload");
  m.offload_activations = e.at("activations_offload");
  m.offload_optimizer = e.at("optimizer_offload");
  m.tp_scaleout = m.tp > 1 && e.at("tensor_par_net") == 1;
  m.pp_scaleout = m.pp > 1 && e.at("pipeline_par_net") == 1;
  m.dp_scaleout = m.dp > 1 && e.at("data_par_net") == 1;
  return m;
}

// Runs calculon.py on a question; files travel through a folder of our own.
Result<json> ask(const json& question, const std::string& checkout) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / "tightrope_bench";
  fs::create_directories(folder);
  const std::string in = folder / "question.json", out = folder / "answer.json";
  std::ofstream(in) << question.dump();
  const char* python = std::getenv("PYTHON");
  const std::string command = fmt::format("'{}' '{}/bench/search/calculon.py' '{}' <'{}' >'{}'",
                                          python == nullptr ? "/usr/bin/python3" : python,
                                          TIGHTROPE_SOURCE_DIR, checkout, in, out);
  if (std::system(command.c_str()) != 0) {
    return fail(ErrorCode::io, fmt::format("Calculon at {} did not run", checkout), {},
                "it needs python3-numpy, python3-pandas and python3-psutil; PYTHON names another "
                "interpreter");
  }
  TR_TRY(const std::string answer, read_file(out));
  return json::parse(answer);
}

std::string seconds_text(const json& plan) {
  if (plan.is_null()) return "refused";
  return fmt::format("{:.3f}", plan.at("step_time_s").get<double>());
}

std::string seconds_text(const step::Estimate& e) {
  if (e.infeasible == step::Infeasible::none) return fmt::format("{:.3f}", e.step_time.raw());
  return std::string(step::to_string(e.infeasible));
}

}  // namespace

Result<int> run_beside_peer(const Case& which, const step::Context& context,
                            const step::Estimate& best, const OurSeconds& ours,
                            const std::string& checkout) {
  const bool all = !which.host_tier;
  const json question = {{"model", which.peer_model},
                         {"ranks", case_ranks},
                         {"batch", case_batch},
                         {"host_tier", which.host_tier},
                         {"sample", all ? 0 : sample_size},
                         {"plan", to_execution(best.mapping)}};
  TR_TRY(const json answer, ask(question, checkout));
  const double spent = answer.at("cpu_seconds");
  const auto evaluated = answer.at("evaluated").get<double>();
  const auto listed = answer.at("listed").get<double>();
  const double whole = spent * listed / evaluated;
  if (answer.at("listed") != count_plans(which, context.model).listed) {
    fmt::print("  Calculon lists {} plans, not as many as counted here: no time is printed\n",
               listed);
    return 1;
  }
  fmt::print(
      "  beside it, Calculon: {:.0f} of {:.0f} plans in {:.1f} CPU seconds, {:.0f} a second{}\n",
      evaluated, listed, spent, evaluated / spent,
      all ? "" : fmt::format(" (all would take {:.1f} hours)", whole / 3600.0));
  fmt::print(
      "  the same space here: {:.0f} times as fast, {:.0f} times with bounds on single "
      "mappings only\n",
      whole / ours.bounds, whole / ours.singly);
  fmt::print("  step time in seconds          Tightrope's model   Calculon's model\n");
  fmt::print("  best plan of Tightrope        {:>17}   {:>16}\n", seconds_text(best),
             seconds_text(answer.at("given")));
  if (answer.at("best").is_null()) return 0;
  const step::Estimate theirs =
      step::estimate(context, from_execution(answer.at("best").at("execution")));
  fmt::print("  best plan of Calculon{}  {:>17}   {:>16}\n", all ? "       " : " (drawn)",
             seconds_text(theirs), seconds_text(answer.at("best")));
  fmt::print("    {}\n", step::to_text(theirs.mapping));
  return 0;
}

}  // namespace tightrope::bench
