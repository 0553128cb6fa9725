#include "tightrope/cli/session.h"

#include <ostream>

namespace tightrope::cli {

Result<catalog::Catalog> load_catalog(const Session& session) {
  if (session.catalog_dir.empty()) return catalog::Catalog::embedded();
  return catalog::Catalog::with_overrides(session.catalog_dir);
}

int report_error(const Session& session, const Error& error) {
  session.err << "tightrope: " << to_string(error) << "\n";
  return exit_bad_input;
}

}  // namespace tightrope::cli
