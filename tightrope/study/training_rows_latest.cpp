// Which of a configuration's measurements is the one that counts.
#include <map>

#include "tightrope/study/training_rows.h"
#include "tightrope/study/training_rows_internal.h"

namespace tightrope::study {
namespace {

// Months since year 0, from "(2026-08)", "24.03", "2023"; for "which release is the latest".
double release_order(const TrainingRow& row) {
  const std::string& t = row.release;
  for (std::size_t i = 0; i + 7 <= t.size(); ++i) {
    if (t.compare(i, 2, "20") != 0 || t[i + 4] != '-') continue;
    const auto year = rows_internal::number_after(t.substr(i), "");
    const auto month = rows_internal::number_after(t.substr(i + 5), "");
    if (year && month && *year > 2000) return 12 * *year + *month;
  }
  return 12.0 * rows_internal::year_of(row);
}

}  // namespace

std::vector<bool> latest_rows(const std::vector<TrainingRow>& rows,
                              const std::vector<bool>& usable) {
  std::vector<bool> latest(rows.size(), true);
  std::map<std::string, std::size_t> best;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string& key = rows[i].config_key;
    if (key.empty() || !usable[i]) continue;
    const auto [at, fresh] = best.try_emplace(key, i);
    if (fresh) continue;
    const bool later = release_order(rows[i]) > release_order(rows[at->second]);
    latest[later ? at->second : i] = false;
    if (later) at->second = i;
  }
  return latest;
}

}  // namespace tightrope::study
