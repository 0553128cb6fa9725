// From the errors of rows left out to error bands.
#include <algorithm>
#include <map>

#include "tightrope/core/parallel.h"
#include "tightrope/study/calibrate_bands.h"
#include "tightrope/study/calibrate_training_internal.h"

namespace tightrope::study::training_fit {
namespace {

// An observation of every row of every group, with where it belongs.
struct Observed {
  std::vector<BandObservation> all;
  std::vector<std::size_t> row;  ///< index into the report's rows
};

// What rows outside a group have seen of the rows in it.
void look(const CalibrationReport& report, const step::Evidence* base, LeftOut& group) {
  std::vector<bool> inside(report.traits.size(), false);
  for (const std::size_t i : group.rows) inside[i] = true;
  std::vector<step::Traits> rest;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (!inside[i]) rest.push_back(report.traits[i]);
  }
  step::Evidence evidence = step::Evidence::of(rest);
  if (base != nullptr) evidence.merge(*base);
  group.unseen.clear();
  for (const std::size_t i : group.rows) group.unseen.push_back(evidence.unseen(report.traits[i]));
}

Observed observe(const std::vector<std::string>& keys, const CalibrationReport& report) {
  std::map<std::string, int> repeats;
  for (const LeftOut& g : report.left_out) {
    if (g.dimension != report.left_out.front().dimension) break;
    for (const std::size_t i : g.rows) ++repeats[keys[i]];
  }
  Observed out;
  for (const LeftOut& g : report.left_out) {
    for (std::size_t j = 0; j < g.rows.size(); ++j) {
      out.all.push_back({g.unseen[j], g.log_errors[j], 1.0 / repeats[keys[g.rows[j]]]});
      out.row.push_back(g.rows[j]);
    }
  }
  return out;
}

// Indices of observations of rows outside a group, however those were left out.
std::vector<std::size_t> outside(const Observed& observed, const LeftOut& group) {
  std::vector<std::size_t> out;
  for (std::size_t k = 0; k < observed.all.size(); ++k) {
    if (std::ranges::find(group.rows, observed.row[k]) == group.rows.end()) out.push_back(k);
  }
  return out;
}

// Spreads by the errors of other groups alone, one a group.
std::vector<step::Bands> nest(const Observed& observed, const std::vector<LeftOut>& groups,
                              const step::Bands& whole) {
  std::vector<step::Bands> nested(groups.size());
  for_each_index(groups.size(), [&](std::size_t g) {
    std::vector<BandObservation> others;
    for (const std::size_t k : outside(observed, groups[g])) others.push_back(observed.all[k]);
    nested[g] = fit_bands(others, whole);
  });
  return nested;
}

// Quantiles from errors over spreads that had not seen them: all for the calibration, those of
// other rows for a group's own bands.
void set_bands(const Observed& observed, std::vector<step::Bands> nested,
               std::vector<LeftOut>& groups, step::Bands& whole) {
  std::vector<BandRatio> ratios;
  std::size_t k = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t j = 0; j < groups[g].rows.size(); ++j, ++k) {
      ratios.push_back(ratio_of(observed.all[k], nested[g]));
    }
  }
  set_quantiles(ratios, whole);
  for_each_index(groups.size(), [&](std::size_t g) {
    std::vector<BandRatio> others;
    for (const std::size_t i : outside(observed, groups[g])) others.push_back(ratios[i]);
    set_quantiles(std::move(others), nested[g]);
    groups[g].bands.clear();
    for (const step::Unseen& u : groups[g].unseen) groups[g].bands.push_back(nested[g].band(u));
  });
}

}  // namespace

void add_bands(const std::vector<std::string>& keys, const step::Evidence* base,
               CalibrationReport& report) {
  std::vector<LeftOut>& groups = report.left_out;
  if (groups.empty()) return;
  for_each_index(groups.size(), [&](std::size_t g) { look(report, base, groups[g]); });
  if (base != nullptr) {
    for (LeftOut& g : groups) {
      for (const step::Unseen& unseen : g.unseen) g.bands.push_back(base->bands.band(unseen));
    }
    return;
  }
  const Observed observed = observe(keys, report);
  step::Evidence evidence = *report.table.evidence;
  evidence.bands = fit_bands(observed.all, evidence.bands);
  set_bands(observed, nest(observed, groups, evidence.bands), groups, evidence.bands);
  report.table.evidence = std::make_shared<const step::Evidence>(std::move(evidence));
}

}  // namespace tightrope::study::training_fit
