#include "tightrope/report/procure_report.h"

#include <gtest/gtest.h>

#include "tightrope/report/procure_answers.h"

namespace tightrope::report {
namespace {

procure_study::Resolved study_of_a_year() {
  procure_study::Resolved study;
  study.file.header.title = "a year";
  study.scenario.calendar.quarters = {"2026Q4", "2027Q1", "2027Q2", "2027Q3"};
  return study;
}

procure::Answer answer_of_a_year() {
  procure::Answer answer;
  answer.status = milp::SolveStatus::optimal;
  procure::Outcome outcome;
  outcome.cash.assign(5, std::vector<Dollars>(procure::cost_kinds));
  outcome.cash[0][0] = Dollars(3e6);
  outcome.cash[1][static_cast<std::size_t>(procure::CostKind::unserved)] = Dollars(7e6);
  answer.outcomes = {outcome};
  return answer;
}

const ProcureSection& named(const std::vector<ProcureSection>& sections, std::string_view heading) {
  for (const ProcureSection& one : sections) {
    if (one.heading.starts_with(heading)) return one;
  }
  ADD_FAILURE() << heading;
  return sections.front();
}

TEST(ProcureReport, WhatBindsInSeveralFuturesOfAQuarterIsOneQuarterAndAddsUp) {
  procure::Answer answer = answer_of_a_year();
  for (const double usd : {100.0, 40.0}) {
    answer.scarcities.push_back({.kind = procure::ScarceKind::power,
                                 .subject = "hall",
                                 .unit = "MW",
                                 .quarter = 1,
                                 .value = Dollars(usd),
                                 .value_of_goal = usd});
  }
  const auto sections = procure_sections(study_of_a_year(), answer);
  const ProcureSection& scarce = named(sections, "What binds");
  ASSERT_EQ(scarce.rows.size(), 1u);
  EXPECT_EQ(scarce.rows[0],
            (std::vector<std::string>{"power", "hall", "27Q1", "MW", "140", "140"}));
}

TEST(ProcureReport, WhatIsLostIsNoCashAndAYearOfThePlanIsNamedByItsQuarters) {
  procure_study::Resolved study = study_of_a_year();
  study.scenario.budget = {Dollars(5e6)};
  const auto sections = procure_sections(study, answer_of_a_year());
  const ProcureSection& cash = named(sections, "Cash by year");
  EXPECT_EQ(cash.columns[1].title, "26Q4-27Q3");
  ASSERT_EQ(cash.rows.size(), 4u);
  EXPECT_EQ(cash.rows[1], (std::vector<std::string>{"all", "3.00", "-"}));
  EXPECT_EQ(cash.rows[2], (std::vector<std::string>{"budget", "5.00", "-"}));
  EXPECT_EQ(cash.rows[3][1], "7.00");
}

TEST(ProcureReport, TheCurveNeverFallsSinceMoreIndependenceServesForLess) {
  const auto point = [](double asked, double usd) {
    procure::CurvePoint p;
    p.asked = p.own_share = asked;
    p.cost = Dollars(usd);
    p.status = milp::SolveStatus::optimal;
    return p;
  };
  procure::CurvePoint never = point(1.0, 0);
  never.status = milp::SolveStatus::infeasible;
  const ProcureSection curve =
      procure_curve({point(0.0, 101e6), point(0.5, 100e6), point(0.75, 150e6), never});
  ASSERT_EQ(curve.data.rows.size(), 4u);
  EXPECT_EQ(std::get<double>(curve.data.rows[0][2]), 100e6);
  EXPECT_EQ(std::get<double>(curve.data.rows[1][2]), 100e6);
  EXPECT_EQ(std::get<double>(curve.data.rows[2][2]), 150e6);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(curve.data.rows[3][2]));
  EXPECT_EQ(curve.rows[3][2], "cannot be");
}

TEST(ProcureReport, WordsThatMarkdownOrCsvWouldReadAreKeptAsWords) {
  const ProcureSection section{"A | B", {"see <b>", "[a](javascript:b)"}, {}, {}};
  const std::string page = procure_markdown({section}, false);
  EXPECT_NE(page.find("A \\| B"), std::string::npos);
  EXPECT_EQ(page.find("[a]("), std::string::npos);
  const ProcureData data{"t", {"name", "sure", "usd"}, {{"a,b", true, 0.5}, {"c", {}, {}}}};
  EXPECT_EQ(procure_csv(data), "name,sure,usd\n\"a,b\",true,0.5\nc,,\n");
}

}  // namespace
}  // namespace tightrope::report
