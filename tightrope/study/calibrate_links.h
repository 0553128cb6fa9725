// One kind of link fitted alone: for the error on systems that its fit never saw.
#pragma once

#include <string>
#include <vector>

#include "tightrope/formula/calibration.h"
#include "tightrope/study/calibrate_tables.h"

namespace tightrope::study {

/// The scale-up link `name` from the rows of one domain that ran on it; there must be some.
[[nodiscard]] formula::LinkModel refit_scaleup(const std::vector<CollectiveRow>& rows,
                                               const std::string& name, bool in_network);

/// The scale-out link `name` from its rows, of which there must be some, over the scale-up links of
/// `links`. A name that we do not fit by itself ("efa") has all coefficients free.
[[nodiscard]] formula::LinkModel refit_scaleout(const std::vector<CollectiveRow>& rows,
                                                const std::string& name,
                                                const formula::Calibration& links);

}  // namespace tightrope::study
