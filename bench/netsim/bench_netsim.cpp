// Times the flow engine beside SimGrid, on the same hosts, routes and flows, and beside ASTRA-sim's
// analytical back end on the shapes it has. Answers are compared before any time is shown; exit 1
// when they differ by more than 0.1 % from SimGrid's or 1 % from ASTRA-sim's.
//
// bench_netsim [quick]   `quick` leaves out the cases that take SimGrid more than a few seconds
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <sys/resource.h>

#include "bench/netsim/astra.h"
#include "bench/netsim/cases.h"
#include "tightrope/netsim/graph_symmetry.h"

namespace tightrope::bench {
namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

struct SimgridCase {
  std::string kind;  ///< as simgrid_peer names it
  std::uint32_t hosts = 0;
  double latency = 0.0;  ///< of a link, seconds
  double bytes = 0.0;    ///< of a flow
  bool is_long = false;
};

struct Answer {
  std::vector<double> times;
  double seconds = 0.0;
};

Answer ours(const SimgridCase& c, const netsim::FatTree& tree) {
  const double begin = cpu_seconds();
  Answer answer;
  const Bytes bytes(c.bytes);
  const Seconds latency(c.latency);
  if (c.kind == "all") {
    const auto sharing = c.latency > 0.0 ? Sharing::by_latency : Sharing::equal;
    const netsim::TaskGraph graph = all_pairs(tree, c.hosts, bytes, latency, sharing);
    for (const Seconds t : netsim::TaskRunner(graph).run().finish) answer.times.push_back(t.raw());
  } else {
    std::vector<std::uint32_t> distances;
    const std::uint32_t steps = c.kind == "ring" ? 2 * (c.hosts - 1) : c.hosts - 1;
    for (std::uint32_t s = 0; s < steps; ++s) distances.push_back(c.kind == "ring" ? 1 : s + 1);
    answer.times = run_steps(tree, c.hosts, distances, bytes, latency);
  }
  answer.seconds = cpu_seconds() - begin;
  return answer;
}

/// Empty times: it did not run.
Answer simgrid(const SimgridCase& c) {
  const std::string out = std::filesystem::temp_directory_path() / "tightrope_simgrid.bin";
  const std::string log = out + ".txt";
  const std::string command =
      fmt::format("{} {} {} {} {:.0f} {} >{} 2>{}", TIGHTROPE_SIMGRID_PEER, c.kind, c.hosts,
                  c.latency, c.bytes, out, log, out + ".log");
  Answer answer;
  if (std::system(command.c_str()) != 0) return answer;
  std::ifstream(log) >> answer.seconds;
  std::ifstream in(out, std::ios::binary);
  for (double t = 0.0; in.read(reinterpret_cast<char*>(&t), sizeof t);) answer.times.push_back(t);
  return answer;
}

double worst_difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] / b[i] - 1.0));
  return worst;
}

bool compare_with_simgrid(bool quick) {
  const std::vector<SimgridCase> cases = {
      {"all", 64, 0.0, 16e6, false},        {"all", 64, 1e-6, 16e6, false},
      {"pairwise", 256, 1e-6, 4e6, false},  {"ring", 256, 1e-6, 4e6, false},
      {"ring", 1024, 1e-6, 976562.0, true}, {"pairwise", 1024, 1e-6, 976562.0, true},
      {"all", 256, 1e-6, 4e6, true},
  };
  const netsim::FatTree tree = tree_of_1024();
  const bool peer = std::string_view(TIGHTROPE_SIMGRID_PEER) != "";
  fmt::print(
      "SimGrid 3.32 (CM02, correction factors off), fat tree of 1,024 hosts, 50 GB/s links\n");
  if (!peer)
    fmt::print("  skipped: libsimgrid-dev is not installed (./setup --dev); ours alone:\n");
  bool agree = true;
  for (const SimgridCase& c : cases) {
    const Answer mine = ours(c, tree);
    const std::string name = fmt::format("{} {}, {:g} us", c.kind, c.hosts, 1e6 * c.latency);
    if (!peer || (quick && c.is_long)) {
      fmt::print("  {:<22} {:7.3f} s, ends at {:.6f} s\n", name, mine.seconds, mine.times.back());
      continue;
    }
    const Answer theirs = simgrid(c);
    const double worst = worst_difference(mine.times, theirs.times);
    if (!(worst <= 1e-3)) {
      fmt::print("  {:<22} answers differ by {:.3g} %\n", name, 100.0 * worst);
      agree = false;
      continue;
    }
    fmt::print(
        "  {:<22} {:>7} times differ by at most {:.1e} %; ours {:.3f} s, SimGrid {:.2f} s, "
        "{:.0f}x\n",
        name, mine.times.size(), 100.0 * worst, mine.seconds, theirs.seconds,
        theirs.seconds / mine.seconds);
  }
  return agree;
}

bool compare_with_astra() {
  fmt::print(
      "\nASTRA-sim, analytical, congestion-unaware: all-reduce of 1 GiB in 4 chunks (its\n"
      "figures as recorded when it was built for issue 5; it is not run here)\n");
  bool agree = true;
  for (const AstraCase& c : astra_cases()) {
    const double begin = cpu_seconds();
    const double ms = 1e3 * all_reduce_time(c).raw();
    const double seconds = cpu_seconds() - begin;
    const double closed = 1e3 * astra_closed_form(c).raw();
    const double off = std::max(std::abs(ms / c.simulated_ms - 1.0), std::abs(ms / closed - 1.0));
    fmt::print("  {:<22} ours {:6.2f} ms, its closed form {:6.2f}, it {:6.2f}", c.name, ms, closed,
               c.simulated_ms);
    if (off > 0.01) {
      fmt::print(": differ by {:.2f} %\n", 100.0 * off);
      agree = false;
      continue;
    }
    fmt::print("; ours {:.4f} s, it {:g} s\n", seconds, c.seconds);
  }
  for (const auto& [devices, it] : {std::pair{64u, 20.00}, std::pair{256u, 20.00}}) {
    const double ms = 1e3 * all_to_all_time(devices).raw();
    fmt::print(
        "  all-to-all {:<11} ours {:6.2f} ms, congestion-aware {:.2f}: it stores and forwards, "
        "one\n"
        "                         message more on the way ({:.2f} with it)\n",
        devices, ms, it, ms * devices / (devices - 1.0));
  }
  return agree;
}

void own_speed(bool quick) {
  const netsim::FatTree tree = tree_of_1024();
  fmt::print("\nOurs alone, the same tree, 1 us a link\n");
  for (const std::uint32_t hosts : {256u, 1024u}) {
    if (quick && hosts > 256) continue;
    const double begin = cpu_seconds();
    const netsim::TaskGraph graph =
        all_pairs(tree, hosts, Bytes(1e9 / hosts), Seconds(1e-6), Sharing::equal);
    const double built = cpu_seconds();
    const netsim::TaskRun run = netsim::TaskRunner(graph).run();
    fmt::print(
        "  all {:<5} {:>9} flows at once: built {:.3f} s, run {:.3f} s, {} solves, {:.0f} MB\n",
        hosts, graph.tasks().size(), built - begin, cpu_seconds() - built, run.solves,
        peak_megabytes());
  }
  const double begin = cpu_seconds();
  const netsim::TaskGraph step = shifted(tree, 1024, 1, Bytes(1e9 / 1024), Seconds(1e-6));
  const netsim::GraphReduction reduced = netsim::reduce(step);
  const std::vector<netsim::RepeatedStep> steps = {{&reduced.graph, 2046}};
  const double end = netsim::series_time(steps).raw();
  fmt::print("  ring 1024 by symmetry: {} classes for {} flows, ends at {:.6f} s; {:.4f} s\n",
             reduced.size.size(), 2046u * 1024u, end, cpu_seconds() - begin);
}

}  // namespace
}  // namespace tightrope::bench

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::string_view(argv[1]) == "quick";
  const bool simgrid = tightrope::bench::compare_with_simgrid(quick);
  const bool astra = tightrope::bench::compare_with_astra();
  tightrope::bench::own_speed(quick);
  return simgrid && astra ? 0 : 1;
}
