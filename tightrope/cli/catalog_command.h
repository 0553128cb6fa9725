// `tightrope catalog list | show NAME | check DIR`.
#pragma once

#include <string>

#include "tightrope/cli/session.h"

namespace tightrope::cli {

/// Lists one kind of record: chips, systems, prices, regions, claims, sources, llms (models) or
/// fields (the reference of every key a catalog file may hold); "" counts them all.
/// Errors: usage for another kind.
int run_catalog_list(const Session& session, const std::string& kind, bool json);

/// Shows everything the catalog knows under a name: chips, systems, regions, sources and claims,
/// each number with its unit, range, grade, source, date, note, alternatives and file:line.
/// Errors: not_found with near names.
int run_catalog_show(const Session& session, const std::string& name, bool json);

/// Reads a folder on top of the embedded catalog and prints every fault it holds.
/// Returns exit_ok when there is none, else exit_bad_input.
int run_catalog_check(const Session& session, const std::string& dir);

}  // namespace tightrope::cli
