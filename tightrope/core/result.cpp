#include "tightrope/core/result.h"

namespace tightrope {

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::syntax: return "syntax";
    case ErrorCode::type: return "type";
    case ErrorCode::unit: return "unit";
    case ErrorCode::range: return "range";
    case ErrorCode::unknown_key: return "unknown_key";
    case ErrorCode::conflict: return "conflict";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::usage: return "usage";
    case ErrorCode::io: return "io";
  }
  return "?";
}

std::string to_string(const Error& error) {
  std::string text = error.where.file;
  if (error.where.line > 0) {
    text += ":" + std::to_string(error.where.line);
    if (error.where.column > 0) text += ":" + std::to_string(error.where.column);
  }
  if (!text.empty()) text += ": ";
  text += error.what;
  if (!error.hint.empty()) text += "\n  hint: " + error.hint;
  return text;
}

Failure fail(ErrorCode code, std::string what, Where where, std::string hint) {
  return Failure(Error{code, std::move(what), std::move(where), std::move(hint)});
}

}  // namespace tightrope
