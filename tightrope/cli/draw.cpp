#include "tightrope/cli/draw.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "tightrope/core/csv.h"

namespace tightrope::cli {
namespace {

std::string run(const std::string& command) {
  struct Close {
    void operator()(std::FILE* pipe) const { pclose(pipe); }
  };
  const std::unique_ptr<std::FILE, Close> pipe(popen(command.c_str(), "r"));
  std::string text;
  if (!pipe) return text;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) {
    text.append(buffer.data(), n);
  }
  return text;
}

}  // namespace

Result<std::string> draw(const std::string& script) {
  namespace fs = std::filesystem;
  std::error_code failed;
  const fs::path folder = fs::temp_directory_path(failed);
  if (failed) return fail(ErrorCode::io, "no folder for temporary files");
  const fs::path file = folder / fmt::format("tightrope-{}.gp", getpid());
  TR_TRY_VOID(write_file(file.string(), script));
  std::string svg = run(fmt::format("gnuplot '{}' 2>/dev/null", file.string()));
  fs::remove(file, failed);
  if (svg.find("</svg>") == std::string::npos) {
    return fail(ErrorCode::not_found, "no chart: gnuplot is not installed", {},
                "apt-get install gnuplot-nox");
  }
  return svg;
}

}  // namespace tightrope::cli
