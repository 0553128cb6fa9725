// Contexts that the tests of this room share.
#pragma once

#include <string>

#include "tightrope/core/check.h"
#include "tightrope/infer/context.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::infer {

inline Context test_context(const std::string& model, const std::string& chip,
                            const std::string& numerics, int drafts = 0) {
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  const Result<std::string> config = catalog::llm_config(model);
  TR_CHECK(config.has_value(), model);
  Result<workload::Model> network = workload::read_hf_config(*config, model);
  TR_CHECK(network.has_value(), model);
  ContextRequest request;
  request.model = *std::move(network);
  request.numerics = numerics;
  request.drafts = drafts;
  Result<Context> context = make_context(request, *catalog.find_system_of(chip, chip), catalog,
                                         formula::embedded_calibration());
  TR_CHECK(context.has_value(), context.has_value() ? "" : to_string(context.error()));
  return *std::move(context);
}

}  // namespace tightrope::infer
