#include "tightrope/network_study/network_fit.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "tightrope/core/parallel.h"
#include "tightrope/study/calibrate_fit.h"

namespace tightrope::network_study {
namespace {

using formula::DirectReduceCoefficients;
using formula::DirectReduceEntry;
using formula::ExchangeCoefficients;
using formula::ExchangeEntry;
using formula::NetworkCalibration;

/// Of an eager call: the input is copied to a buffer that peers can read.
Seconds copied(const NetworkRow& row) {
  return row.hbm.raw() > 0.0 ? 2.0 * row.size / row.hbm : Seconds(0.0);
}

Seconds direct_time(const NetworkRow& row, const DirectReduceCoefficients& fitted,
                    Seconds library) {
  const formula::DirectReduceCall call{
      .size = row.size, .ranks = row.call.group.ranks, .bandwidth = row.fabric.scaleup.bandwidth};
  return min(library, formula::direct_reduce(call, fitted).time);
}

DirectReduceCoefficients direct_of(const std::vector<double>& x) {
  return {.latency = Seconds(x[0] * 1e-6),
          .rank_latency = Seconds(x[1] * 1e-6),
          .one_shot_share = x[2],
          .second_barrier = Seconds(x[3] * 1e-6),
          .two_shot_share = x[4]};
}

ExchangeCoefficients exchange_of(const std::vector<double>& x) {
  return {.latency = Seconds(x[0] * 1e-6),
          .expert_latency = Seconds(x[1] * 1e-9),
          .copy_rate = BytesPerSecond(x[2] * 1e9),
          .token = Seconds(x[3] * 1e-9),
          .message = Seconds(x[4] * 1e-9),
          .share = x[5]};
}

using Rows = std::vector<const NetworkRow*>;

DirectReduceEntry fit_direct(const std::string& link, const std::string& engine, const Rows& rows) {
  std::vector<study::FitRow> measured;
  std::vector<Seconds> library;
  for (const NetworkRow* row : rows) {
    measured.push_back({row->measured.raw(), 1.0});
    library.push_back(formula::collective(row->call, row->fabric).time);
  }
  const std::vector<study::FitParameter> parameters = {{"latency_us", 4.0, 0.5, 20.0},
                                                       {"rank_latency_us", 0.1, 0.0, 2.0},
                                                       {"one_shot_share", 0.6, 0.05, 1.0},
                                                       {"second_barrier_us", 3.0, 0.0, 30.0},
                                                       {"two_shot_share", 0.6, 0.05, 1.0}};
  const study::FitResult result = study::fit(
      measured, parameters,
      [&](std::size_t i, const std::vector<double>& x) {
        return direct_time(*rows[i], direct_of(x), library[i]).raw();
      },
      0);
  return {link, engine, direct_of(result.values()), static_cast<int>(rows.size())};
}

/// Every so many rows of a table that has more than a fit needs.
Rows thinned(const Rows& rows) {
  constexpr std::size_t enough = 1500;
  const std::size_t step = std::max<std::size_t>(1, rows.size() / enough);
  Rows out;
  for (std::size_t i = 0; i < rows.size(); i += step) out.push_back(rows[i]);
  return out;
}

ExchangeEntry fit_exchange(const std::string& link, const std::string& mode,
                           const std::string& phase, const Rows& all) {
  const Rows rows = thinned(all);
  std::vector<study::FitRow> measured;
  bool units = false;
  for (const NetworkRow* row : rows) {
    measured.push_back({row->measured.raw(), 1.0});
    units = units || row->exchange.compute_units > 0;
  }
  const bool each_expert = rows.front()->exchange.copy_an_expert;
  const double rate = units ? 40.0 : 500.0;
  const std::vector<study::FitParameter> parameters = {
      {"latency_us", 15.0, 1.0, 80.0},
      {"expert_latency_ns", each_expert ? 20.0 : 0.0, 0.0, each_expert ? 300.0 : 0.0},
      {"copy_rate_gbytes_per_s", rate, rate / 20.0, rate * 10.0},
      {"token_ns", units ? 400.0 : 10.0, 0.0, units ? 3000.0 : 200.0},
      {"message_ns", units ? 50.0 : 1.0, 0.0, units ? 500.0 : 20.0},
      {"share", 0.7, 0.05, 1.0}};
  const study::FitResult result = study::fit(
      measured, parameters,
      [&](std::size_t i, const std::vector<double>& x) {
        return formula::exchange(rows[i]->exchange, exchange_of(x)).time.raw();
      },
      0);
  return {link, mode, phase, exchange_of(result.values()), static_cast<int>(all.size())};
}

/// The median of what an engine's smallest eager calls took.
std::vector<formula::HostEntry> fit_hosts(const Rows& rows) {
  constexpr double small = 262144.0;
  std::map<std::string, std::vector<double>> by;
  for (const NetworkRow* row : rows) {
    if (row->eager && row->size.raw() <= small) by[row->engine].push_back(row->measured.raw());
  }
  std::vector<formula::HostEntry> hosts;
  for (auto& [engine, times] : by) {
    std::sort(times.begin(), times.end());
    hosts.push_back({engine, Seconds(times[times.size() / 2]), static_cast<int>(times.size())});
  }
  return hosts;
}

}  // namespace

Seconds predict(const NetworkRow& row, const formula::FabricModel& fabric,
                const NetworkCalibration& network) {
  if (row.form == Form::exchange) {
    const ExchangeEntry* entry = network.find_exchange(row.scaleup, row.mode, row.collective);
    return entry != nullptr ? formula::exchange(row.exchange, entry->fitted).time : Seconds(0.0);
  }
  Seconds time = formula::collective(row.call, fabric).time;
  if (row.form == Form::direct) {
    const DirectReduceEntry* entry = network.find_direct(row.scaleup, row.engine);
    if (entry == nullptr) return Seconds(0.0);
    time = direct_time(row, entry->fitted, time);
    if (row.eager) time += copied(row);
  }
  if (!row.eager) return time;
  const formula::HostEntry* host = network.find_host(row.engine);
  return host != nullptr ? max(time, host->launch) : time;
}

NetworkCalibration fit_network(const std::vector<NetworkRow>& all, const std::string& without) {
  Rows used;
  std::map<std::pair<std::string, std::string>, Rows> direct;
  std::map<std::tuple<std::string, std::string, std::string>, Rows> exchanges;
  for (const NetworkRow& row : all) {
    if (!row.refused.empty() || (!without.empty() && row.group == without)) continue;
    used.push_back(&row);
    if (row.form == Form::direct && !row.eager) direct[{row.scaleup, row.engine}].push_back(&row);
    if (row.form == Form::exchange) {
      exchanges[{row.scaleup, row.mode, row.collective}].push_back(&row);
    }
  }
  std::vector<std::pair<std::pair<std::string, std::string>, Rows>> d(direct.begin(), direct.end());
  std::vector<std::pair<std::tuple<std::string, std::string, std::string>, Rows>> e(
      exchanges.begin(), exchanges.end());
  NetworkCalibration out;
  out.direct.resize(d.size());
  out.exchange.resize(e.size());
  for_each_index(d.size() + e.size(), [&](std::size_t i) {
    if (i < d.size()) {
      out.direct[i] = fit_direct(d[i].first.first, d[i].first.second, d[i].second);
    } else {
      const auto& [link, mode, phase] = e[i - d.size()].first;
      out.exchange[i - d.size()] = fit_exchange(link, mode, phase, e[i - d.size()].second);
    }
  });
  out.hosts = fit_hosts(used);
  return out;
}

std::string network_toml(const NetworkCalibration& fitted, const NetworkTable& table) {
  std::string out =
      "# Fitted coefficients of direct all-reduces and expert exchanges, and error bands. Written "
      "by\n# `tightrope calibrate network`; do not edit. docs/guide/network_validation.md says "
      "what "
      "they mean.\n";
  out += fmt::format("\n[[provenance]]\nfile = \"{}\"\nlines = {}\nfnv1a = \"{}\"\n", table.file,
                     table.lines, table.hash);
  return out + write_network_calibration(fitted);
}

}  // namespace tightrope::network_study
