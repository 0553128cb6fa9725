// Ctrl-C as a flag that a long run looks at, and a line of progress on a terminal.
#pragma once

#include <atomic>
#include <chrono>
#include <iosfwd>
#include <string>

namespace tightrope::cli {

/// While it lives, the first SIGINT sets the flag; a second one ends the program as usual.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  [[nodiscard]] const std::atomic<bool>& flag() const;

 private:
  void (*before_)(int);
};

/// Shows a line on standard error when that is a terminal and a second has passed; rewrites it four
/// times a second; wipes it at the end.
class ProgressLine {
 public:
  explicit ProgressLine(std::ostream& err);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  /// Whether a text would be shown now; asking costs little.
  [[nodiscard]] bool is_due();
  void show(const std::string& text);

 private:
  std::ostream& err_;
  bool is_terminal_, is_shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace tightrope::cli
