// The cache of speeds as a file of JSON.
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tightrope/core/csv.h"
#include "tightrope/procure_study/throughput.h"

namespace tightrope::procure_study {
namespace {

using nlohmann::json;

constexpr const char* schema = "tightrope.procure_speeds/1";

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

Result<void> SpeedCache::read(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  TR_TRY(const std::string text, read_file(path));
  const Failure broken =
      fail(ErrorCode::syntax, fmt::format("\"{}\" is no cache of speeds", path), {path, 0, 0},
           "name another file, or remove this one: it is written anew");
  try {
    const json root = json::parse(text);
    if (root.at("schema") != schema) return broken;
    for (const auto& [key, speed] : root.at("speeds").items()) speeds_[key] = read_back(speed);
  } catch (const json::exception&) {
    return broken;
  }
  return {};
}

Result<void> SpeedCache::write(const std::string& path) const {
  json root = {{"schema", schema}, {"speeds", json::object()}};
  for (const auto& [key, speed] : speeds_) root["speeds"][key] = written(speed);
  return write_file(path, root.dump(1) + "\n");
}

}  // namespace tightrope::procure_study
