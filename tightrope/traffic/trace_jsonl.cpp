#include <algorithm>
#include <initializer_list>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/hash.h"
#include "tightrope/traffic/random.h"
#include "tightrope/traffic/trace_internal.h"

namespace tightrope::traffic {
namespace {

using Json = nlohmann::json;
using Names = std::initializer_list<const char*>;

constexpr Names input_names = {"input_length", "prompt_len",    "prompt_length", "input_len",
                               "input_tokens", "prompt_tokens", "input_toks",    "ContextTokens"};
constexpr Names output_names = {"output_length",    "output_len",        "output_tokens",
                                "generated_tokens", "completion_tokens", "output_toks",
                                "GeneratedTokens"};
constexpr Names input_lists = {"input_tok_ids", "prompt_token_ids"};
constexpr Names output_lists = {"output_tok_ids", "output_token_ids"};
constexpr Names session_names = {"session_id", "session", "conversation_id"};

struct TimeName {
  const char* name;
  double unit_ns;
};
constexpr TimeName time_names[] = {
    {"timestamp", 1e6},       {"arrival_s", 1e9},  {"arrival_time", 1e9},
    {"arrival_time_s", 1e9},  {"arrival_ms", 1e6}, {"arrival_time_ms", 1e6},
    {"arrival_time_ns", 1.0}, {"arrival_ns", 1.0}, {"TIMESTAMP", 1e9}};

constexpr int token_block = 16;  // of prompts given as token ids: a block of vLLM

// One line of a file.
struct Line {
  const Json& json;
  Where where;

  [[nodiscard]] const Json* first_of(Names names, const char** found = nullptr) const {
    for (const char* name : names) {
      const auto at = json.find(name);
      if (at == json.end() || at->is_null()) continue;
      if (found != nullptr) *found = name;
      return &*at;
    }
    return nullptr;
  }
};

std::string shown(const Json& value) {
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 40 ? text.substr(0, 40) + "..." : text;
}

Result<std::int64_t> whole(const Line& line, const char* name, const Json& value) {
  if (value.is_number_integer() &&
      !(value.is_number_unsigned() && value.get<std::uint64_t>() > (std::uint64_t{1} << 62))) {
    return value.get<std::int64_t>();
  }
  return fail(ErrorCode::type,
              fmt::format("\"{}\": expected a whole number, found {}", name, shown(value)),
              line.where);
}

Result<std::int64_t> tokens(const Line& line, const char* what, Names names, Names lists) {
  const char* name = nullptr;
  if (const Json* value = line.first_of(names, &name)) return whole(line, name, *value);
  if (const Json* list = line.first_of(lists, &name)) {
    if (list->is_array()) return static_cast<std::int64_t>(list->size());
    return fail(ErrorCode::type, fmt::format("\"{}\": expected a list of token ids", name),
                line.where);
  }
  for (const char* text : {"conversations", "messages", "prompt", "text"}) {
    if (!line.json.contains(text)) continue;
    return fail(ErrorCode::unsupported,
                fmt::format("\"{}\" holds text, expected {} as a number of tokens", text, what),
                line.where,
                "write input_tokens and output_tokens, a request a line, as the model's tokenizer "
                "counts them: len(tokenizer.encode(text)) in transformers");
  }
  return fail(ErrorCode::unknown_key, fmt::format("the {} is missing", what), line.where,
              fmt::format("one of {}", fmt::join(names, ", ")));
}

// Nothing where the line tells no time.
Result<std::optional<std::int64_t>> arrival(const Line& line) {
  for (const TimeName& time : time_names) {
    const auto found = line.json.find(time.name);
    if (found == line.json.end()) continue;
    std::optional<std::int64_t> ns;
    if (found->is_number_unsigned() && time.unit_ns == 1.0) {
      const auto value = found->get<std::uint64_t>();
      if (value < (std::uint64_t{1} << 63)) ns = static_cast<std::int64_t>(value);
    } else if (found->is_number()) {
      ns = to_ns(found->get<double>(), time.unit_ns);
    } else if (found->is_string()) {
      ns = date_ns(found->get_ref<const std::string&>());
    }
    if (ns) return ns;
    return fail(ErrorCode::type,
                fmt::format("\"{}\": expected a time from 0 on or a date, found {}", time.name,
                            shown(*found)),
                line.where, "timestamp counts milliseconds, arrival_s seconds");
  }
  return std::optional<std::int64_t>();
}

Result<void> add_hashes(const Line& line, const Json& hashes, TraceBuilder& builder) {
  if (!hashes.is_array()) {
    return fail(ErrorCode::type, "\"hash_ids\": expected a list of numbers", line.where);
  }
  const int block = builder.trace.block_tokens;
  const std::int64_t most = (builder.trace.requests.back().input + block - 1) / block;
  if (static_cast<std::int64_t>(hashes.size()) > most) {
    return fail(ErrorCode::conflict,
                fmt::format("{} hash_ids, but {} tokens are {} blocks of {}", hashes.size(),
                            builder.trace.requests.back().input, most, block),
                line.where, "give \"block_tokens\" when blocks are smaller");
  }
  for (const Json& hash : hashes) {
    if (!hash.is_number_integer()) {
      return fail(ErrorCode::type,
                  fmt::format("\"hash_ids\": expected whole numbers, found {}", shown(hash)),
                  line.where);
    }
    builder.add_block(hash.is_number_unsigned()
                          ? hash.get<std::uint64_t>()
                          : static_cast<std::uint64_t>(hash.get<std::int64_t>()));
  }
  return {};
}

// A block's id stands for all tokens up to its end.
Result<void> add_token_blocks(const Line& line, const Json& ids, TraceBuilder& builder) {
  std::uint64_t hash = fnv1a_start;
  std::size_t count = 0;
  for (const Json& id : ids) {
    if (!id.is_number_integer()) {
      return fail(ErrorCode::type,
                  fmt::format("expected token ids as whole numbers, found {}", shown(id)),
                  line.where);
    }
    hash = mix(hash ^ static_cast<std::uint64_t>(id.get<std::int64_t>())) + 1;
    ++count;
    if (count % token_block == 0 || count == ids.size()) builder.add_block(hash);
  }
  return {};
}

Result<void> set_block_tokens(const Line& line, int block, TraceBuilder& builder) {
  if (!builder.trace.blocks.empty() && block != builder.trace.block_tokens) {
    return fail(
        ErrorCode::conflict,
        fmt::format("blocks of {} tokens after blocks of {}", block, builder.trace.block_tokens),
        line.where, "all requests of a trace share one size of block");
  }
  builder.trace.block_tokens = block;
  return {};
}

Result<void> add_blocks(const Line& line, TraceBuilder& builder) {
  const Json* hashes = line.first_of({"hash_ids"});
  const Json* ids = line.first_of(input_lists);
  if (hashes == nullptr && ids == nullptr) return {};
  std::int64_t block = hashes != nullptr ? 512 : token_block;
  if (const Json* said = line.first_of({"block_tokens"}); said != nullptr && hashes != nullptr) {
    TR_TRY(block, whole(line, "block_tokens", *said));
    if (block < 1 || block > (1 << 20)) {
      return fail(ErrorCode::range, fmt::format("blocks of {} tokens", block), line.where,
                  "expected 1 to 1048576");
    }
  }
  TR_TRY_VOID(set_block_tokens(line, static_cast<int>(block), builder));
  if (hashes != nullptr) return add_hashes(line, *hashes, builder);
  return add_token_blocks(line, *ids, builder);
}

Result<void> add_line(const Line& line, TraceBuilder& builder) {
  if (!line.json.is_object()) {
    return fail(ErrorCode::syntax, "expected an object, one request a line", line.where,
                "a list becomes lines by: jq -c '.[]' FILE");
  }
  if (line.json.contains("sub_requests")) {
    return fail(ErrorCode::unsupported,
                "\"sub_requests\" wait for earlier answers; a trace needs arrival times",
                line.where, "write one line a request, with its own arrival and session_id");
  }
  TR_TRY(const std::int64_t input, tokens(line, "prompt's length", input_names, input_lists));
  TR_TRY(const std::int64_t output, tokens(line, "answer's length", output_names, output_lists));
  TR_TRY(const std::optional<std::int64_t> at, arrival(line));
  TR_TRY_VOID(builder.add(line.where.line, at, input, output));
  if (const Json* session = line.first_of(session_names)) {
    builder.set_session(session->is_string() ? session->get<std::string>() : session->dump());
  }
  return add_blocks(line, builder);
}

// The only function that calls the library's parser.
Result<Json> parse_line(std::string_view text, const Where& where) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    std::string_view what = error.what();
    if (const auto cut = what.rfind(": "); cut != std::string_view::npos)
      what.remove_prefix(cut + 2);
    return fail(ErrorCode::syntax, fmt::format("not a JSON object: {}", what), where,
                text.starts_with("[") ? "a list becomes lines by: jq -c '.[]' FILE"
                                      : "one whole object a line");
  }
}

}  // namespace

Result<Trace> parse_json_lines(std::string_view text, const std::string& name) {
  TraceBuilder builder(name);
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const Where where{name, number, 0};
    TR_TRY(const Json json, parse_line(line, where));
    TR_TRY_VOID(add_line({json, where}, builder));
  }
  return std::move(builder).finish();
}

}  // namespace tightrope::traffic
