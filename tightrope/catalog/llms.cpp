// The architecture files that travel with the catalog.
#include <fmt/format.h>

#include "tightrope/catalog/catalog.h"
#include "tightrope/catalog/names.h"
#include "tightrope/core/embedded.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_catalog();  // written by cmake/embed.cmake
}

namespace tightrope::catalog {
namespace {

constexpr std::string_view folder = "llms/";
constexpr std::string_view ending = ".json";

/// "llms/llama3-8b.json" -> "llama3-8b"; empty for other files.
std::string_view llm_name(std::string_view path) {
  if (!path.starts_with(folder) || !path.ends_with(ending)) return {};
  path.remove_prefix(folder.size());
  path.remove_suffix(ending.size());
  return path;
}

}  // namespace

Result<std::string> llm_config(std::string_view name) {
  const std::string wanted = folded(name);
  for (const EmbeddedFile& file : embedded_catalog()) {
    const std::string_view known = llm_name(file.path);
    if (!known.empty() && folded(known) == wanted) return std::string(file.text);
  }
  std::string hint = did_you_mean(near_names(name, llm_names()));
  if (hint.empty()) hint = "`tightrope catalog list llms` names them all";
  return fail(ErrorCode::not_found, fmt::format("no model \"{}\" in the catalog", name), {},
              std::move(hint));
}

std::vector<std::string> llm_names() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : embedded_catalog()) {
    const std::string_view name = llm_name(file.path);
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

}  // namespace tightrope::catalog
