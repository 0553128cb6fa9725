#include "tightrope/study/calibrate_links.h"

#include <algorithm>
#include <array>

#include "tightrope/core/check.h"
#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {
namespace {

using catalog::Grade;
using formula::FabricModel;
using formula::LinkCalibration;
using formula::LinkModel;

/// Messages of this size and more count fully in the fit; the smallest for a third.
constexpr double full_weight_bytes = 16777216.0;
/// Rings of one communicator drive no more NICs of a domain than this: GB200 NVL72 racks joined by
/// InfiniBand fit 9 best (both 128 and 1,440 GPUs); eight-GPU nodes never get there.
constexpr int ring_lanes = 9;

struct UpPlace {
  enum : std::size_t {
    share,
    pair_loss,
    all_to_all,
    latency,
    step,
    half,
    bulk,
    low,
    peer,
    peer_loss,
    net_share,
    net_half
  };
};
struct OutPlace {
  enum : std::size_t { share, latency, step, half, tree, bulk, low };
};

LinkModel scaleup_of(const std::vector<double>& x, bool in_network) {
  LinkModel link;
  link.share = x[UpPlace::share];
  link.pair_loss = x[UpPlace::pair_loss];
  link.all_to_all_share = x[UpPlace::all_to_all];
  link.send_share = x[UpPlace::share];
  link.latency = Seconds(x[UpPlace::latency] * 1e-6);
  link.step_latency = Seconds(x[UpPlace::step] * 1e-6);
  link.half_size = Bytes(x[UpPlace::half] * 1e6);
  link.bulk_latency = Seconds(x[UpPlace::bulk] * 1e-6);
  link.low_share = x[UpPlace::low];
  link.peer_latency = Seconds(x[UpPlace::peer] * 1e-6);
  link.peer_loss = x[UpPlace::peer_loss];
  link.in_network_reduction = in_network;
  link.in_network_share = x[UpPlace::net_share];
  link.in_network_half = Bytes(x[UpPlace::net_half] * 1e6);
  return link;
}

LinkModel scaleout_of(const std::vector<double>& x, double all_to_all_of_share) {
  LinkModel link;
  link.share = x[OutPlace::share];
  link.all_to_all_share = x[OutPlace::share] * all_to_all_of_share;
  link.send_share = x[OutPlace::share];
  link.latency = Seconds(x[OutPlace::latency] * 1e-6);
  link.step_latency = Seconds(x[OutPlace::step] * 1e-6);
  link.half_size = Bytes(x[OutPlace::half] * 1e6);
  link.bulk_latency = Seconds(x[OutPlace::bulk] * 1e-6);
  link.low_share = x[OutPlace::low];
  link.peer_latency = link.latency + link.step_latency;
  link.tree_share = x[OutPlace::tree];
  link.lanes = ring_lanes;
  return link;
}

FabricModel fabric_of(const CollectiveRow& row, const LinkModel& up, const LinkModel& out) {
  FabricModel model;
  model.fabric.scaleup = topology::ScaleupTopology::switched;
  model.fabric.domain_ranks = row.call.group.per_domain;
  model.scaleup = up;
  model.scaleup.bandwidth = row.scaleup_bandwidth;
  model.scaleout = out;
  model.scaleout.bandwidth = row.scaleout_bandwidth;
  return model;
}

std::vector<CollectiveRow> rows_of(const std::vector<CollectiveRow>& all, const std::string& up,
                                   const std::string& out) {
  std::vector<CollectiveRow> rows;
  for (const CollectiveRow& row : all) {
    const bool wanted =
        out.empty() ? row.scaleup == up && row.scaleout.empty() : row.scaleout == out;
    if (wanted) rows.push_back(row);
  }
  return rows;
}

std::vector<FitRow> fit_rows(const std::vector<CollectiveRow>& rows) {
  std::vector<FitRow> out;
  for (const CollectiveRow& row : rows) {
    const double size = std::min(1.0, row.call.size.raw() / full_weight_bytes);
    out.push_back({row.time.raw(), 0.33 + 0.67 * size});
  }
  return out;
}

LinkDraft fit_scaleup(const std::vector<CollectiveRow>& all, const std::string& name,
                      bool in_network, const LinkModel& before, int folds) {
  const std::vector<CollectiveRow> rows = rows_of(all, name, {});
  TR_CHECK(!rows.empty(), name);
  const double net = in_network ? 1.0 : 0.0;
  const std::vector<FitParameter> parameters = {
      {"share", 0.8, 0.3, 1.0},
      {"pair_loss", 0.4, 0.0, 0.9},
      {"all_to_all_share", 0.7, 0.2, 1.0},
      {"latency_us", 5.0, 0.0, 30.0},
      {"step_latency_us", 1.0, 0.0, 5.0},
      {"half_size_mb", 5.0, 0.0, 300.0},
      {"bulk_latency_us", 10.0, 0.0, 100.0},
      {"low_share", 0.1, 0.001, 0.8},
      {"peer_latency_us", 10.0, 1.0, 40.0},
      {"peer_loss", 0.3, 0.0, 1.5},
      {"in_network_share", 0.7, 0.2, 1.0},
      {"in_network_half_mb", 50.0 * net, 0.0, 1000.0 * net}};
  const auto predict = [&rows](std::size_t i, const LinkModel& link) {
    return collective(rows[i].call, fabric_of(rows[i], link, {})).time.raw();
  };
  LinkDraft draft;
  draft.fit.after = fit(
      fit_rows(rows), parameters,
      [&](std::size_t i, const std::vector<double>& x) {
        return predict(i, scaleup_of(x, in_network));
      },
      folds);
  if (!in_network) draft.fit.after.numbers.resize(UpPlace::net_share);
  std::vector<double> x = draft.fit.after.values();
  x.resize(UpPlace::net_half + 1, 0.5);
  draft.link.name = name;
  draft.link.match = {name};
  draft.link.grade = Grade::measured;
  draft.link.model = scaleup_of(x, in_network);
  draft.fit.subject = name;
  draft.fit.before =
      judge(fit_rows(rows),
            [&](std::size_t i, const std::vector<double>&) { return predict(i, before); }, {});
  return draft;
}

/// What a scale-out link is fitted from, and what it keeps fixed for want of rows.
struct ScaleoutPlan {
  std::string name;
  double all_to_all_of_share;  ///< estimate: no all-to-all over NICs is published
  std::vector<double> start;   ///< as OutPlace
  std::vector<bool> free;
};

LinkDraft fit_scaleout(const std::vector<CollectiveRow>& all, const ScaleoutPlan& plan,
                       const std::vector<LinkDraft>& ups, const LinkModel& before, int folds) {
  const std::vector<CollectiveRow> rows = rows_of(all, {}, plan.name);
  TR_CHECK(!rows.empty(), plan.name);
  constexpr std::array<double, 7> low = {0.3, 0.0, 1.0, 0.0, 0.3, 0.0, 0.001};
  constexpr std::array<double, 7> high = {1.0, 150.0, 120.0, 100.0, 1.0, 500.0, 0.8};
  const std::array<std::string, 7> names = {"share",        "latency_us", "step_latency_us",
                                            "half_size_mb", "tree_share", "bulk_latency_us",
                                            "low_share"};
  std::vector<FitParameter> parameters;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const double at = plan.start[i];
    parameters.push_back({names[i], at, plan.free[i] ? low[i] : at, plan.free[i] ? high[i] : at});
  }
  const auto predict = [&](std::size_t i, const LinkModel& link) {
    const auto up = std::find_if(
        ups.begin(), ups.end(), [&](const LinkDraft& d) { return d.link.name == rows[i].scaleup; });
    TR_CHECK(up != ups.end(), rows[i].scaleup);
    return collective(rows[i].call, fabric_of(rows[i], up->link.model, link)).time.raw();
  };
  LinkDraft draft;
  draft.fit.after = fit(
      fit_rows(rows), parameters,
      [&](std::size_t i, const std::vector<double>& x) {
        return predict(i, scaleout_of(x, plan.all_to_all_of_share));
      },
      folds);
  draft.link.name = plan.name;
  draft.link.grade = Grade::measured;
  draft.link.model = scaleout_of(draft.fit.after.values(), plan.all_to_all_of_share);
  draft.fit.subject = plan.name;
  draft.fit.before =
      judge(fit_rows(rows),
            [&](std::size_t i, const std::vector<double>&) { return predict(i, before); }, {});
  std::vector<FittedNumber> fitted;
  for (std::size_t i = 0; i < plan.free.size(); ++i) {
    if (plan.free[i]) fitted.push_back(draft.fit.after.numbers[i]);
  }
  draft.fit.after.numbers = fitted;
  draft.note = "all_to_all_share: estimate, no all-to-all over NICs is published";
  return draft;
}

/// A scale-out link that was measured.
struct MeasuredLink {
  ScaleoutPlan plan;
  std::vector<std::string> match;
  const char* note;
};

/// Only EFAv1, v2 and v4 have sweeps over sizes; the others keep what few rows cannot tell. The
/// first hop's 15 us is assumed: one number of nodes cannot part it from the steps.
std::vector<MeasuredLink> measured_scaleouts() {
  const std::vector<bool> sweep = {true, false, true, true, false, true, true};
  const std::vector<bool> bulk_only = {true, false, false, true, false, true, true};
  const std::vector<bool> no_share = {false, false, true, true, false, true, true};
  const std::vector<bool> few = {false, false, true, false, false, false, false};
  const std::vector<bool> large = {true, false, true, true, true, false, false};
  return {
      {{"efa-v1", 0.65, {0.85, 15.0, 60.0, 5.0, 0.85, 40.0, 0.1}, sweep}, {"efav1"}, ""},
      {{"efa-v4", 0.7, {0.92, 15.0, 7.5, 5.0, 0.85, 100.0, 0.1}, bulk_only},
       {"efav4"},
       "; step_latency_us: from the 51 to 57 us of small messages on two nodes"},
      {{"efa-v3", 0.7, {0.92, 15.0, 17.0, 5.0, 0.85, 40.0, 0.05}, few},
       {"efav3"},
       "; only step_latency_us is fitted, the rest lies between EFAv2 and v4"},
      {{"efa-v2", 0.65, {0.92, 15.0, 17.0, 5.0, 0.85, 40.0, 0.05}, no_share},
       {"efav2"},
       "; share: two nodes are limited by NVLink, so EFAv3's 0.92 is assumed"},
      {{"infiniband", 0.8, {0.95, 10.0, 5.0, 5.0, 0.7, 10.0, 0.1}, large},
       {"infiniband", "ndr", "hdr", "xdr", "connectx"},
       "; latency_us, bulk_latency_us, low_share: assumed; lanes, tree_share: GB200 NVL72 racks"}};
}

LinkDraft borrowed(const LinkDraft& kin, const std::string& name,
                   const std::vector<std::string>& match, const std::string& note) {
  LinkDraft draft;
  draft.link = kin.link;
  draft.link.name = name;
  draft.link.match = match;
  draft.link.grade = Grade::estimate;
  draft.note = note;
  return draft;
}

void add_scaleup_priors(std::vector<LinkDraft>& ups) {
  const LinkDraft nvlink5 = ups.front(), nvlink4 = ups[1];
  LinkDraft next = borrowed(nvlink5, "nvlink6", {"nvlink6"},
                            "shares and latencies of NVLink5: not measured yet");
  ups.push_back(next);
  LinkDraft neuron = borrowed(nvlink4, "neuronlink", {"neuron"},
                              "shares of NVLink4 less a tenth, latency of the 8-rank all-gather in "
                              "the Neuron documents (10 us): no measurement states its instance");
  neuron.link.model.in_network_reduction = false;
  neuron.link.model.share *= 0.9;
  neuron.link.model.all_to_all_share *= 0.9;
  neuron.link.model.latency = Seconds(8e-6);
  neuron.link.model.step_latency = Seconds(1.5e-6);
  ups.push_back(neuron);
  LinkDraft ici = borrowed(nvlink4, "ici", {"ici"},
                           "TPU links: rings of XLA, 0.9 of the nameplate and 1 us a hop assumed");
  ici.link.model.in_network_reduction = false;
  ici.link.model.share = ici.link.model.send_share = 0.9;
  ici.link.model.pair_loss = 0.0;
  ici.link.model.all_to_all_share = 0.8;
  ici.link.model.latency = Seconds(3e-6);
  ici.link.model.half_size = Bytes(1e6);
  ups.push_back(ici);
  LinkDraft xgmi = borrowed(nvlink4, "xgmi", {"xgmi", "infinityfabric"},
                            "share from two all-reduces of 4 GiB on MI300X (312.9 GB/s bus on 8, "
                            "47.7 on 2; stas00/ml-engineering), the rest of NVLink4");
  xgmi.link.model.in_network_reduction = false;
  xgmi.link.model.share = xgmi.link.model.send_share = 0.72;
  xgmi.link.model.pair_loss = 0.0;
  xgmi.link.model.all_to_all_share = 0.65;
  xgmi.link.model.latency = Seconds(10e-6);
  xgmi.link.grade = Grade::derived;
  ups.push_back(xgmi);
  LinkDraft other = borrowed(nvlink4, "other", {}, "NVLink4's, without reduction in the switch");
  other.link.model.in_network_reduction = false;
  ups.push_back(other);
}

void add_scaleout_priors(std::vector<LinkDraft>& outs) {
  const auto find = [&outs](const std::string& name) {
    return *std::find_if(outs.begin(), outs.end(),
                         [&](const LinkDraft& d) { return d.link.name == name; });
  };
  const LinkDraft efa2 = find("efa-v2"), infiniband = find("infiniband");
  outs.push_back(borrowed(efa2, "efa", {"efa"}, "EFAv2's, for an EFA of unknown generation"));
  LinkDraft roce = borrowed(infiniband, "roce", {"roce", "ethernet", "gbe", "spectrum"},
                            "InfiniBand's with 0.95 of its shares: not measured");
  roce.link.model.share *= 0.95;
  roce.link.model.send_share *= 0.95;
  roce.link.model.all_to_all_share *= 0.95;
  outs.push_back(roce);
  LinkDraft network =
      borrowed(efa2, "data-center-network", {"dcn", "gvnic", "jupiter"},
               "between TPU slices and over plain cloud NICs: EFAv2's, slower steps");
  network.link.model.step_latency = Seconds(30e-6);
  outs.push_back(network);
  LinkDraft omni = borrowed(infiniband, "omni-path", {"omnipath"},
                            "InfiniBand's with half its shares: host-based, not measured");
  omni.link.model.share *= 0.5;
  omni.link.model.send_share *= 0.5;
  omni.link.model.all_to_all_share *= 0.5;
  outs.push_back(omni);
  outs.push_back(borrowed(efa2, "other", {}, "EFAv2's"));
}

}  // namespace

LinkDrafts fit_links(const std::vector<CollectiveRow>& rows, const formula::Calibration& before,
                     int folds) {
  const auto up_before = [&](const char* name) {
    return formula::Calibration::for_link(before.scaleup_links(), name).model;
  };
  const auto out_before = [&](const char* name) {
    return formula::Calibration::for_link(before.scaleout_links(), name).model;
  };
  LinkDrafts drafts;
  drafts.scaleup.push_back(fit_scaleup(rows, "nvlink5", true, up_before("nvlink5"), folds));
  drafts.scaleup.push_back(fit_scaleup(rows, "nvlink4", true, up_before("nvlink4"), folds));
  drafts.scaleup.push_back(fit_scaleup(rows, "nvlink3", false, up_before("nvlink3"), folds));

  for (const MeasuredLink& link : measured_scaleouts()) {
    const LinkModel old = out_before(link.match.front().c_str());
    const int with_folds = link.plan.name == "efa-v3" ? 0 : folds;  // four rows
    drafts.scaleout.push_back(fit_scaleout(rows, link.plan, drafts.scaleup, old, with_folds));
    drafts.scaleout.back().link.match = link.match;
    drafts.scaleout.back().note += link.note;
  }
  add_scaleup_priors(drafts.scaleup);
  add_scaleout_priors(drafts.scaleout);
  return drafts;
}

LinkModel refit_scaleup(const std::vector<CollectiveRow>& rows, const std::string& name,
                        bool in_network) {
  return fit_scaleup(rows, name, in_network, {}, 0).link.model;
}

LinkModel refit_scaleout(const std::vector<CollectiveRow>& rows, const std::string& name,
                         const formula::Calibration& links) {
  std::vector<LinkDraft> ups;
  for (const LinkCalibration& link : links.scaleup_links()) {
    ups.emplace_back();
    ups.back().link = link;
  }
  ScaleoutPlan plan{name, 0.65, {0.92, 15.0, 17.0, 5.0, 0.85, 100.0, 0.1}, {}};
  plan.free = {true, false, true, true, false, true, true};
  for (const MeasuredLink& link : measured_scaleouts()) {
    if (link.plan.name == name) plan = link.plan;
  }
  return fit_scaleout(rows, plan, ups, {}, 0).link.model;
}

}  // namespace tightrope::study
