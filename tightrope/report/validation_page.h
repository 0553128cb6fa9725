// The validation report as a page: Markdown, a chart for gnuplot, and the two as one HTML file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/study/validate.h"

namespace tightrope::report {

/// What a page says beside the report.
struct PageNotes {
  std::vector<std::string> unmeasured;  ///< chips of the catalog that no row was measured on
  std::string chart;                    ///< Markdown that shows the chart; empty: there is none
};

/// Every group with its figures, bands and worst rows. Prose holds no number that is not computed.
[[nodiscard]] std::string validation_markdown(const study::ValidationReport& report,
                                              const PageNotes& notes);

/// A gnuplot script that prints an SVG: measured against predicted, and their ratio; the latter by
/// fits without the row's source where there are any.
[[nodiscard]] std::string scatter_script(const study::ValidationReport& report);

/// Stands for the chart in Markdown that is to become HTML.
inline constexpr std::string_view chart_slot = "@@chart@@";

/// A page on its own: Markdown (with tables) as HTML, `svg` in place of the chart slot.
[[nodiscard]] std::string html_page(std::string_view title, std::string_view markdown,
                                    std::string_view svg);

}  // namespace tightrope::report
