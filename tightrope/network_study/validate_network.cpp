#include "tightrope/network_study/validate_network.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "tightrope/core/parallel.h"

namespace tightrope::network_study {
namespace {

constexpr double percent = 100.0;

double quantile(std::vector<double> values, double p) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  const double at = p * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (at - static_cast<double>(low)) * (values[high] - values[low]);
}

/// Times of one row as figures need them; the band may be empty.
struct Judged {
  const NetworkOutcome* outcome;
  double predicted, low90, high90;
};

NetworkFigures figures_of(const std::vector<Judged>& rows) {
  NetworkFigures f;
  std::vector<double> errors, biases, plain;
  for (const Judged& j : rows) {
    const NetworkOutcome& o = *j.outcome;
    const double measured = o.as_metric(o.row.measured.raw());
    const double r = o.as_metric(j.predicted) / measured;
    errors.push_back(std::fabs(r - 1.0));
    biases.push_back(r - 1.0);
    plain.push_back(std::fabs(o.as_metric(o.plain) / measured - 1.0));
    if (!(j.high90 > 0.0)) continue;
    ++f.banded;
    f.in90 += o.row.measured.raw() >= j.low90 && o.row.measured.raw() <= j.high90 ? 1.0 : 0.0;
  }
  f.n = static_cast<int>(rows.size());
  f.median_ape = percent * quantile(errors, 0.5);
  f.p90_ape = percent * quantile(errors, 0.9);
  f.bias = percent * quantile(biases, 0.5);
  f.plain_median = percent * quantile(plain, 0.5);
  if (f.banded > 0) f.in90 *= percent / f.banded;
  return f;
}

/// Whole first, then forms, systems, and each collective of a system.
std::vector<NetworkGroup> grouped(const std::vector<Judged>& rows) {
  using Key = std::tuple<std::string, std::string, std::string, std::string>;
  std::map<Key, std::vector<Judged>> by;
  for (const Judged& j : rows) {
    const NetworkRow& row = j.outcome->row;
    const std::string metric = j.outcome->metric(), form(to_string(row.form));
    by[{metric, "all", "", ""}].push_back(j);
    by[{metric, form, "", ""}].push_back(j);
    by[{metric, form, "", row.collective}].push_back(j);
    by[{metric, form, row.group, ""}].push_back(j);
    by[{metric, form, row.group, row.collective}].push_back(j);
  }
  std::vector<NetworkGroup> groups;
  for (const auto& [key, list] : by) {
    const auto& [metric, form, system, collective] = key;
    groups.push_back({metric, form, system, collective, figures_of(list)});
  }
  return groups;
}

Seconds plain_time(const NetworkRow& row) {
  const BytesPerSecond up = row.fabric.scaleup.bandwidth;
  const Seconds inside = up.raw() > 0.0 ? row.bus / up : Seconds(0.0);
  const topology::Group group = row.call.group;
  if (row.form == Form::exchange || group.per_domain >= group.ranks) return inside;
  // All NICs of a domain carry what crosses between domains.
  const BytesPerSecond nics = group.per_domain * row.fabric.scaleout.bandwidth;
  return nics.raw() > 0.0 ? max(inside, row.bus / nics) : inside;
}

void set_band(const formula::NetworkBand& band, double predicted, double& low, double& high) {
  low = predicted * std::exp(-band.q95);
  high = predicted * std::exp(-band.q05);
}

int numbers_in(const formula::NetworkCalibration& network) {
  constexpr int of_direct = 5, of_exchange = 6;
  return of_direct * static_cast<int>(network.direct.size()) +
         of_exchange * static_cast<int>(network.exchange.size()) +
         static_cast<int>(network.hosts.size());
}

formula::NetworkBand band_from(const std::string& what, const std::vector<double>& errors) {
  return {what, quantile(errors, 0.05), quantile(errors, 0.95)};
}

/// Direct all-reduces over a kind of link that only the group left out has: NVLink4's.
void borrow_direct(formula::NetworkCalibration& network,
                   const std::vector<formula::DirectReduceEntry>& whole) {
  for (const formula::DirectReduceEntry& entry : whole) {
    if (network.find_direct(entry.link, entry.engine) != nullptr) continue;
    const formula::DirectReduceEntry* kin = network.find_direct("nvlink4", entry.engine);
    if (kin == nullptr) continue;
    formula::DirectReduceEntry borrowed = *kin;
    borrowed.link = entry.link;
    network.direct.push_back(borrowed);
  }
}

void judge_left_out(NetworkReport& report) {
  std::map<std::string, std::map<std::string, std::vector<double>>> errors;
  for (const NetworkOutcome& o : report.outcomes) {
    if (!(o.left_out > 0.0)) continue;
    errors[o.row.band_key()][o.row.group].push_back(std::log(o.left_out / o.row.measured.raw()));
  }
  std::map<std::pair<std::string, std::string>, formula::NetworkBand> bands;
  for (const auto& [key, groups] : errors) {
    for (const auto& [group, own] : groups) {
      std::vector<double> others;
      for (const auto& [name, list] : groups) {
        if (name != group) others.insert(others.end(), list.begin(), list.end());
      }
      constexpr std::size_t fewest = 20;
      if (others.size() >= fewest) bands[{key, group}] = band_from(key, others);
    }
  }
  std::vector<Judged> judged;
  for (NetworkOutcome& o : report.outcomes) {
    if (!(o.left_out > 0.0)) continue;
    const auto band = bands.find({o.row.band_key(), o.row.group});
    if (band != bands.end()) set_band(band->second, o.left_out, o.left_low90, o.left_high90);
    judged.push_back({&o, o.left_out, o.left_low90, o.left_high90});
  }
  report.left_out = grouped(judged);
}

}  // namespace

std::string NetworkOutcome::metric() const {
  return row.large() ? "busbw_gbytes_per_s" : "latency_us";
}

double NetworkOutcome::as_metric(double seconds) const {
  if (!row.large()) return seconds * 1e6;
  return seconds > 0.0 ? row.bus.raw() / seconds * 1e-9 : 0.0;
}

NetworkReport validate_network(const NetworkTable& table, const NetworkCoefficients& used) {
  NetworkReport report;
  report.file = table.file;
  report.hash = table.hash;
  report.lines = table.lines;
  report.rows = static_cast<int>(table.rows.size());
  report.fitted_numbers = numbers_in(used.network);
  report.outcomes.resize(table.rows.size());
  for_each_index(table.rows.size(), [&](std::size_t i) {
    NetworkOutcome& o = report.outcomes[i];
    o.row = table.rows[i];
    if (!o.row.refused.empty()) return;
    o.predicted = predict(o.row, o.row.fabric, used.network).raw();
    o.plain = plain_time(o.row).raw();
    if (!(o.predicted > 0.0)) {
      o.row.refused = "nothing was fitted for this kernel over " + o.row.scaleup;
      return;
    }
    const formula::NetworkBand* band = used.network.find_band(o.row.band_key());
    if (band != nullptr) set_band(*band, o.predicted, o.low90, o.high90);
  });
  std::vector<Judged> judged;
  for (const NetworkOutcome& o : report.outcomes) {
    if (o.row.refused.empty()) {
      ++report.expressed;
      judged.push_back({&o, o.predicted, o.low90, o.high90});
    } else {
      ++report.refused[o.row.refused];
    }
  }
  report.groups = grouped(judged);
  return report;
}

void add_left_out(const NetworkTable& table, const NetworkCoefficients& used,
                  NetworkReport& report) {
  std::set<std::string> names;
  for (const NetworkOutcome& o : report.outcomes) {
    if (o.row.refused.empty()) names.insert(o.row.group);
  }
  const std::vector<std::string> groups(names.begin(), names.end());
  struct Fit {
    RefitLinks links;
    formula::NetworkCalibration network;
  };
  std::vector<Fit> fits(groups.size());
  for_each_index(groups.size(), [&](std::size_t i) {
    fits[i].links = refit_links(table.rows, groups[i], used.links);
    fits[i].network = fit_network(table.rows, groups[i]);
    borrow_direct(fits[i].network, used.network.direct);
  });
  for (NetworkOutcome& o : report.outcomes) {
    if (!o.row.refused.empty()) continue;
    const auto at = std::lower_bound(groups.begin(), groups.end(), o.row.group) - groups.begin();
    const Fit& fit = fits[static_cast<std::size_t>(at)];
    NetworkRow row = o.row;
    row.fabric = fit.links.fabric_of(o.row);
    o.left_out = predict(row, row.fabric, fit.network).raw();
    if (!(o.left_out > 0.0)) ++report.alone;
  }
  report.leave_out = true;
  judge_left_out(report);
}

std::vector<formula::NetworkBand> bands_of(const NetworkReport& report) {
  std::map<std::string, std::vector<double>> errors;
  for (const NetworkOutcome& o : report.outcomes) {
    if (!(o.left_out > 0.0)) continue;
    errors[o.row.band_key()].push_back(std::log(o.left_out / o.row.measured.raw()));
  }
  std::vector<formula::NetworkBand> bands;
  bands.reserve(errors.size());
  for (const auto& [key, list] : errors) bands.push_back(band_from(key, list));
  return bands;
}

}  // namespace tightrope::network_study
