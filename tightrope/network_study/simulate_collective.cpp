#include "tightrope/network_study/simulate_collective.h"

#include <fmt/format.h>

#include "tightrope/formula/calibration.h"

namespace tightrope::network_study {
namespace {

using netsim::CollectiveKind;

std::optional<formula::Collective> closed_kind(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::all_reduce: return formula::Collective::all_reduce;
    case CollectiveKind::all_gather: return formula::Collective::all_gather;
    case CollectiveKind::reduce_scatter: return formula::Collective::reduce_scatter;
    case CollectiveKind::all_to_all: return formula::Collective::all_to_all;
    case CollectiveKind::send_recv: return formula::Collective::send_recv;
    case CollectiveKind::broadcast: break;
  }
  return std::nullopt;
}

// Ranks on chips of nodes in which none is dead.
int sound_ranks(const topology::Router& router) {
  const topology::Machine& m = router.machine();
  int ranks = 0;
  for (int first = 0; first < m.chips(); first += m.chips_per_node) {
    bool sound = true;
    for (int c = 0; c < m.chips_per_node; ++c) sound = sound && router.chip_alive(first + c);
    if (sound) ranks += m.chips_per_node * m.ranks_per_chip;
  }
  return ranks;
}

}  // namespace

formula::FabricModel ideal_model(formula::FabricModel model, Seconds latency) {
  for (formula::LinkModel* link : {&model.scaleup, &model.scaleout}) {
    formula::LinkModel ideal;
    ideal.bandwidth = link->bandwidth;
    ideal.share = ideal.all_to_all_share = ideal.send_share = 1.0;
    ideal.tree_share = ideal.in_network_share = 1.0;
    ideal.step_latency = ideal.peer_latency = latency;
    ideal.in_network_reduction = link->in_network_reduction;
    *link = ideal;
  }
  return model;
}

Result<CollectiveStudy> simulate_collective(const catalog::Catalog& catalog,
                                            const catalog::System& system,
                                            const CollectiveScene& scene) {
  CollectiveStudy study;
  study.question = scene.question;
  study.ideal = scene.ideal;
  TR_TRY(study.machine, topology::machine_of(catalog, system, scene.machine));
  for (const std::string& text : scene.faults) {
    TR_TRY_VOID(topology::read_fault(study.machine, text, study.faults));
  }
  const topology::Router router(study.machine, study.faults);
  study.ranks = scene.ranks > 0 ? scene.ranks : sound_ranks(router);
  if (study.ranks < 2) {
    return fail(ErrorCode::range, fmt::format("{} ranks send each other nothing", study.ranks), {},
                "ask for more --units");
  }
  topology::PlacementSpec spec;
  spec.sizes = {study.ranks, 1, 1, 1};
  spec.chips_per_unit = scene.chips_per_unit;
  const topology::Placement placement = topology::place(router, spec);
  if (!placement.feasible) {
    return fail(ErrorCode::unsupported, placement.reason, {}, "ask for more --units");
  }
  study.chip_of_rank = placement.chip_of_rank;
  const formula::FabricModel fitted = formula::fabric_model(system, *catalog.find_chip(system.chip),
                                                            formula::embedded_calibration());
  const formula::FabricModel model =
      scene.ideal ? ideal_model(fitted, scene.question.latency) : fitted;
  netsim::CollectiveQuestion question = scene.question;
  question.library = netsim::library_of(catalog.find_chip(system.chip)->kind);
  if (!scene.ideal) question.model = &model;
  if (scene.only) {
    study.answers.push_back(
        netsim::run_collective(router, study.chip_of_rank, question, *scene.only));
  } else {
    study.answers = netsim::run_all(router, study.chip_of_rank, question);
  }
  study.chosen = netsim::chosen(study.answers);
  if (const auto kind = closed_kind(question.kind)) {
    const netsim::UnitGroups groups = netsim::unit_groups(study.machine, study.chip_of_rank);
    const bool one = question.kind == CollectiveKind::send_recv;
    topology::Group group{study.ranks, groups.even ? study.ranks / groups.units() : 1};
    if (one) group = {2, groups.units() > 1 ? 1 : 2};
    study.closed = formula::collective({*kind, question.size, group}, model).time;
  }
  return study;
}

}  // namespace tightrope::network_study
