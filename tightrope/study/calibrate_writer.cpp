#include <fmt/format.h>

#include "tightrope/study/calibrate_kernels_internal.h"

namespace tightrope::study {
namespace {

constexpr const char* head =
    R"(# Coefficients of kernels and links. Written by `tightrope calibrate kernels`; do not edit:
# run it again. Shares refer to the catalog's nameplate. What a fit says of itself is for people:
# rows, median_ape and p90_ape (|predicted/measured - 1|), cross_ape (median on rows left out of the
# fit, in five folds), standard_error (jackknife over the folds), nuisance (what the benchmark
# measured beside the kernel and no formula uses). Keys are explained in formula/kernels.h,
# formula/collectives.h and formula/bill.h.
version = 1
)";

std::string number(double value) { return fmt::format("{:.4g}", value); }

std::string pairs(const std::vector<FittedNumber>& numbers, bool errors) {
  std::string out;
  for (const FittedNumber& n : numbers) {
    const double value = errors ? n.standard_error : n.value;
    if (errors && value == 0.0) continue;
    out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", n.name, number(value));
  }
  return "{ " + out + " }";
}

void write_fit(std::string& out, const KernelFit& fit) {
  const FitQuality& q = fit.after.quality;
  if (q.rows == 0) return;
  out += fmt::format("rows = {}\nmedian_ape = {}\np90_ape = {}\nbias = {}\n", q.rows,
                     number(q.median_ape), number(q.p90_ape), number(q.bias));
  if (q.cross_ape > 0.0) out += fmt::format("cross_ape = {}\n", number(q.cross_ape));
  if (!fit.engines.empty()) out += fmt::format("engine = \"{}\"\n", fit.engines);
  if (q.cross_ape > 0.0) out += "standard_error = " + pairs(fit.after.numbers, true) + "\n";
  if (!fit.nuisance.empty()) out += "nuisance = " + pairs(fit.nuisance, false) + "\n";
}

void write_gemm(std::string& out, const std::string& format, const formula::GemmCoefficients& c) {
  out += fmt::format("\n[chip.gemm.{}]\n", format);
  out += fmt::format("peak_share = {}\ntile_m = {}\ntile_n = {}\nsmall_tile_share = {}\n",
                     number(c.peak_share), number(c.tile_m), number(c.tile_n),
                     number(c.small_tile_share));
  out += fmt::format("k_half = {}\nwave_share = {}\nsplit_share = {}\noverlap_loss = {}\n",
                     number(c.k_half), number(c.wave_share), number(c.split_share),
                     number(c.overlap_loss));
  out += fmt::format("launch_us = {}\n", number(c.launch.raw() * 1e6));
}

void write_attention(std::string& out, const char* name, const formula::AttentionCoefficients& c) {
  out += fmt::format("\n[chip.{}]\npeak_share = {}\nq_half = {}\nsoftmax_flops = {}\n", name,
                     number(c.peak_share), number(c.q_half), number(c.softmax.raw()));
}

const KernelFit* fit_of(const ChipDraft& draft, const std::string& format) {
  for (const auto& [name, fit] : draft.formats) {
    if (name == format) return &fit;
  }
  return nullptr;
}

void write_formats(std::string& out, const ChipDraft& draft) {
  const formula::ChipCalibration& c = draft.chip;
  for (const DType dtype : all_dtypes) {
    for (const bool block : {false, true}) {
      const auto& coefficients = (block ? c.gemm_block : c.gemm)[dtype];
      if (!coefficients) continue;
      const std::string format = std::string(to_string(dtype)) + (block ? "_block" : "");
      write_gemm(out, format, *coefficients);
      if (const KernelFit* fit = fit_of(draft, format)) write_fit(out, *fit);
    }
  }
}

void write_chip(std::string& out, const ChipDraft& draft) {
  const formula::ChipCalibration& c = draft.chip;
  out += fmt::format("\n[[chip]]\nname = \"{}\"\narchitecture = \"{}\"\nkind = \"{}\"\n", c.name,
                     c.architecture, c.kind);
  out += fmt::format("grade = \"{}\"\n", catalog::to_string(c.grade));
  if (!draft.note.empty()) out += fmt::format("note = \"{}\"\n", draft.note);
  out += fmt::format("launch_us = {}\nhbm_share = {}\nhbm_read_share = {}\nhbm_half_bytes = {}\n",
                     number(c.launch.raw() * 1e6), number(c.hbm_share), number(c.hbm_read_share),
                     number(c.hbm_half.raw()));
  if (!draft.memory.empty()) out += "standard_error = " + pairs(draft.memory, true) + "\n";
  write_formats(out, draft);
  write_attention(out, "attention_forward", c.attention_forward);
  write_fit(out, draft.forward);
  write_attention(out, "attention_backward", c.attention_backward);
  out += "note = \"estimate: ratio to forward of FlashAttention-2 and -3's published tables\"\n";
}

void write_experts(std::string& out, const ExpertDraft& draft) {
  const formula::ExpertCoefficients& c = draft.experts.coefficients;
  out += fmt::format("\n[[experts]]\narchitecture = \"{}\"\nformat = \"{}\"\nengine = \"{}\"\n",
                     draft.experts.architecture, to_string(draft.experts.format),
                     draft.experts.engine);
  out += fmt::format("peak_share = {}\nrow_padding = {}\nread_share = {}\n", number(c.peak_share),
                     number(c.row_padding), number(c.read_share));
  out += fmt::format("overlap_loss = {}\nlaunch_us = {}\n", number(c.overlap_loss),
                     number(c.launch.raw() * 1e6));
  out += fmt::format("held_us = {}\ntoken_passes = {}\nrouted_passes = {}\n",
                     number(c.held.raw() * 1e6), number(c.token_passes), number(c.routed_passes));
  write_fit(out, draft.fit);
}

void write_kernel_power(std::string& out, const KernelPowerDraft& draft) {
  if (draft.fit.after.numbers.empty()) return;
  out +=
      "\n# The same by how a kernel uses the chip (formula/kernel_power.h); spread: standard "
      "deviation\n# of log(predicted / measured) between tables.\n[kernel_power]\n";
  for (const FittedNumber& n : draft.fit.after.numbers) {
    out += fmt::format("{} = {}\n", n.name, number(n.value));
  }
  out += fmt::format("spread = {}\n", number(draft.power.spread));
  write_fit(out, draft.fit);
}

void write_power(std::string& out, const KernelFit& power) {
  out +=
      "\n# Of a chip's power limit. Measured on GPUs; other kinds of chips borrow them.\n[power]\n";
  for (const FittedNumber& n : power.after.numbers) {
    out += fmt::format("{} = {}\n", n.name, number(n.value));
  }
  write_fit(out, power);
}

void write_link(std::string& out, const char* kind, const LinkDraft& draft) {
  const formula::LinkModel& m = draft.link.model;
  std::string match;
  for (const std::string& text : draft.link.match) {
    match += fmt::format("{}\"{}\"", match.empty() ? "" : ", ", text);
  }
  out += fmt::format("\n[[{}]]\nname = \"{}\"\nmatch = [{}]\ngrade = \"{}\"\n", kind,
                     draft.link.name, match, catalog::to_string(draft.link.grade));
  if (!draft.note.empty()) out += fmt::format("note = \"{}\"\n", draft.note);
  out += fmt::format("share = {}\npair_loss = {}\nall_to_all_share = {}\nsend_share = {}\n",
                     number(m.share), number(m.pair_loss), number(m.all_to_all_share),
                     number(m.send_share));
  out += fmt::format("latency_us = {}\nstep_latency_us = {}\nhalf_size_bytes = {}\n",
                     number(m.latency.raw() * 1e6), number(m.step_latency.raw() * 1e6),
                     number(m.half_size.raw()));
  out += fmt::format("peer_latency_us = {}\npeer_loss = {}\n", number(m.peer_latency.raw() * 1e6),
                     number(m.peer_loss));
  out += fmt::format("bulk_latency_us = {}\nlow_share = {}\n", number(m.bulk_latency.raw() * 1e6),
                     number(m.low_share));
  if (m.in_network_reduction) {
    out += fmt::format(
        "in_network_reduction = true\nin_network_share = {}\nin_network_half_bytes = {}\n",
        number(m.in_network_share), number(m.in_network_half.raw()));
  }
  if (std::string_view(kind) == "scaleout_link") {
    out += fmt::format("tree_share = {}\nlanes = {}\n", number(m.tree_share), m.lanes);
  }
  write_fit(out, draft.fit);
}

}  // namespace

std::string write_kernels_toml(const KernelTables& tables, std::span<const ChipDraft> chips,
                               std::span<const ExpertDraft> experts, const LinkDrafts& links,
                               const PowerDrafts& power) {
  std::string out = head;
  out += fmt::format("\n[provenance]\norigin = \"{}\"\n", tables.origin);
  for (const TableFile& file : tables.files) {
    out += fmt::format("\n[[provenance.file]]\nname = \"{}\"\nrows = {}\nfnv1a = \"{:016x}\"\n",
                       file.name, file.rows, file.hash);
  }
  write_power(out, power.shares);
  write_kernel_power(out, power.kernels);
  for (const ChipDraft& draft : chips) write_chip(out, draft);
  if (!experts.empty()) {
    out +=
        "\n# Fused layers of routed experts, the quickest engine, tokens spread evenly. Formats "
        "and\n# architectures without an entry borrow (formula/calibration.cpp).\n";
  }
  for (const ExpertDraft& draft : experts) write_experts(out, draft);
  for (const LinkDraft& draft : links.scaleup) write_link(out, "scaleup_link", draft);
  for (const LinkDraft& draft : links.scaleout) write_link(out, "scaleout_link", draft);
  return out;
}

}  // namespace tightrope::study
