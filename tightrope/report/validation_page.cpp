// The validation report in Markdown.
#include "tightrope/report/validation_page.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tightrope/core/unit_text.h"

namespace tightrope::report {
namespace {

using study::Figures;
using study::GroupFigures;
using study::LeftOutFigures;
using study::ValidationReport;

constexpr const char* figure_head =
    "| | rows | mean | median | macro | bias |\n|---|---:|---:|---:|---:|---:|\n";
constexpr const char* held_head =
    "| | rows | mean | median | macro | bias | in 50 % | in 90 % |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|\n";

// A bar in a cell would end it.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string figures_row(std::string_view name, const Figures& f) {
  return fmt::format("| {} | {} | {:.1f} | {:.1f} | {:.1f} | {:+.1f} |\n", cell(name), f.n, f.mape,
                     f.median_ape, f.macro_mape, f.bias);
}

std::string held_row(std::string_view name, const GroupFigures& g) {
  const Figures& f = g.figures;
  return fmt::format("| {} | {} | {:.1f} | {:.1f} | {:.1f} | {:+.1f} | {:.0f} | {:.0f} |\n",
                     cell(name), f.n, f.mape, f.median_ape, f.macro_mape, f.bias,
                     100 * g.coverage.in50, 100 * g.coverage.in90);
}

const GroupFigures* find(const std::vector<GroupFigures>& groups, std::string_view dimension,
                         std::string_view value) {
  for (const GroupFigures& g : groups) {
    if (g.dimension == dimension && g.value == value) return &g;
  }
  return nullptr;
}

const LeftOutFigures* find(const ValidationReport& report, std::string_view left_out) {
  for (const LeftOutFigures& l : report.left_out) {
    if (l.left_out == left_out) return &l;
  }
  return nullptr;
}

// Tables of this repository by their path in it, others by their name.
std::string_view name_of(std::string_view file) {
  return file.starts_with("validation/") ? file : file.substr(file.find_last_of('/') + 1);
}

void add_top(std::string& text, const ValidationReport& r) {
  const bool grid = r.form == study::TrainingForm::mapping_grid;
  text += fmt::format(
      "What `tightrope validate training` says about `{}` ({} rows, fnv1a {}). Written by the "
      "program; do not edit.\n\n"
      "Errors are of {}, in percent: mean and median of |predicted / measured - 1|, its mean over "
      "sources (macro), and the signed mean (bias > 0: predicted above measured). A configuration "
      "that was measured in several releases counts once, by its latest. {} numbers are fitted to "
      "training runs, beside the coefficients of kernels and links.\n\n",
      name_of(r.file), with_thousands(static_cast<double>(r.rows.size())), r.hash,
      grid ? "step time" : "tokens/s per accelerator", r.fitted_numbers);
  text += fmt::format("{} of {} rows are expressed.", r.expressed, r.rows.size());
  if (r.refused.empty()) {
    text += "\n";
    return;
  }
  text += " Refused:\n\n| rows | reason |\n|---:|---|\n";
  for (const auto& [reason, count] : r.refused) {
    text += fmt::format("| {} | {} |\n", count, cell(reason));
  }
}

void add_predictors(std::string& text, const ValidationReport& r) {
  text += "\n## Beside simpler predictors\n\n";
  text += figure_head;
  text += figures_row("**Tightrope**", r.overall);
  text += figures_row("Tightrope, re-measurements counted again", r.every_row);
  text += figures_row("constant MFU a chip and precision", r.baseline);
  text += figures_row("constant MFU, from other sources only", r.baseline_out);
  text += figures_row("plain roofline: every kernel at its peak or at full bandwidth", r.plain);
  text += figures_row("peak FLOP/s", r.roofline);
  text +=
      "\nBy kind of model and task:\n\n| | rows | Tightrope, mean | median | macro | bias | "
      "constant MFU, macro | plain roofline, macro |\n"
      "|---|---:|---:|---:|---:|---:|---:|---:|\n";
  for (const GroupFigures& g : r.by) {
    if (g.dimension != "kind_task") continue;
    const GroupFigures* constant = find(r.baseline_by, "kind_task", g.value);
    const GroupFigures* plain = find(r.plain_by, "kind_task", g.value);
    text += fmt::format(
        "| {} | {} | {:.1f} | {:.1f} | {:.1f} | {:+.1f} | {:.1f} | {:.1f} |\n", g.value,
        g.figures.n, g.figures.mape, g.figures.median_ape, g.figures.macro_mape, g.figures.bias,
        constant ? constant->figures.macro_mape : 0.0, plain ? plain->figures.macro_mape : 0.0);
  }
}

void add_left_out(std::string& text, const ValidationReport& r) {
  if (r.left_out.empty()) return;
  text += fmt::format(
      "\n## Rows that the fit never saw\n\nThe same model fitted again ({} numbers each time) "
      "without each tenth of the configurations, each source, each model and each chip, and judged "
      "on what was left out. The last two columns are the share of rows inside their 50 % and 90 % "
      "bands, which here come from the errors of other groups alone. Mechanisms and priors were "
      "chosen by people who had seen all rows, which flatters these figures; only rows that nobody "
      "here has seen can tell more.\n\n",
      r.left_out_numbers);
  text += held_head;
  for (const LeftOutFigures& l : r.left_out) {
    for (const GroupFigures& g : l.groups) {
      if (g.dimension == "all") {
        text += held_row(fmt::format("**left out by {}**", l.left_out), g);
      } else if (g.dimension == "kind_task") {
        text += held_row(g.value, g);
      }
    }
  }
}

void add_bands(std::string& text, const ValidationReport& r, const PageNotes& notes) {
  text += fmt::format(
      "\n## Error bands\n\nBands come from the errors of rows left out, by what of a case no "
      "measured row shares: its source, model, chip, chip generation, number format or stack "
      "(`[bands]` in `calibration/training.toml`). They hold {:.0f} % (of 50) and {:.0f} % (of 90) "
      "of the rows above, which the fit has seen.{}\n",
      100 * r.coverage.in50, 100 * r.coverage.in90,
      r.left_out.empty() ? "" : " The shares among rows left out stand in the table of those.");
  if (notes.unmeasured.empty()) return;
  text += fmt::format(
      "\nNo published training measurement is known here of {}. Plans on them say so, and their "
      "bands are those of hardware left out.\n",
      fmt::join(notes.unmeasured, ", "));
}

// One line a group: in sample, and as left out by the same dimension.
void add_groups(std::string& text, const ValidationReport& r, const std::string& dimension,
                const std::string& title) {
  text += fmt::format("\n### By {}\n\n", title);
  const LeftOutFigures* out = find(r, dimension);
  text += "| | rows | mean | median | macro | bias | in 90 % |";
  if (out != nullptr) text += " left out: mean | bias | in 90 % |";
  text += "\n|---|---:|---:|---:|---:|---:|---:|";
  if (out != nullptr) text += "---:|---:|---:|";
  text += "\n";
  for (const GroupFigures& g : r.by) {
    if (g.dimension != dimension || g.figures.n == 0) continue;
    const Figures& f = g.figures;
    text += fmt::format("| {} | {} | {:.1f} | {:.1f} | {:.1f} | {:+.1f} | {:.0f} |", cell(g.value),
                        f.n, f.mape, f.median_ape, f.macro_mape, f.bias, 100 * g.coverage.in90);
    const GroupFigures* missed = out != nullptr ? find(out->groups, dimension, g.value) : nullptr;
    if (missed != nullptr) {
      text += fmt::format(" {:.1f} | {:+.1f} | {:.0f} |", missed->figures.mape,
                          missed->figures.bias, 100 * missed->coverage.in90);
    } else if (out != nullptr) {
      text += " - | - | - |";
    }
    text += "\n";
  }
}

double percent(int part, int whole) { return whole > 0 ? 100.0 * part / whole : 0.0; }

void add_pairs(std::string& text, const ValidationReport& r) {
  const study::PairCount& p = r.pairs;
  if (p.n == 0) return;
  text += fmt::format(
      "\n## Which mapping is faster\n\nPairs of rows of one model, hardware, number of "
      "accelerators and batch that differ in how they were run: {} of {} are ordered right "
      "({:.1f} %); of those measured more than 5 % apart, {} of {} ({:.1f} %).\n",
      p.ordered, p.n, percent(p.ordered, p.n), p.apart_ordered, p.apart,
      percent(p.apart_ordered, p.apart));
}

std::string memory_row(std::string_view name, const study::MemoryFigures& m) {
  return fmt::format("| {} | {} | {:.1f} | {:.1f} | {:+.1f} | {:.0f} |\n", cell(name), m.n, m.mape,
                     m.median_ape, m.bias, 100 * m.within_8);
}

void add_memory(std::string& text, const ValidationReport& r) {
  if (r.memory.n == 0) return;
  text += fmt::format(
      "\n## Peak memory\n\nAllocated bytes against the peak that a source prints, in percent. Runs "
      "that were published and that the model calls too large for their device: {} of {}.\n\n",
      r.memory.called_too_large, r.expressed);
  text += "| | rows | mean | median | bias | within 8 % |\n|---|---:|---:|---:|---:|---:|\n";
  text += memory_row("**all**", r.memory);
  for (const study::MemoryBySource& m : r.memory_by) text += memory_row(m.source, m.figures);
}

// A throughput or a time, to four digits or whole.
std::string amount(double value) {
  return value >= 1000 ? with_thousands(value) : fmt::format("{:.4g}", value);
}

// Percent of the predicted step.
void add_worst(std::string& text, const ValidationReport& r) {
  constexpr std::size_t most = 25;
  text +=
      "\n## Worst rows\n\nWhere the predicted step goes, in percent of it: kernels (forward, "
      "backward, recomputation, ends), tensor, context and expert parallelism as far as visible, "
      "the host, the pipeline's bubble, data parallelism with its gathers and the optimizer, and "
      "the rest.\n\n| row | run | measured | predicted | error % | kernels | tp | cp | ep | host | "
      "bubble | dp | rest |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n";
  for (const study::RowOutcome* row : study::worst_rows(r, most)) {
    const step::TimeParts& p = row->parts;
    const auto share = [&](Seconds time) { return 100 * (time / p.total); };
    text += fmt::format(
        "| {} | {} | {} | {} | {:+.0f} | {:.0f} | {:.0f} | {:.0f} | {:.0f} | {:.0f} | "
        "{:.0f} | {:.0f} | {:.0f} |\n",
        cell(row->id), cell(row->text), amount(row->measured), amount(row->predicted),
        100 * (row->predicted / row->measured - 1),
        share(p.forward + p.backward + p.recompute + p.ends), share(p.tp), share(p.cp), share(p.ep),
        share(p.host), share(p.bubble), share(p.dp + p.shard_gather + p.optimizer),
        share(p.offload + p.straggler + p.fixed));
  }
}

}  // namespace

std::string validation_markdown(const ValidationReport& report, const PageNotes& notes) {
  std::string text = "# Accuracy of the training step\n\n";
  add_top(text, report);
  if (!notes.chart.empty()) text += "\n" + notes.chart + "\n";
  add_predictors(text, report);
  add_left_out(text, report);
  add_bands(text, report, notes);
  text += "\n## Group by group\n";
  add_groups(text, report, "source", "source");
  add_groups(text, report, "hardware", "hardware");
  add_groups(text, report, "precision", "precision, as printed");
  add_pairs(text, report);
  add_memory(text, report);
  add_worst(text, report);
  return text;
}

}  // namespace tightrope::report
