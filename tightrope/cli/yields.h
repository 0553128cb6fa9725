// How many tokens verified guesses yield, as people say it: a mean, a law, or a probability.
#pragma once

#include <string>

#include "tightrope/infer/acceptance.h"

namespace tightrope::cli {

struct SpokenYields {
  double mean = 0;            ///< tokens an iteration; 0: not said
  infer::YieldShares shares;  ///< its law; empty: the mean alone
};

struct YieldWords {
  int drafts = 0;
  std::string accepted;    ///< "2.1", or shares "0.45,0.25,0.2,0.1"; empty: not said
  double acceptance = -1;  ///< a draft's probability; below 0: not said
};

/// Errors: usage, syntax, range.
[[nodiscard]] Result<SpokenYields> read_yields(const YieldWords& words);

}  // namespace tightrope::cli
