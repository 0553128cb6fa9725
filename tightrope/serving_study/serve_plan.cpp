#include "tightrope/serving_study/serve_plan.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <fmt/format.h>

#include "tightrope/core/parallel.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/serving_study/serve_plan_internal.h"
#include "tightrope/sizing/pairing.h"

namespace tightrope::serving_study {
namespace {

using serve_internal::Market;
using serve_internal::Seller;
using sizing::DecodeWorker;
using sizing::Fleet;
using sizing::PrefillWorker;

// Workers of an offer that are paired among themselves, and with other systems'.
constexpr std::size_t own_prefill = 8, own_decode = 96, others = 3;
constexpr std::size_t most_mixed = 3;  // plans of unlike silicon that are kept

struct Search {
  std::vector<sizing::Offer> offers;
  std::vector<sizing::Survey> surveys;
  std::vector<std::vector<Fleet>> paired;
  std::vector<sizing::Front> fronts;
  std::vector<sizing::Counters> counters;
  std::vector<sizing::Reach> reaches;
};

// Evenly over a list, at most so many.
std::vector<DecodeWorker> thinned(const std::vector<DecodeWorker>& all, std::size_t most) {
  if (all.size() <= most) return all;
  std::vector<DecodeWorker> out;
  for (std::size_t i = 0; i < most; ++i) out.push_back(all[i * all.size() / most]);
  return out;
}

// Unlike systems that may stand side by side: of one provider, rented from one seller or bought.
bool neighbours(const Seller& a, const Seller& b) {
  if (a.system == b.system || a.system->provider != b.system->provider) return false;
  if (!a.price || !b.price) return !a.price && !b.price;
  return a.price->provider == b.price->provider;
}

void pair_all(const Market& market, const sizing::Settings& settings, Search& s) {
  const std::size_t count = s.offers.size();
  std::vector<std::vector<PrefillWorker>> few_prefill(count);
  std::vector<std::vector<DecodeWorker>> few_decode(count);
  for_each_index(count, [&](std::size_t i) {
    few_prefill[i] = sizing::cheapest(s.surveys[i].prefill, s.offers[i], others);
    few_decode[i] = sizing::cheapest(s.surveys[i].decode, s.offers[i], others);
  });
  for_each_index(count, [&](std::size_t i) {
    sizing::Pairing own(s.offers, settings), mixed(s.offers, settings);
    std::vector<DecodeWorker> decode =
        sizing::cheapest(s.surveys[i].decode, s.offers[i], own_decode);
    for (const DecodeWorker& w : thinned(s.surveys[i].decode, own_decode)) decode.push_back(w);
    own.add(sizing::cheapest(s.surveys[i].prefill, s.offers[i], own_prefill), decode);
    for (std::size_t j = 0; j < count; ++j) {
      if (neighbours(market.sellers[i], market.sellers[j])) {
        mixed.add(few_prefill[i], few_decode[j]);
      }
    }
    for (const sizing::Pairing* pools : {&own, &mixed}) {
      const sizing::Best settled = pools->settled();
      s.paired[i].insert(s.paired[i].end(), settled.fleets().begin(), settled.fleets().end());
    }
    s.fronts[i].add(own.front(), settings.demand);
    s.fronts[i].add(mixed.front(), settings.demand);
    s.reaches[i].note(own.reach());
    s.reaches[i].note(mixed.reach());
    s.counters[i] += own.counters();
    s.counters[i] += mixed.counters();
  });
}

Search search(const ServeRequest& request, const Market& market, const sizing::Settings& settings) {
  Search s;
  for (const Seller& seller : market.sellers) {
    s.offers.push_back(
        {seller.context.get(), seller.front.get(), serve_internal::tariff_of(seller)});
  }
  const std::size_t count = s.offers.size();
  s.surveys.resize(count);
  s.paired.resize(count);
  s.fronts.resize(count);
  s.counters.resize(count);
  s.reaches.resize(count);
  for_each_index(count, [&](std::size_t i) {
    s.surveys[i] = sizing::survey(s.offers[i], i, settings, request.disaggregated);
  });
  if (request.disaggregated) pair_all(market, settings, s);
  return s;
}

// By price first those that have one; what scores the same to seven digits goes by simplicity, then
// by name.
auto rank_of(const ServeRequest& request, const ServePlan& p) {
  const bool unknown = request.objective == sizing::Objective::usd && !p.usd_output_mtoken;
  constexpr double digits = 1e7;
  return std::tuple(unknown, std::round(std::log(p.fleet.score) * digits), p.fleet.disaggregated,
                    p.fleet.chips(), p.pool.system, p.prefill.system);
}

void keep_best(const ServeRequest& request, std::vector<ServePlan> all, ServeResult& result) {
  std::ranges::stable_sort(all, [&](const ServePlan& a, const ServePlan& b) {
    return rank_of(request, a) < rank_of(request, b);
  });
  std::size_t mixed = 0;
  for (const ServePlan& plan : all) {
    const bool more = !result.fewest || plan.fleet.rented() < result.fewest->fleet.rented();
    if (request.demand.rate > 0 && more) result.fewest = plan;
    const bool known = std::ranges::any_of(result.plans, [&](const ServePlan& have) {
      return have.pool.system == plan.pool.system && have.prefill.system == plan.prefill.system;
    });
    if (known || static_cast<int>(result.plans.size()) >= request.top) continue;
    if (plan.mixed() && ++mixed > most_mixed) continue;
    result.plans.push_back(plan);
  }
}

std::string reason_of(const sizing::Survey& survey) {
  if (survey.reach.nearest) {
    const sizing::Tightest& t = survey.reach.tightest;
    const sizing::Latency& high = survey.reach.nearest->high;
    const Seconds is = t.limit == sizing::Limit::ttft   ? high.ttft
                       : t.limit == sizing::Limit::tpot ? high.tpot
                                                        : high.e2e;
    return fmt::format("too slow: {} {} at best, {} is asked for", sizing::to_string(t.limit),
                       to_text(is), to_text(is / t.share));
  }
  std::string most = "no deployment divides the model";
  std::uint64_t count = 0;
  for (const auto& [reason, n] : survey.counters.refused) {
    if (reason.starts_with("do not fit in memory")) return "does not fit in memory";
    if (n <= count) continue;
    most = reason;
    count = n;
  }
  return most;
}

void add_lost(const Market& market, const Search& s, const std::vector<ServePlan>& all,
              ServeResult& result) {
  result.lost = market.lost;
  for (std::size_t i = 0; i < market.sellers.size(); ++i) {
    const std::string& name = market.sellers[i].system->name;
    const bool has = std::ranges::any_of(
        all, [&](const ServePlan& p) { return p.pool.system == name || p.prefill.system == name; });
    const bool last =
        i + 1 == market.sellers.size() || market.sellers[i + 1].system != market.sellers[i].system;
    if (has || !last) continue;
    // Of its formats the one that came nearest tells why.
    const sizing::Survey* nearest = &s.surveys[i];
    for (std::size_t j = 0; j < i; ++j) {
      const sizing::Survey& other = s.surveys[j];
      if (market.sellers[j].system != market.sellers[i].system || !other.reach.nearest) continue;
      if (!nearest->reach.nearest || other.reach.tightest.share < nearest->reach.tightest.share) {
        nearest = &other;
      }
    }
    result.lost.push_back({name, reason_of(*nearest)});
  }
}

}  // namespace

Result<ServeResult> plan_serving(const ServeRequest& request, const catalog::Catalog& catalog) {
  TR_TRY(const Market market, serve_internal::find_market(request, catalog));
  sizing::Settings settings;
  settings.demand = request.demand;
  settings.limits = request.limits;
  settings.objective = request.objective;
  settings.space = request.space;
  settings.prune = request.prune;
  settings.static_batches = request.static_batches;
  Search s = search(request, market, settings);
  ServeResult result;
  result.numerics = market.numerics;
  result.systems = market.systems.size();
  std::vector<ServePlan> all;
  sizing::Front front;
  sizing::Reach reach;
  for (std::size_t i = 0; i < s.offers.size(); ++i) {
    std::vector<Fleet> fleets;
    if (request.replicas) {
      fleets = s.surveys[i].best.fleets();
      front.add(s.surveys[i].front, request.demand);
      reach.note(s.surveys[i].reach);
    }
    fleets.insert(fleets.end(), s.paired[i].begin(), s.paired[i].end());
    front.add(s.fronts[i], request.demand);
    reach.note(s.reaches[i]);
    result.counters += s.surveys[i].counters;
    result.counters += s.counters[i];
    for (const Fleet& f : fleets)
      all.push_back(serve_internal::make_serve_plan(request, f, market));
  }
  add_lost(market, s, all, result);
  keep_best(request, std::move(all), result);
  for (const Fleet& f : front.fleets()) {
    result.front.push_back(serve_internal::make_serve_plan(request, f, market));
  }
  if (!result.feasible()) {
    result.reach = reach;
    result.tightest = reach.tightest;
    if (reach.nearest)
      result.nearest = serve_internal::make_serve_plan(request, *reach.nearest, market);
  }
  result.catalog_hash = catalog.hash();
  result.calibration_hash = serve_internal::calibration_hash();
  return result;
}

}  // namespace tightrope::serving_study
