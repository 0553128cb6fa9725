// Answers beside a plan, each as a section that the terminal, the page and the JSON show.
#pragma once

#include <string>
#include <vector>

#include "tightrope/procure/answers.h"
#include "tightrope/procure/evaluate.h"
#include "tightrope/report/procure_report.h"

namespace tightrope::report {

[[nodiscard]] ProcureSection procure_curve(const std::vector<procure::CurvePoint>& curve);
[[nodiscard]] ProcureSection procure_more(const std::vector<procure::MoreOf>& more);
[[nodiscard]] ProcureSection procure_break_even(const procure_study::Resolved& study,
                                                const procure::BreakEvenQuestion& question,
                                                const std::vector<procure::BreakEven>& rows);
[[nodiscard]] ProcureSection procure_regret(const std::string& title,
                                            const std::vector<procure::Regret>& rows);
[[nodiscard]] ProcureSection procure_tornado(const std::vector<procure::TornadoBar>& bars);
[[nodiscard]] ProcureSection procure_monte_carlo(const procure_study::Resolved& study,
                                                 const procure::MonteCarlo& result);
/// How often budgets, the share of own silicon and other promises break.
[[nodiscard]] ProcureSection procure_breaches(const procure::MonteCarlo& result);

/// What the charts of the answers show; what was not asked for is empty.
struct ProcureCharts {
  std::vector<procure::CurvePoint> curve;
  std::vector<procure::TornadoBar> tornado;
  std::vector<procure::Evaluation> samples;
};

/// Scripts for gnuplot, each printing an SVG, of those that are there.
[[nodiscard]] std::vector<std::string> procure_answers_scripts(const ProcureCharts& charts);

}  // namespace tightrope::report
