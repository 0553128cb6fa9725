// Links fitted again without a group of rows.
#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "tightrope/network_study/network_fit.h"
#include "tightrope/study/calibrate_links.h"

namespace tightrope::network_study {
namespace {

/// Fewer rows do not tell a link's coefficients.
constexpr std::size_t fewest_scaleup = 30, fewest_scaleout = 4;

/// Rows as `tightrope calibrate kernels` fits them.
bool in_fit(const NetworkRow& row) {
  constexpr double hidden = 16777216.0;  // larger ones hide their launch from Python
  if (!row.refused.empty() || row.form != Form::library || !row.newest) return false;
  if (row.eager && row.size.raw() < hidden) return false;
  return row.size.raw() >= 8.0 && row.stack.find("orced") == std::string::npos &&
         !row.stack.ends_with("Ring");
}

study::CollectiveRow fit_row(const NetworkRow& row) {
  return {.scaleup = row.scaleup,
          .scaleout = row.scaleout,
          .call = row.call,
          .scaleup_bandwidth = row.fabric.scaleup.bandwidth,
          .scaleout_bandwidth =
              row.scaleout.empty() ? BytesPerSecond(0.0) : row.fabric.scaleout.bandwidth,
          .time = row.measured};
}

/// The generation that a kind of link resembles most.
std::string scaleup_kin(const std::string& link) {
  return link == "nvlink4" ? "nvlink5" : "nvlink4";
}

formula::LinkModel prior(const std::vector<formula::LinkCalibration>& links,
                         const std::string& name) {
  return formula::Calibration::for_link(links, name).model;
}

formula::LinkModel scaleup_without(const std::vector<study::CollectiveRow>& rows,
                                   const std::string& link,
                                   const formula::Calibration& calibration) {
  const auto own = std::count_if(rows.begin(), rows.end(), [&](const study::CollectiveRow& r) {
    return r.scaleup == link && r.scaleout.empty();
  });
  const bool reduces = prior(calibration.scaleup_links(), link).in_network_reduction;
  if (own >= static_cast<std::ptrdiff_t>(fewest_scaleup)) {
    return study::refit_scaleup(rows, link, reduces);
  }
  formula::LinkModel kin = prior(calibration.scaleup_links(), scaleup_kin(link));
  kin.in_network_reduction = reduces;
  return kin;
}

constexpr std::string_view efa = "efa-v";

/// Time of a step over an EFA generation as its neighbours say it, each fitted to its own systems
/// alone: it fell with every generation. The geometric mean of two, or the only one.
Seconds efa_step(const std::string& link, const formula::Calibration& calibration) {
  const int generation = link[efa.size()] - '0';
  double logs = 0.0;
  int kin = 0;
  for (const formula::LinkCalibration& other : calibration.scaleout_links()) {
    if (!other.name.starts_with(efa)) continue;
    if (std::abs(other.name[efa.size()] - '0' - generation) != 1) continue;
    logs += std::log(other.model.step_latency.raw());
    ++kin;
  }
  return kin > 0 ? Seconds(std::exp(logs / kin)) : Seconds(0.0);
}

formula::LinkModel scaleout_without(std::vector<study::CollectiveRow> rows, const std::string& link,
                                    const formula::Calibration& calibration) {
  const auto enough = [&rows](const std::string& name) {
    const auto own = std::count_if(rows.begin(), rows.end(), [&](const study::CollectiveRow& r) {
      return r.scaleout == name;
    });
    return own >= static_cast<std::ptrdiff_t>(fewest_scaleout);
  };
  if (enough(link)) return study::refit_scaleout(rows, link, calibration);
  for (study::CollectiveRow& row : rows) {
    if (row.scaleout.starts_with(efa)) row.scaleout = "efa";
  }
  if (!link.starts_with(efa) || !enough("efa")) {
    return prior(calibration.scaleout_links(), "");  // the last entry: "other"
  }
  formula::LinkModel pooled = study::refit_scaleout(rows, "efa", calibration);
  const Seconds step = efa_step(link, calibration);
  if (step > Seconds(0.0)) pooled.step_latency = step;
  return pooled;
}

}  // namespace

formula::FabricModel RefitLinks::fabric_of(const NetworkRow& row) const {
  formula::FabricModel fabric = row.fabric;
  const auto put = [](const std::map<std::string, formula::LinkModel>& links,
                      const std::string& name, formula::LinkModel& into) {
    const auto found = links.find(name);
    if (found == links.end()) return;
    const BytesPerSecond bandwidth = into.bandwidth;
    const bool reduces = into.in_network_reduction;
    into = found->second;
    into.bandwidth = bandwidth;
    into.in_network_reduction = into.in_network_reduction && reduces;
  };
  put(scaleup, row.scaleup, fabric.scaleup);
  put(scaleout, row.scaleout, fabric.scaleout);
  return fabric;
}

RefitLinks refit_links(const std::vector<NetworkRow>& rows, const std::string& without,
                       const formula::Calibration& calibration) {
  std::vector<study::CollectiveRow> others;
  std::set<std::string> ups, outs;
  for (const NetworkRow& row : rows) {
    if (!row.refused.empty()) continue;
    if (row.group != without) {
      if (in_fit(row)) others.push_back(fit_row(row));
    } else if (row.scaleout.empty()) {
      ups.insert(row.scaleup);
    } else {
      outs.insert(row.scaleout);
    }
  }
  RefitLinks links;
  for (const std::string& up : ups) links.scaleup[up] = scaleup_without(others, up, calibration);
  for (const std::string& out : outs) {
    links.scaleout[out] = scaleout_without(others, out, calibration);
  }
  return links;
}

}  // namespace tightrope::network_study
