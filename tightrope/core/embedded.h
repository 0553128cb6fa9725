// Files that travel inside the binary (cmake/embed.cmake).
#pragma once

#include <string_view>

namespace tightrope {

/// One embedded file: its path relative to the embedded root, and its text. Lives forever.
struct EmbeddedFile {
  std::string_view path;
  std::string_view text;
};

}  // namespace tightrope
