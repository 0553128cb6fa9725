#include "tightrope/cli/interrupt.h"

#include <csignal>
#include <ostream>

#include <unistd.h>

namespace tightrope::cli {
namespace {

std::atomic<bool> stopped = false;

extern "C" void stop(int) {
  stopped.store(true, std::memory_order_relaxed);
  std::signal(SIGINT, SIG_DFL);
}

using std::chrono::milliseconds;

}  // namespace

Interrupt::Interrupt() {
  stopped.store(false, std::memory_order_relaxed);
  before_ = std::signal(SIGINT, stop);
}

Interrupt::~Interrupt() {
  if (before_ != SIG_ERR) std::signal(SIGINT, before_);
}

const std::atomic<bool>& Interrupt::flag() const { return stopped; }

ProgressLine::ProgressLine(std::ostream& err)
    : err_(err),
      is_terminal_(isatty(STDERR_FILENO) == 1),
      next_(std::chrono::steady_clock::now() + milliseconds(1000)) {}

ProgressLine::~ProgressLine() {
  if (is_shown_) err_ << "\r\x1b[K" << std::flush;
}

bool ProgressLine::is_due() { return is_terminal_ && std::chrono::steady_clock::now() >= next_; }

void ProgressLine::show(const std::string& text) {
  err_ << "\r" << text << "\x1b[K" << std::flush;
  is_shown_ = true;
  next_ = std::chrono::steady_clock::now() + milliseconds(250);
}

}  // namespace tightrope::cli
