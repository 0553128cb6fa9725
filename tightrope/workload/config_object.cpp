#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/check.h"
#include "tightrope/workload/config_object_internal.h"

namespace tightrope::workload {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t max_depth = 64;
constexpr const char* syntax_hint = "give the config.json of a Hugging Face checkpoint";

/// Walks the text and tells how far the JSON lexer has come.
struct CountingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  const char** furthest = nullptr;

  reference operator*() const { return *at; }
  CountingIterator& operator++() {
    ++at;
    *furthest = at;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator old = *this;
    ++*this;
    return old;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.at == b.at;
  }
};

/// Notes where each key begins, and the first key that an object holds twice.
class KeyPositions : public nlohmann::json_sax<Json> {
 public:
  KeyPositions(const char* begin, const char** furthest) : begin_(begin), furthest_(furthest) {}

  bool null() override { return done(); }
  bool boolean(bool) override { return done(); }
  bool number_integer(number_integer_t) override { return done(); }
  bool number_unsigned(number_unsigned_t) override { return done(); }
  bool number_float(number_float_t, const string_t&) override { return done(); }
  bool string(string_t&) override { return done(); }
  bool binary(binary_t&) override { return done(); }
  bool start_object(std::size_t) override {
    seen_.emplace_back();
    return shallow();
  }
  bool key(string_t& name) override {
    path_.push_back(path_.empty() ? name : path_.back() + "." + name);
    const auto end = static_cast<std::size_t>(*furthest_ - begin_);
    const std::size_t start = end - std::min(end, name.size() + 2);
    if (!seen_.back().insert(name).second && twice.empty()) twice = path_.back();
    offsets[path_.back()] = start;
    return true;
  }
  bool end_object() override {
    seen_.pop_back();
    return done();
  }
  bool start_array(std::size_t) override {
    path_.push_back((path_.empty() ? std::string() : path_.back()) + "[]");
    seen_.emplace_back();
    return shallow();
  }
  bool end_array() override {
    path_.pop_back();
    seen_.pop_back();
    return done();
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

  std::map<std::string, std::size_t, std::less<>> offsets;
  std::string twice;
  bool too_deep = false;

 private:
  bool shallow() {
    too_deep = seen_.size() > max_depth;
    return !too_deep;
  }
  // A value has ended: its key is no longer open. Elements of an array close nothing.
  bool done() {
    if (!path_.empty() && !path_.back().ends_with("[]")) path_.pop_back();
    return true;
  }
  const char* begin_;
  const char** furthest_;
  std::vector<std::string> path_;
  std::vector<std::set<std::string>> seen_;
};

Where position(std::string_view text, const std::string& file, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto lines = std::ranges::count(before, '\n');
  const std::size_t last = before.rfind('\n');
  const std::size_t start = last == std::string_view::npos ? 0 : last + 1;
  return {file, static_cast<int>(lines) + 1, static_cast<int>(before.size() - start) + 1};
}

/// What a person calls the value.
std::string describe(const Json& value) {
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    return fmt::format("the text \"{}\"", text.substr(0, 40));
  }
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return value.dump();
}

std::optional<std::int64_t> as_integer(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto n = value.get<std::uint64_t>();
    if (n > (std::uint64_t{1} << 62)) return std::int64_t{1} << 62;
    return static_cast<std::int64_t>(n);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number_float()) {
    const double d = value.get<double>();
    if (d == std::floor(d) && std::abs(d) < 4e18) return static_cast<std::int64_t>(d);
  }
  return std::nullopt;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = corner + (a[i - 1] == b[j - 1] ? 0 : 1);
      corner = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

// The library's message without its own numbering and position.
std::string syntax_message(std::string_view what) {
  if (const std::size_t cut = what.find(" - "); cut != std::string_view::npos) {
    return std::string(what.substr(cut + 3));
  }
  const std::size_t cut = what.find("] ");
  return std::string(cut == std::string_view::npos ? what : what.substr(cut + 2));
}

std::string range_hint(std::int64_t value, Bounds bounds) {
  if (value < bounds.low) return fmt::format("counts start at {} here", bounds.low);
  return "no known model comes near; check the value";
}

}  // namespace

struct ConfigObject::State {
  Json root;
  std::string text;
  std::string file;
  std::map<std::string, std::size_t, std::less<>> offsets;
  std::optional<Error> error;

  [[nodiscard]] Where where(const std::string& path) const {
    const auto found = offsets.find(path);
    if (found == offsets.end()) return {file, 0, 0};
    return position(text, file, found->second);
  }
};

ConfigObject::ConfigObject(std::shared_ptr<State> state, const void* node, std::string path)
    : state_(std::move(state)), node_(node), path_(std::move(path)) {}

Result<ConfigObject> ConfigObject::parse(std::string_view text, const std::string& file) {
  auto state = std::make_shared<State>();
  state->text = std::string(text);
  state->file = file;
  const char* begin = state->text.data();
  const char* furthest = begin;
  KeyPositions keys(begin, &furthest);
  try {
    const bool sound = Json::sax_parse(CountingIterator{begin, &furthest},
                                       CountingIterator{begin + text.size(), &furthest}, &keys);
    const auto reached = static_cast<std::size_t>(furthest - begin);
    if (keys.too_deep) {
      return tightrope::fail(ErrorCode::syntax,
                             fmt::format("nested deeper than {} levels", max_depth),
                             position(text, file, reached), syntax_hint);
    }
    state->root = Json::parse(state->text);
    TR_CHECK(sound);
    state->offsets = std::move(keys.offsets);
    if (!keys.twice.empty()) {
      return tightrope::fail(ErrorCode::conflict, fmt::format("'{}' is given twice", keys.twice),
                             state->where(keys.twice), "keep one of the two");
    }
  } catch (const Json::parse_error& e) {
    const std::size_t at = e.byte > 0 ? e.byte - 1 : 0;
    return tightrope::fail(ErrorCode::syntax, "not JSON: " + syntax_message(e.what()),
                           position(text, file, at), syntax_hint);
  } catch (const Json::exception& e) {
    const auto reached =
        static_cast<std::size_t>(std::max(furthest - begin - 1, std::ptrdiff_t{0}));
    return tightrope::fail(ErrorCode::syntax, "not JSON: " + syntax_message(e.what()),
                           position(text, file, reached), syntax_hint);
  }
  if (!state->root.is_object()) {
    return tightrope::fail(ErrorCode::type,
                           "expected an object of keys, found " + describe(state->root),
                           {file, 1, 1}, syntax_hint);
  }
  const void* root = &state->root;
  return ConfigObject(std::move(state), root, "");
}

const void* ConfigObject::find(std::string_view key) const {
  const Json& node = *static_cast<const Json*>(node_);
  const auto found = node.find(key);
  return found == node.end() ? nullptr : &*found;
}

bool ConfigObject::present(std::string_view key) const { return find(key) != nullptr; }

bool ConfigObject::has(std::string_view key) const {
  const void* value = find(key);
  return value != nullptr && !static_cast<const Json*>(value)->is_null();
}

std::string_view ConfigObject::first_of(std::initializer_list<std::string_view> keys) const {
  for (const std::string_view key : keys) {
    if (has(key)) return key;
  }
  return *keys.begin();
}

std::vector<std::string> ConfigObject::keys() const {
  std::vector<std::string> names;
  for (const auto& item : static_cast<const Json*>(node_)->items()) names.push_back(item.key());
  return names;
}

void ConfigObject::fail(ErrorCode code, std::string_view key, std::string what,
                        std::string hint) const {
  if (state_->error) return;
  const std::string path = path_ + std::string(key);
  Where where = state_->where(path);
  if (where.line == 0 && !path_.empty()) {
    where = state_->where(path_.substr(0, path_.size() - 1));
  }
  state_->error = Error{code, std::move(what), std::move(where), std::move(hint)};
}

bool ConfigObject::failed() const { return state_->error.has_value(); }

const Error& ConfigObject::error() const {
  TR_CHECK(state_->error.has_value());
  return *state_->error;
}

const void* ConfigObject::required(std::string_view key, std::string_view wanted) const {
  const void* value = find(key);
  if (value == nullptr) {
    const std::string near = nearest(key, keys());
    fail(ErrorCode::unknown_key, key,
         fmt::format("'{}{}' is missing, expected {}", path_, key, wanted),
         near.empty() ? fmt::format("add \"{}\"", key)
                      : fmt::format("did you mean '{}' to be '{}'?", near, key));
    return nullptr;
  }
  if (static_cast<const Json*>(value)->is_null()) {
    fail(ErrorCode::type, key, fmt::format("'{}{}' is null, expected {}", path_, key, wanted),
         "this family needs a value");
    return nullptr;
  }
  return value;
}

std::int64_t ConfigObject::integer(std::string_view key, Bounds bounds) const {
  const void* value = required(key, "a whole number");
  if (value == nullptr) return bounds.low;
  const Json& json = *static_cast<const Json*>(value);
  const auto n = as_integer(json);
  if (!n) {
    fail(ErrorCode::type, key,
         fmt::format("'{}{}' must be a whole number, found {}", path_, key, describe(json)),
         json.is_string() ? "write the number without quotes" : "give one whole number");
    return bounds.low;
  }
  if (*n < bounds.low || *n > bounds.high) {
    fail(ErrorCode::range, key,
         fmt::format("'{}{}' is {}, expected {} to {}", path_, key, json.dump(), bounds.low,
                     bounds.high),
         range_hint(*n, bounds));
    return bounds.low;
  }
  return *n;
}

std::int64_t ConfigObject::integer_or(std::string_view key, std::int64_t absent,
                                      Bounds bounds) const {
  return has(key) ? integer(key, bounds) : absent;
}

bool ConfigObject::flag_or(std::string_view key, bool absent) const {
  if (!has(key)) return absent;
  const Json& json = *static_cast<const Json*>(find(key));
  if (json.is_boolean()) return json.get<bool>();
  fail(ErrorCode::type, key,
       fmt::format("'{}{}' must be true or false, found {}", path_, key, describe(json)),
       "write true or false, without quotes");
  return absent;
}

std::string ConfigObject::text_or(std::string_view key, std::string absent) const {
  if (!has(key)) return absent;
  const Json& json = *static_cast<const Json*>(find(key));
  if (json.is_string()) return json.get<std::string>();
  fail(ErrorCode::type, key,
       fmt::format("'{}{}' must be a text, found {}", path_, key, describe(json)),
       "write it in double quotes");
  return absent;
}

std::vector<std::int64_t> ConfigObject::integers(std::string_view key) const {
  std::vector<std::int64_t> values;
  if (!has(key)) return values;
  const Json& json = *static_cast<const Json*>(find(key));
  if (!json.is_array()) {
    fail(
        ErrorCode::type, key,
        fmt::format("'{}{}' must be a list of whole numbers, found {}", path_, key, describe(json)),
        "write it in square brackets");
    return values;
  }
  for (const Json& item : json) {
    const auto n = as_integer(item);
    if (!n) {
      fail(ErrorCode::type, key,
           fmt::format("'{}{}' must be a list of whole numbers, but holds {}", path_, key,
                       describe(item)),
           "write numbers without quotes");
      return values;
    }
    values.push_back(*n);
  }
  return values;
}

std::vector<std::string> ConfigObject::texts(std::string_view key) const {
  std::vector<std::string> values;
  if (!has(key)) return values;
  const Json& json = *static_cast<const Json*>(find(key));
  const bool ok = json.is_array() &&
                  std::ranges::all_of(json, [](const Json& item) { return item.is_string(); });
  if (!ok) {
    fail(ErrorCode::type, key,
         fmt::format("'{}{}' must be a list of texts, found {}", path_, key, describe(json)),
         "write texts in double quotes, within square brackets");
    return values;
  }
  for (const Json& item : json) values.push_back(item.get<std::string>());
  return values;
}

ConfigObject ConfigObject::object(std::string_view key) const {
  const void* value = required(key, "an object");
  if (value == nullptr) return *this;
  const Json& json = *static_cast<const Json*>(value);
  if (!json.is_object()) {
    fail(ErrorCode::type, key,
         fmt::format("'{}{}' must be an object, found {}", path_, key, describe(json)),
         "write its keys in braces");
    return *this;
  }
  return ConfigObject(state_, value, path_ + std::string(key) + ".");
}

std::string nearest(std::string_view text, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = text.size() / 4 + 1;
  for (const std::string& name : known) {
    const std::size_t distance = edit_distance(text, name);
    if (distance < best_distance) {
      best_distance = distance;
      best = name;
    }
  }
  return best;
}

}  // namespace tightrope::workload
