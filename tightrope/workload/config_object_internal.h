// A JSON object of a config file, read key by key. The only door to the JSON library in this room.
//
// The first fault is remembered and every later read returns a harmless value, so that readers
// stay flat; callers look at `failed()` before they build on what they read.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tightrope/core/result.h"

namespace tightrope::workload {

/// Valid range of an integer, both ends included.
struct Bounds {
  std::int64_t low = 1;
  std::int64_t high = std::int64_t{1} << 22;
};

class ConfigObject {
 public:
  struct State;

  /// Errors: syntax (with line and column), type when the root is no object, conflict for a key
  /// given twice.
  [[nodiscard]] static Result<ConfigObject> parse(std::string_view text, const std::string& file);

  [[nodiscard]] bool has(std::string_view key) const;      ///< present and not null
  [[nodiscard]] bool present(std::string_view key) const;  ///< present, maybe null
  /// The first of these keys that has a value; the first of all when none has.
  [[nodiscard]] std::string_view first_of(std::initializer_list<std::string_view> keys) const;
  [[nodiscard]] std::vector<std::string> keys() const;  ///< in file order

  [[nodiscard]] std::int64_t integer(std::string_view key, Bounds bounds = {}) const;
  [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t absent,
                                        Bounds bounds = {}) const;
  [[nodiscard]] bool flag_or(std::string_view key, bool absent) const;
  [[nodiscard]] std::string text_or(std::string_view key, std::string absent) const;
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;
  /// The object under a key, or this object when it is absent or no object (a fault).
  [[nodiscard]] ConfigObject object(std::string_view key) const;

  /// Records a fault at a key of this object (or at the object when the key is absent).
  void fail(ErrorCode code, std::string_view key, std::string what, std::string hint = {}) const;
  [[nodiscard]] bool failed() const;
  [[nodiscard]] const Error& error() const;

 private:
  ConfigObject(std::shared_ptr<State> state, const void* node, std::string path);
  [[nodiscard]] const void* find(std::string_view key) const;
  const void* required(std::string_view key, std::string_view wanted) const;

  std::shared_ptr<State> state_;
  const void* node_;  ///< a JSON object inside state_
  std::string path_;  ///< "" at the root, else "text_config."
};

/// The text among `known` nearest to `text`, or empty when none is near.
[[nodiscard]] std::string nearest(std::string_view text, const std::vector<std::string>& known);

}  // namespace tightrope::workload
