#include "tightrope/report/validation_page.h"

#include <gtest/gtest.h>

#include "tightrope/study/bundled_tables.h"

namespace tightrope::report {
namespace {

study::ValidationReport small_report() {
  study::TrainingTable table = study::bundled_training_table();
  table.rows.resize(40);
  table.rows[0].source = "Smith | Sons";  // a bar would end a cell
  const study::Coefficients& used = study::embedded_coefficients();
  return study::validate_training(table, catalog::Catalog::embedded(), used.kernels, used.tuning);
}

TEST(ValidationPage, EveryTableHasOneWidth) {
  const std::string text = validation_markdown(small_report(), {{"Abacus"}, "![chart](a.svg)"});
  std::size_t cells = 0, at = 0;
  int tables = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.empty() || line.front() != '|') {
      cells = 0;
      continue;
    }
    std::size_t bars = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1 : 0;
    }
    if (cells == 0) ++tables;
    EXPECT_TRUE(cells == 0 || bars == cells) << line;
    cells = bars;
  }
  EXPECT_GE(tables, 6);
  EXPECT_NE(text.find("No published training measurement is known here of Abacus"),
            std::string::npos);
}

TEST(ValidationPage, TheChartShowsEachRowThatCountsTwice) {
  const study::ValidationReport report = small_report();
  const std::string script = scatter_script(report);
  int latest = 0, points = 0;
  for (const study::RowOutcome& r : report.rows) latest += r.refused.empty() && r.latest ? 1 : 0;
  for (std::size_t at = script.find("<< EOD\n"); at != std::string::npos;
       at = script.find("<< EOD\n", at + 1)) {
    for (std::size_t line = at + 7; script.compare(line, 3, "EOD") != 0; ++points) {
      line = script.find('\n', line) + 1;
    }
  }
  EXPECT_GT(latest, 0);
  EXPECT_EQ(points, 2 * latest) << "once by value, once as a ratio";
}

TEST(ValidationPage, HtmlCarriesTablesAndTheChart) {
  const std::string page =
      html_page("T", "# A\n\n@@chart@@\n\n| a | b |\n|---|---:|\n| <1> | 2 |\n",
                "<?xml version=\"1.0\"?>\n<svg width=\"9\"></svg>");
  EXPECT_NE(page.find("<figure><svg width=\"9\"></svg></figure>"), std::string::npos);
  EXPECT_NE(page.find("<td>&lt;1&gt;</td>"), std::string::npos) << page;
  EXPECT_EQ(page.find("<?xml"), std::string::npos);
}

}  // namespace
}  // namespace tightrope::report
