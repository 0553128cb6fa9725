// Reading a catalog folder of the user's.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

#include "tightrope/catalog/loader.h"

namespace tightrope::catalog {
namespace {

namespace fs = std::filesystem;

/// Relative paths of the regular files under `dir`, hidden ones left out, in name order.
Result<std::vector<std::string>> files_under(const std::string& dir) {
  std::vector<std::string> paths;
  std::error_code status;
  fs::recursive_directory_iterator it(dir, status);
  if (status) {
    return fail(ErrorCode::io, fmt::format("cannot read this folder: {}", status.message()),
                {dir, 0, 0}, "see that it may be read");
  }
  const fs::recursive_directory_iterator end;
  while (it != end) {
    const bool hidden = it->path().filename().string().starts_with(".");
    std::error_code ignored;
    if (hidden && it->is_directory(ignored)) it.disable_recursion_pending();
    if (!hidden && it->is_regular_file(ignored)) {
      paths.push_back(it->path().lexically_relative(dir).generic_string());
    }
    it.increment(status);
    if (status) {
      return fail(ErrorCode::io, fmt::format("cannot read this folder: {}", status.message()),
                  {dir, 0, 0}, "see that it may be read");
    }
  }
  std::ranges::sort(paths);
  return paths;
}

bool is_prose(const std::string& path) {
  return path.ends_with(".md") || path.ends_with(".txt") ||
         (path.starts_with("llms/") && path.ends_with(".json"));
}

}  // namespace

Result<Folder> read_folder(const std::string& dir) {
  std::error_code status;
  if (!fs::is_directory(dir, status)) {
    return fail(ErrorCode::not_found, "there is no such folder", {dir, 0, 0},
                "a catalog folder holds sources.toml, chips/, systems/, prices/, regions/ or "
                "claims/");
  }
  TR_TRY(const std::vector<std::string> paths, files_under(dir));
  Folder folder;
  folder.texts.reserve(paths.size());
  for (const std::string& path : paths) {
    const std::string shown = (fs::path(dir) / path).generic_string();
    if (is_prose(path)) continue;
    if (!path.ends_with(".toml")) {
      folder.faults.push_back({ErrorCode::unsupported,
                               "not a catalog file",
                               {shown, 0, 0},
                               "a catalog holds .toml files (notes may be .md or .txt)"});
      continue;
    }
    std::ifstream in(shown, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    if (!in) {
      return fail(ErrorCode::io, "cannot read this file", {shown, 0, 0}, "see that it may be read");
    }
    folder.texts.push_back(std::move(text).str());
    folder.files.push_back({path, shown, folder.texts.back()});
  }
  if (folder.files.empty()) {
    return fail(ErrorCode::not_found, "no .toml file in this folder", {dir, 0, 0},
                "a catalog folder holds sources.toml, chips/, systems/, prices/, regions/ or "
                "claims/");
  }
  return folder;
}

}  // namespace tightrope::catalog
