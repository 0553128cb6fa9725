// Bad input is a value: Result<T> holds either the answer or one Error a stranger can act on.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace tightrope {

/// A place in a text the user gave us. `line` and `column` count from 1; 0 means unknown.
struct Where {
  std::string file;
  int line = 0;
  int column = 0;
};

enum class ErrorCode {
  not_found,    ///< a file, name or key that is not there
  syntax,       ///< text that is not TOML, JSON or CSV
  type,         ///< a value of the wrong kind
  unit,         ///< a quantity with a missing, ambiguous or wrong unit
  range,        ///< a value outside its valid range
  unknown_key,  ///< a key nobody reads
  conflict,     ///< values that contradict each other
  unsupported,  ///< understood, but outside what Tightrope models
  usage,        ///< a command line that cannot be carried out
  io,           ///< the operating system said no
};

/// One clear error: what was expected and found, where, and what to do about it.
struct Error {
  ErrorCode code = ErrorCode::usage;
  std::string what;
  Where where;
  std::string hint;
};

/// `file:line:column: what` and, on a second line, `hint: ...`; unknown parts are left out.
[[nodiscard]] std::string to_string(const Error& error);
[[nodiscard]] const char* to_string(ErrorCode code);

template <class T>
using Result = std::expected<T, Error>;

using Failure = std::unexpected<Error>;

/// Shorthand: `return fail(ErrorCode::range, "...", where, "...")`.
[[nodiscard]] Failure fail(ErrorCode code, std::string what, Where where = {},
                           std::string hint = {});

}  // namespace tightrope

#define TR_CONCAT_INNER(a, b) a##b
#define TR_CONCAT(a, b) TR_CONCAT_INNER(a, b)
#define TR_TRY_IMPL(tmp, decl, ...)                              \
  auto tmp = (__VA_ARGS__);                                      \
  if (!tmp) return ::tightrope::Failure(std::move(tmp).error()); \
  decl = std::move(tmp).value()
/// `TR_TRY(auto x, f());` returns f's error from the enclosing function or binds its value.
#define TR_TRY(decl, ...) TR_TRY_IMPL(TR_CONCAT(tr_try_, __LINE__), decl, __VA_ARGS__)
/// The same for a Result<void>.
#define TR_TRY_VOID(...)                              \
  if (auto tr_try_void = (__VA_ARGS__); !tr_try_void) \
  return ::tightrope::Failure(std::move(tr_try_void).error())
