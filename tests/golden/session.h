// Golden sessions: commands with the output they must give (see tests/golden/README.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tightrope::golden {

/// What a command printed, or should print.
struct Output {
  std::vector<std::string> out;
  std::vector<std::string> err;
  int exit_code = 0;
  friend bool operator==(const Output&, const Output&) = default;
};

/// One `$ command` of a session.
struct Step {
  std::string command;
  int line = 0;  ///< where the command stands, from 1
  Output expected;
};

/// One .test file: its opening comment and its commands.
struct Session {
  std::vector<std::string> comment;
  double tolerance = 0.01;  ///< relative, of numbers after `~`; `# tolerance: 2%` changes it
  std::vector<Step> steps;
};

[[nodiscard]] Session parse_session(std::string_view text);
[[nodiscard]] std::string to_text(const Session& session);

/// True when `actual` is what `expected` asks for: equal, where `~12.3` stands for a number within
/// the tolerance and `<*>` for any text. Runs of blanks are one blank in a line with either.
[[nodiscard]] bool matches(const std::string& expected, const std::string& actual,
                           double tolerance);
/// The same for all lines; a line `...` stands for any number of lines.
[[nodiscard]] bool matches(const std::vector<std::string>& expected,
                           const std::vector<std::string>& actual, double tolerance);

/// What a rewritten session says: the old lines where they match, else the new ones, in which
/// numbers keep the `~` that the old line in their place had.
[[nodiscard]] std::vector<std::string> merge(const std::vector<std::string>& expected,
                                             const std::vector<std::string>& actual,
                                             double tolerance);

/// Lines of `expected` and `actual` side by side, - and +, where they differ.
[[nodiscard]] std::string difference(const std::vector<std::string>& expected,
                                     const std::vector<std::string>& actual, double tolerance);

}  // namespace tightrope::golden
