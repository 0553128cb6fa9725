#include "tightrope/cli/yields.h"

#include <charconv>

#include <fmt/format.h>

#include "tightrope/cli/amounts.h"

namespace tightrope::cli {
namespace {

Result<double> number_of(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec == std::errc() && read.ptr == end) return value;
  return fail(ErrorCode::syntax, fmt::format("--accepted: \"{}\" is no number", text), {},
              "give a mean, for example 2.1, or shares, for example 0.45,0.25,0.2,0.1");
}

}  // namespace

Result<SpokenYields> read_yields(const YieldWords& words) {
  SpokenYields out;
  const bool by_chance = words.acceptance >= 0;
  if (by_chance && !words.accepted.empty()) {
    return fail(ErrorCode::usage, "--accepted and --acceptance say the same thing", {},
                "give one of them");
  }
  if (by_chance) {
    if (words.acceptance > 1 || words.drafts < 1) {
      return fail(words.drafts < 1 ? ErrorCode::usage : ErrorCode::range,
                  fmt::format("--acceptance {} with {} drafts", words.acceptance, words.drafts), {},
                  "it is the probability of each of --drafts N tokens, from 0 to 1");
    }
    out.shares = infer::geometric_yields(words.drafts, words.acceptance);
    out.mean = infer::mean_yield(out.shares);
    return out;
  }
  for (const std::string& part : parse_list(words.accepted)) {
    TR_TRY(const double value, number_of(part));
    out.shares.push_back(value);
  }
  if (out.shares.size() < 2) {
    if (!out.shares.empty()) out.mean = out.shares.front();
    out.shares.clear();
    if (!words.accepted.empty() && !(out.mean >= 1)) {
      return fail(ErrorCode::range,
                  fmt::format("an iteration yields 1 token or more, not {}", out.mean), {},
                  "--accepted lies between 1 and drafts + 1");
    }
    return out;
  }
  TR_TRY(out.shares, infer::checked_yields(std::move(out.shares), words.drafts));
  out.mean = infer::mean_yield(out.shares);
  return out;
}

}  // namespace tightrope::cli
