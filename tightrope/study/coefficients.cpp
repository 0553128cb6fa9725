#include "tightrope/study/coefficients.h"

#include <filesystem>

#include <fmt/format.h>

#include "tightrope/core/csv.h"
#include "tightrope/core/embedded.h"
#include "tightrope/core/hash.h"

namespace tightrope {
std::vector<EmbeddedFile> embedded_calibration();  // written by cmake/embed.cmake
}  // namespace tightrope

namespace tightrope::study {
namespace {

std::string hex(std::uint64_t hash) { return fmt::format("{:016x}", hash); }

bool stands(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// Reads one file into `out` and its hash; the file's name says which part it is.
Result<void> read_part(const std::filesystem::path& path, bool kernels, Coefficients& out,
                       std::uint64_t& hash) {
  TR_TRY(const std::string text, read_file(path.string()));
  hash = fnv1a(text, fnv1a(kernels ? "kernels.toml" : "training.toml", hash));
  if (kernels) {
    TR_TRY(out.kernels, formula::Calibration::parse(text, path.string()));
  } else {
    TR_TRY(out.tuning, step::TuningTable::parse(text, path.string()));
  }
  return {};
}

}  // namespace

const Coefficients& embedded_coefficients() {
  static const Coefficients all = [] {
    std::uint64_t hash = fnv1a_start;
    for (const EmbeddedFile& file : embedded_calibration()) {
      hash = fnv1a(file.text, fnv1a(file.path, hash));
    }
    return Coefficients{formula::embedded_calibration(), step::TuningTable::embedded(), hex(hash)};
  }();
  return all;
}

Result<std::shared_ptr<const Coefficients>> read_coefficients(const std::string& path) {
  auto out = std::make_shared<Coefficients>(embedded_coefficients());
  std::uint64_t hash = fnv1a_start;
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) {
    TR_TRY_VOID(read_part(path, false, *out, hash));
  } else {
    const std::filesystem::path kernels = std::filesystem::path(path) / "kernels.toml";
    const std::filesystem::path training = std::filesystem::path(path) / "training.toml";
    if (!stands(kernels) && !stands(training)) {
      return fail(ErrorCode::not_found, "neither kernels.toml nor training.toml", {path},
                  "`tightrope calibrate --data DIR --out DIR` writes both");
    }
    if (stands(kernels)) TR_TRY_VOID(read_part(kernels, true, *out, hash));
    if (stands(training)) TR_TRY_VOID(read_part(training, false, *out, hash));
  }
  out->hash = hex(hash);
  return std::shared_ptr<const Coefficients>(std::move(out));
}

const Coefficients& coefficients_or_embedded(const std::shared_ptr<const Coefficients>& own) {
  return own ? *own : embedded_coefficients();
}

}  // namespace tightrope::study
