// A simulation as text, CSV lines, and the page's Markdown.
#include <fmt/format.h>

#include "tightrope/core/unit_text.h"
#include "tightrope/report/simulate_report.h"
#include "tightrope/report/simulate_words_internal.h"
#include "tightrope/report/text_table.h"
#include "tightrope/report/validation_page.h"

namespace tightrope::report {
namespace {

using namespace simulate_internal;
constexpr int width = 100;

void add_paragraph(std::string& out, const std::string& words, int indent) {
  out += wrapped(std::string(static_cast<std::size_t>(indent), ' ') + words, width, indent + 2);
}

}  // namespace

std::string simulate_text(const serving_study::SimulateRequest& request,
                          const serving_study::SimulateResult& result) {
  std::string out;
  add_paragraph(out, headline(request, result), 0);
  for (const serving_study::SimulatedPool& pool : result.fleet.pools) {
    int indent = 2;
    for (const std::string& words : pool_words(pool)) {
      add_paragraph(out, words, indent);
      indent = 4;
    }
  }
  std::vector<Column> columns;
  for (const char* title : latency_titles) {
    columns.push_back({title, columns.empty() ? Align::left : Align::right});
  }
  TextTable table(columns);
  for (const Named& row : distributions(result.served)) table.add(latency_cells(row));
  out += "\n" + table.text() + "\n";
  for (const std::string& words : outcome_words(request, result)) add_paragraph(out, words, 0);
  return out;
}

std::string simulate_markdown(const serving_study::SimulateRequest& request,
                              const serving_study::SimulateResult& result, bool has_chart) {
  std::string out = fmt::format("# Serving {}\n\n{}.\n\n", request.model.model.name,
                                headline(request, result));
  for (const serving_study::SimulatedPool& pool : result.fleet.pools) {
    for (const std::string& words : pool_words(pool)) out += words + ".\n\n";
  }
  out += "## Latency\n\n|";
  std::string rule = "|";
  for (const char* title : latency_titles) {
    out += fmt::format(" {} |", title);
    rule += rule.size() == 1 ? "---|" : "---:|";
  }
  out += "\n" + rule + "\n";
  for (const Named& row : distributions(result.served)) {
    out += "|";
    for (const std::string& cell : latency_cells(row)) out += fmt::format(" {} |", cell);
    out += "\n";
  }
  if (has_chart) out += fmt::format("\n{}\n", chart_slot);
  out += "\n## What it took\n\n";
  for (const std::string& words : outcome_words(request, result)) out += words + "\n\n";
  out += "Definitions are in docs/serving_simulator.md.\n";
  return out;
}

std::string request_line(const serving::RequestRecord& r) {
  const double tpot = r.output > 1 ? ((r.e2e - r.ttft) / (r.output - 1.0)).raw() : 0.0;
  return fmt::format("{},{:.9f},{:.6f},{:.6f},{:.6f},{:.6f},{},{},{},{},{},{}\n", r.serial,
                     r.arrival.raw(), r.queue.raw(), r.ttft.raw(), tpot, r.e2e.raw(), r.input,
                     r.output, r.session, r.hit_tokens, r.retries, r.replica);
}

}  // namespace tightrope::report
