// What every command of the command line shares.
#pragma once

#include <iosfwd>
#include <string>

#include "tightrope/catalog/catalog.h"

namespace tightrope::cli {

/// Exit codes of the program.
enum ExitCode { exit_ok = 0, exit_infeasible = 1, exit_bad_input = 2, exit_bug = 70 };

/// Streams and options that hold for all commands.
struct Session {
  std::ostream& out;
  std::ostream& err;
  std::string catalog_dir;  ///< --catalog DIR; empty: the embedded catalog alone
  int threads = 0;          ///< --threads N; 0: one a processor
  std::string version;      ///< of the program, for files it writes
};

/// The catalog this session works with. Errors: those of a bad --catalog folder.
[[nodiscard]] Result<catalog::Catalog> load_catalog(const Session& session);

/// Prints one error to `session.err` as text and returns exit_bad_input.
int report_error(const Session& session, const Error& error);

/// Runs the command line; `main` does nothing else.
int run(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace tightrope::cli
