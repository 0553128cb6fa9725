// A serving plan's answer as text for people, and its front as CSV.
#pragma once

#include <string>

#include "tightrope/serving_study/serve_plan.h"

namespace tightrope::report {

struct ServeTextOptions {
  int detailed = 2;     ///< plans that are described beyond their line in the table
  int front_lines = 8;  ///< lines of the front
};

/// The table, the best in detail, the front, why the others lost; at most 110 columns wide.
[[nodiscard]] std::string serve_plan_text(const serving_study::ServeRequest& request,
                                          const serving_study::ServeResult& result,
                                          const ServeTextOptions& options = {});

/// The front over throughput and interactivity, one line a point, with a header.
[[nodiscard]] std::string serve_front_csv(const serving_study::ServeResult& result);

/// "tp4", "tp4 + dp8 ep8": the deployment of a fleet's workers, those that prefill first.
[[nodiscard]] std::string serve_deployment_words(const sizing::Fleet& fleet);

}  // namespace tightrope::report
