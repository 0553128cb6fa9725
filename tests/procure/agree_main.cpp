// agree_main FOLDER COUNT [highs]: writes COUNT generated scenarios' programs as MPS and prints a
// line each: path, objective by CBC (or by the HiGHS that was built in) in the program's unit.
#include <cstdlib>
#include <iostream>
#include <string>

#include <fmt/format.h>

#include "tightrope/procure/plan.h"
#include "tightrope/procure/test_scenarios.h"

int main(int argc, char** argv) {
  using namespace tightrope;
  using namespace tightrope::procure;
  if (argc != 3 && argc != 4) return 2;
  const milp::Backend backend = argc == 4 ? milp::Backend::highs : milp::Backend::cbc;
  const int count = std::atoi(argv[2]);
  for (int n = 1; n <= count; ++n) {
    GeneratedSize size{.quarters = 3, .systems = 3 + n % 2, .workloads = 2 + n % 2, .sites = 2};
    size.futures = n % 4 == 0 ? 2 : 0;
    size.seed = static_cast<std::uint64_t>(n);
    size.leases = n % 2 == 0 ? 2 : 0;
    Scenario s = generated(size);
    if (n % 3 == 0) s.own_share = 0.25;
    if (n % 4 == 0) s.cvar_weight = 0.4;
    const std::string path = fmt::format("{}/agree_{}.mps", argv[1], n);
    const auto written = write_program(s, milp::ModelFormat::mps, path);
    const auto answer = optimize(s, {.backend = backend, .gap = 1e-8, .duals = false});
    if (!written || !answer || answer->plan.ordered.empty()) return 1;
    std::cout << fmt::format("{} {:.12g}\n", path, answer->objective / 1e6);
  }
  return 0;
}
