// TR_CHECK guards our own reasoning, in every build. A broken check is our bug: it prints the
// condition, the place and the values, and aborts. Bad input never gets here (core/result.h).
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace tightrope::check_internal {

std::string show(double value);
std::string show(std::string_view value);
template <class T>
  requires std::is_integral_v<T>
std::string show(T value) {
  return std::to_string(value);
}

[[noreturn]] void broken(const char* condition, const char* file, int line,
                         std::initializer_list<std::string> values);

template <class... Values>
[[noreturn]] void fail_check(const char* condition, const char* file, int line,
                             const Values&... values) {
  broken(condition, file, line, {show(values)...});
}

}  // namespace tightrope::check_internal

/// `TR_CHECK(pp > 0, pp)`: aborts with the values when the condition is false. Always armed.
#define TR_CHECK(condition, ...)                                                    \
  do {                                                                              \
    if (!(condition)) [[unlikely]] {                                                \
      ::tightrope::check_internal::fail_check(#condition, __FILE__,                 \
                                              __LINE__ __VA_OPT__(, ) __VA_ARGS__); \
    }                                                                               \
  } while (false)
