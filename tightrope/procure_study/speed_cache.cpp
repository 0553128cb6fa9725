// The cache of speeds as a file of JSON.
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/csv.h"
#include "tightrope/procure_study/throughput.h"

namespace tightrope::procure_study {
namespace {

using nlohmann::json;

constexpr const char* any_schema = "tightrope.procure_speeds/";
constexpr const char* schema = "tightrope.procure_speeds/2";

json written(const Speed& s) {
  return {{"feasible", s.feasible},
          {"reason", s.reason},
          {"tokens_per_s_chip", s.of_chip.raw()},
          {"energy_j_per_token", s.energy.raw()},
          {"low90", s.low90},
          {"high90", s.high90},
          {"memory_share", s.memory_share},
          {"chips", s.chips},
          {"format", s.format},
          {"mapping", s.mapping}};
}

Speed read_back(const json& j) {
  Speed s;
  s.feasible = j.at("feasible").get<bool>();
  s.reason = j.at("reason").get<std::string>();
  s.of_chip = TokensPerSecond(j.at("tokens_per_s_chip").get<double>());
  s.energy = JoulesPerToken(j.at("energy_j_per_token").get<double>());
  s.low90 = j.at("low90").get<double>();
  s.high90 = j.at("high90").get<double>();
  s.memory_share = j.at("memory_share").get<double>();
  s.chips = j.at("chips").get<int>();
  s.format = j.at("format").get<std::string>();
  s.mapping = j.at("mapping").get<std::string>();
  return s;
}

}  // namespace

const Speed* SpeedCache::find(const std::string& key) const {
  const auto found = speeds_.find(key);
  return found == speeds_.end() ? nullptr : &found->second;
}

Result<int> SpeedCache::read(const std::string& path, const std::string& program) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return 0;
  TR_TRY(const std::string text, read_file(path));
  const Failure broken =
      fail(ErrorCode::syntax, fmt::format("\"{}\" is no cache of speeds", path), {path, 0, 0},
           "name another file, or remove this one: it is written anew");
  try {
    const json root = json::parse(text);
    const std::string of = root.at("schema").get<std::string>();
    if (!of.starts_with(any_schema)) return broken;
    if (of != schema || root.at("program") != program) {
      return static_cast<int>(root.at("speeds").size());
    }
    for (const auto& [key, speed] : root.at("speeds").items()) {
      if (!speeds_.contains(key)) speeds_[key] = read_back(speed);
    }
  } catch (const json::exception&) {
    return broken;
  }
  return 0;
}

Result<void> SpeedCache::write(const std::string& path, const std::string& program,
                               const std::string& scratch) const {
  SpeedCache all = *this;
  TR_TRY_VOID(all.read(path, program));
  json root = {{"schema", schema}, {"program", program}, {"speeds", json::object()}};
  for (const auto& [key, speed] : all.speeds_) root["speeds"][key] = written(speed);
  const std::string first = path + scratch;
  TR_TRY_VOID(write_file(first, root.dump(1) + "\n"));
  std::error_code failed;
  std::filesystem::rename(first, path, failed);
  if (!failed) return {};
  std::error_code ignored;
  std::filesystem::remove(first, ignored);
  return fail(ErrorCode::io, fmt::format("cannot write \"{}\": {}", path, failed.message()));
}

}  // namespace tightrope::procure_study
