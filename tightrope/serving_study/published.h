// What published runs were configured as, where the tables that print them do not say.
#pragma once

#include <string>

#include "tightrope/serving_study/rows.h"

namespace tightrope::serving_study {

/// Columns of a table that multiplies widths, as they stand there.
struct PublishedColumns {
  std::string source;                                   ///< of the row
  std::string measured;                                 ///< time, or date alone
  double prefill_ranks = 0, prefill_ep = 0, ranks = 0;  ///< of one worker
  bool workers_said = false;
};

/// Completes a row from calibration/serving_recipes.toml: workers, how they lie and schedule,
/// drafts. Where several configurations match its columns and differ, the plainest is taken (no
/// drafts, then the fewest GPUs) and the row says that it is guessed; where none does, it stays as
/// it is.
bool complete_published(ServingRow& row, const PublishedColumns& columns);

}  // namespace tightrope::serving_study
