#include "tightrope/core/check.h"

#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

namespace tightrope::check_internal {

std::string show(double value) { return fmt::format("{}", value); }
std::string show(std::string_view value) { return fmt::format("\"{}\"", value); }

void broken(const char* condition, const char* file, int line,
            std::initializer_list<std::string> values) {
  std::string text = fmt::format("{}:{}: broken check: {}", file, line, condition);
  for (const std::string& value : values) text += "\n  value: " + value;
  std::fprintf(stderr, "%s\nThis is a bug in tightrope, not in your input.\n", text.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace tightrope::check_internal
