// From rows to the figures that judge them.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "tightrope/study/validate_internal.h"

namespace tightrope::study {
namespace {

using validate_internal::median;

using Pick = std::function<double(const RowOutcome&)>;
using Wanted = std::function<bool(const RowOutcome&)>;

struct Interval {
  double low50, high50, low90, high90;
};
using PickBand = std::function<Interval(const RowOutcome&)>;

Interval band_of_row(const RowOutcome& r) { return {r.low50, r.high50, r.low90, r.high90}; }

Coverage coverage(const std::vector<RowOutcome>& rows, const PickBand& band, const Wanted& wanted) {
  Coverage c;
  for (const RowOutcome& r : rows) {
    if (!r.refused.empty() || !r.latest || !wanted(r)) continue;
    const Interval b = band(r);
    ++c.n;
    c.in50 += r.measured >= b.low50 && r.measured <= b.high50 ? 1 : 0;
    c.in90 += r.measured >= b.low90 && r.measured <= b.high90 ? 1 : 0;
  }
  if (c.n == 0) return c;
  c.in50 /= c.n;
  c.in90 /= c.n;
  return c;
}

Figures figures(const std::vector<RowOutcome>& rows, bool latest_only, const Pick& predicted,
                const Wanted& wanted) {
  std::vector<Compared> compared;
  for (const RowOutcome& r : rows) {
    if (!r.refused.empty() || (latest_only && !r.latest) || !wanted(r)) continue;
    compared.push_back({r.source, r.measured, predicted(r)});
  }
  return figures_of(compared);
}

struct Dimension {
  const char* name;
  std::string (*value)(const RowOutcome&);
};
const Dimension dimensions[] = {
    {"kind_task", [](const RowOutcome& r) { return r.kind + " " + r.task; }},
    {"kind", [](const RowOutcome& r) { return r.kind; }},
    {"task", [](const RowOutcome& r) { return r.task; }},
    {"source", [](const RowOutcome& r) { return r.source; }},
    {"hardware", [](const RowOutcome& r) { return r.hardware; }},
    {"precision", [](const RowOutcome& r) { return r.precision; }},
};

std::vector<GroupFigures> by_group(const std::vector<RowOutcome>& rows, const Dimension& dimension,
                                   const Pick& predicted) {
  std::map<std::string, int> values;
  for (const RowOutcome& r : rows) {
    if (r.refused.empty()) ++values[dimension.value(r)];
  }
  std::vector<GroupFigures> out;
  for (const auto& [value, count] : values) {
    const auto wanted = [&, v = value](const RowOutcome& r) { return dimension.value(r) == v; };
    out.push_back({dimension.name, value, figures(rows, true, predicted, wanted),
                   coverage(rows, band_of_row, wanted)});
  }
  return out;
}

MemoryFigures memory_figures(const std::vector<RowOutcome>& rows, const Wanted& wanted) {
  MemoryFigures m;
  std::vector<double> errors;
  for (const RowOutcome& r : rows) {
    if (!r.refused.empty() || !wanted(r)) continue;
    if (r.memory.total() > r.device_memory) ++m.called_too_large;
    if (!(r.measured_peak > Bytes(0.0))) continue;
    const double error = r.printed_peak / r.measured_peak - 1.0;
    errors.push_back(std::abs(error));
    m.mape += std::abs(error);
    m.bias += error;
    m.within_8 += std::abs(error) <= 0.08 ? 1 : 0;
  }
  m.n = static_cast<int>(errors.size());
  if (m.n == 0) return m;
  m.mape *= 100.0 / m.n;
  m.bias *= 100.0 / m.n;
  m.within_8 /= m.n;
  m.median_ape = 100 * median(std::move(errors));
  return m;
}

void add_memory_by_source(ValidationReport& report) {
  std::map<std::string, int> sources;
  for (const RowOutcome& r : report.rows) {
    if (r.refused.empty() && r.measured_peak > Bytes(0.0)) ++sources[r.source];
  }
  for (const auto& [source, count] : sources) {
    const auto wanted = [&, s = source](const RowOutcome& r) { return r.source == s; };
    report.memory_by.push_back({source, memory_figures(report.rows, wanted)});
  }
}

// A row's prediction by the fits without its group; null where there is none.
const LeftOutPrediction* find(const RowOutcome& row, const std::string& dimension) {
  for (const LeftOutPrediction& p : row.left_out) {
    if (p.dimension == dimension) return &p;
  }
  return nullptr;
}

GroupFigures left_out_group(const std::vector<RowOutcome>& rows, const std::string& dimension,
                            const std::string& name, const std::string& value,
                            const Wanted& wanted) {
  const Wanted known = [&](const RowOutcome& r) {
    return find(r, dimension) != nullptr && wanted(r);
  };
  const Pick predicted = [&](const RowOutcome& r) { return find(r, dimension)->predicted; };
  const PickBand band = [&](const RowOutcome& r) {
    const LeftOutPrediction& p = *find(r, dimension);
    return Interval{p.low50, p.high50, p.low90, p.high90};
  };
  return {name, value, figures(rows, true, predicted, known), coverage(rows, band, known)};
}

}  // namespace

namespace validate_internal {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

void summarise(ValidationReport& report) {
  const auto all = [](const RowOutcome&) { return true; };
  const Pick ours = [](const RowOutcome& r) { return r.predicted; };
  const Pick constant = [](const RowOutcome& r) { return r.baseline; };
  const Pick plain = [](const RowOutcome& r) { return r.plain; };
  const Pick constant_out = [](const RowOutcome& r) { return r.baseline_out; };
  report.overall = figures(report.rows, true, ours, all);
  report.every_row = figures(report.rows, false, ours, all);
  report.baseline = figures(report.rows, true, constant, all);
  report.baseline_out = figures(report.rows, true, constant_out, all);
  report.roofline = figures(report.rows, true, [](const RowOutcome& r) { return r.roofline; }, all);
  report.plain = figures(report.rows, true, plain, all);
  report.coverage = coverage(report.rows, band_of_row, all);
  for (const Dimension& dimension : dimensions) {
    for (GroupFigures& g : by_group(report.rows, dimension, ours)) report.by.push_back(g);
  }
  report.baseline_by = by_group(report.rows, dimensions[0], constant_out);
  report.plain_by = by_group(report.rows, dimensions[0], plain);
  report.pairs = count_pairs(report.rows);
  report.memory = memory_figures(report.rows, all);
  add_memory_by_source(report);
}

}  // namespace validate_internal

void summarise_left_out(ValidationReport& report) {
  report.left_out.clear();
  for (const char* left_out : {"configuration", "source", "model", "hardware"}) {
    LeftOutFigures out{left_out, {}};
    out.groups.push_back(left_out_group(report.rows, left_out, "all", "all",
                                        [](const RowOutcome&) { return true; }));
    if (out.groups.front().figures.n == 0) continue;
    for (const Dimension& d : dimensions) {
      const std::string name = d.name;
      const bool own = name == left_out;  // group by group, where it is what was left out
      if (name != "kind_task" && name != "hardware" && !own) continue;
      std::map<std::string, int> values;
      for (const RowOutcome& r : report.rows) {
        if (r.refused.empty()) ++values[d.value(r)];
      }
      for (const auto& [value, count] : values) {
        const Wanted wanted = [&, v = value](const RowOutcome& r) { return d.value(r) == v; };
        GroupFigures g = left_out_group(report.rows, left_out, name, value, wanted);
        if (g.figures.n > 0) out.groups.push_back(std::move(g));
      }
    }
    report.left_out.push_back(std::move(out));
  }
}

Figures figures_of(const std::vector<Compared>& rows) {
  Figures out;
  std::vector<double> errors;
  std::map<std::string, std::pair<double, int>> sources;
  for (const Compared& r : rows) {
    const double error = r.predicted / r.measured - 1.0;
    errors.push_back(std::abs(error));
    out.mape += std::abs(error);
    out.bias += error;
    auto& [sum, count] = sources[r.source];
    sum += std::abs(error);
    ++count;
  }
  out.n = static_cast<int>(rows.size());
  if (out.n == 0) return out;
  out.mape *= 100.0 / out.n;
  out.bias *= 100.0 / out.n;
  out.median_ape = 100 * median(std::move(errors));
  for (const auto& [source, sum] : sources) out.macro_mape += 100 * sum.first / sum.second;
  out.macro_mape /= static_cast<double>(sources.size());
  return out;
}

PairCount count_pairs(const std::vector<RowOutcome>& rows) {
  PairCount out;
  std::map<std::string, std::vector<const RowOutcome*>> groups;
  for (const RowOutcome& r : rows) {
    if (r.refused.empty() && r.latest) groups[r.pair_key].push_back(&r);
  }
  for (const auto& [key, list] : groups) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      for (std::size_t j = i + 1; j < list.size(); ++j) {
        const RowOutcome &a = *list[i], &b = *list[j];
        if (a.measured == b.measured || a.text == b.text) continue;
        const bool right = (a.measured > b.measured) == (a.predicted > b.predicted);
        const bool apart =
            std::max(a.measured, b.measured) > 1.05 * std::min(a.measured, b.measured);
        ++out.n;
        out.ordered += right ? 1 : 0;
        out.apart += apart ? 1 : 0;
        out.apart_ordered += apart && right ? 1 : 0;
      }
    }
  }
  return out;
}

}  // namespace tightrope::study
