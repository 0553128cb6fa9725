#include "tightrope/infer/deployment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace tightrope::infer {
namespace {

using formula::ExpertFormat;
using formula::Scaling;

// Bytes of a stored weight with its scales: a float a 128 x 128 block, an fp8 a 16, an e8m0 a 32,
// a half a 128.
constexpr WeightFormat wide{DType::bf16, Scaling::tensor, 2.0, ExpertFormat::bf16};
constexpr WeightFormat fp8{DType::fp8, Scaling::tensor, 1.0, ExpertFormat::fp8};
constexpr WeightFormat fp8_block{DType::fp8, Scaling::block, 1.0 + 4.0 / 16384,
                                 ExpertFormat::fp8_block};
constexpr WeightFormat nvfp4{DType::fp4, Scaling::tensor, 0.5 + 1.0 / 16, ExpertFormat::fp4};
// Activations stay in 16 bits (w4a16) where on_chip() finds no units for 4-bit numbers.
constexpr WeightFormat mxfp4{DType::bf16, Scaling::tensor, 0.5 + 1.0 / 32, ExpertFormat::mxfp4};
constexpr WeightFormat int8{DType::bf16, Scaling::tensor, 1.0 + 2.0 / 4096, ExpertFormat::bf16};
constexpr WeightFormat int4{DType::bf16, Scaling::tensor, 0.5 + 2.0 / 128, ExpertFormat::int4};

struct Known {
  std::string_view name;
  WeightFormat weights;
  bool experts_only;  // of routed models
  double kv_bytes;
};
constexpr Known known[] = {
    {"bf16", wide, false, 2},  {"fp8", fp8, false, 1},    {"fp8-block", fp8_block, false, 2},
    {"nvfp4", nvfp4, true, 1}, {"mxfp4", mxfp4, true, 2}, {"int8", int8, false, 2},
    {"int4", int4, false, 2},
};

}  // namespace

std::string to_string(const Deployment& d) {
  std::string text;
  const auto add = [&](std::string_view name, int ways) {
    if (ways > 1) text += fmt::format("{}{}{}", text.empty() ? "" : " ", name, ways);
  };
  add("tp", d.tp);
  add("pp", d.pp);
  add("dp", d.dp);
  add("ep", d.ep);
  return text.empty() ? "tp1" : text;
}

const std::vector<std::string>& numerics_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Known& k : known) all.emplace_back(k.name);
    return all;
  }();
  return names;
}

Result<Numerics> find_numerics(std::string_view name, bool routed) {
  std::string_view base = name;
  double kv = 0;
  if (const std::size_t plus = name.find('+'); plus != std::string_view::npos) {
    base = name.substr(0, plus);
    const std::string_view suffix = name.substr(plus + 1);
    kv = suffix == "kv8" ? 1 : suffix == "kv16" ? 2 : 0;
    if (kv == 0) {
      return fail(ErrorCode::unsupported, fmt::format("unknown cache format \"{}\"", suffix), {},
                  "write +kv8 or +kv16, or leave it out");
    }
  }
  for (const Known& k : known) {
    if (k.name != base) continue;
    Numerics n;
    n.name = std::string(name);
    n.feed = k.weights;
    n.attention = k.experts_only && routed ? wide : k.weights;
    // NVIDIA's NVFP4 checkpoints narrow attention's output projection too; MXFP4's do not.
    n.attention_out = k.name == "mxfp4" ? n.attention : k.weights;
    n.kv_bytes = kv > 0 ? kv : routed ? 2 : k.kv_bytes;
    return n;
  }
  return fail(ErrorCode::unsupported, fmt::format("unknown weight format \"{}\"", name), {},
              fmt::format("known: {}", fmt::join(numerics_names(), ", ")));
}

Result<Numerics> on_chip(const Numerics& numerics, const formula::RankKernels& kernels) {
  Numerics out = numerics;
  const auto runs = [&](DType t) { return kernels.peak[t].raw() > 0; };
  for (WeightFormat* f : {&out.attention, &out.attention_out, &out.feed}) {
    // Units that take 4-bit numbers take mxfp8 beside them, at the rate of 8 bits.
    if (f->experts == ExpertFormat::mxfp4 && runs(DType::fp4)) {
      f->experts = ExpertFormat::fp8;
      f->product = DType::fp8;
    }
    if (runs(f->product)) continue;
    f->scaling = Scaling::tensor;
    // Narrow weights are widened by kernels made for it.
    f->experts = f->product == DType::fp4 ? ExpertFormat::int4 : ExpertFormat::bf16;
    f->product = runs(DType::bf16) ? DType::bf16 : DType::fp16;
    if (!runs(f->product)) {
      return fail(ErrorCode::unsupported, "this chip has no matrix units for 16-bit products", {},
                  "choose another system");
    }
  }
  return out;
}

}  // namespace tightrope::infer
