// Models that the tests of this room read from the repository's own files.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tightrope/core/csv.h"
#include "tightrope/workload/hf_config.h"

namespace tightrope::workload {

inline std::string source_path(const std::string& relative) {
  return std::string(TIGHTROPE_SOURCE_DIR) + "/" + relative;
}

inline std::string text_of(const std::string& path) {
  const auto text = read_file(path);
  EXPECT_TRUE(text.has_value()) << path;
  return text.value_or("");
}

/// examples/configs/<name>/config.json
inline Model public_model(const std::string& name) {
  const std::string path = source_path("examples/configs/" + name + "/config.json");
  const auto model = read_hf_config(text_of(path), path);
  EXPECT_TRUE(model.has_value()) << (model ? "" : to_string(model.error()));
  return model.value_or(Model());
}

/// catalog/llms/<key>.json
inline Model catalog_model(const std::string& key) {
  const std::string path = source_path("catalog/llms/" + key + ".json");
  const auto model = read_hf_config(text_of(path), path);
  EXPECT_TRUE(model.has_value()) << (model ? "" : to_string(model.error()));
  return model.value_or(Model());
}

/// Files in a folder of the repository whose names end so, sorted.
inline std::vector<std::string> files_in(const std::string& folder, const std::string& ending) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_path(folder))) {
    if (entry.path().string().ends_with(ending)) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace tightrope::workload
