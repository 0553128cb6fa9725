// SimGrid on the fat tree and the flows of bench_netsim, as it stands but for its correction
// factors: they model TCP, and are set to what leaves plain max-min sharing.
//
// simgrid_peer CASE HOSTS LATENCY_S BYTES OUT
//   CASE: ring (2 (n - 1) steps), pairwise (n - 1 steps), all (every pair at once)
//   OUT receives doubles: the time after each step, or the end of each flow, source by source.
// Prints the seconds of CPU that the simulation itself took.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include <simgrid/s4u.hpp>

namespace sg = simgrid::s4u;

namespace {

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Peer {
  std::string kind;
  int hosts = 0;
  double bytes = 0.0;  ///< of one flow
  std::vector<double> times;

  void operator()() {
    const std::vector<sg::Host*> all = sg::Engine::get_instance()->get_all_hosts();
    std::vector<sg::Host*> host(all.size());
    for (sg::Host* h : all) host[std::stoul(h->get_name())] = h;
    if (kind == "all") {
      std::vector<sg::CommPtr> flows;
      for (int i = 0; i < hosts; ++i) {
        for (int j = 0; j < hosts; ++j) {
          if (i != j) flows.push_back(sg::Comm::sendto_async(host[i], host[j], bytes));
        }
      }
      sg::Comm::wait_all(flows);
      for (const sg::CommPtr& flow : flows) times.push_back(flow->get_finish_time());
      return;
    }
    const int steps = kind == "ring" ? 2 * (hosts - 1) : hosts - 1;
    for (int step = 0; step < steps; ++step) {
      const int distance = kind == "ring" ? 1 : step + 1;
      std::vector<sg::CommPtr> flows;
      for (int i = 0; i < hosts; ++i)
        flows.push_back(sg::Comm::sendto_async(host[i], host[(i + distance) % hosts], bytes));
      sg::Comm::wait_all(flows);
      times.push_back(sg::Engine::get_clock());
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  sg::Engine engine(&argc, argv);
  if (argc != 6) {
    std::fputs("usage: simgrid_peer CASE HOSTS LATENCY_S BYTES OUT\n", stderr);
    return 2;
  }
  sg::Engine::set_config("network/model:CM02");
  for (const char* plain : {"network/latency-factor:1", "network/bandwidth-factor:1",
                            "network/weight-S:0", "network/TCP-gamma:0", "network/crosstraffic:0",
                            "surf/precision:1e-12", "maxmin/precision:1e-9"})
    sg::Engine::set_config(plain);
  sg::ClusterCallbacks hosts(
      [](sg::NetZone* zone, const std::vector<unsigned long>&, unsigned long id) {
        sg::Host* host = zone->create_host(std::to_string(id), 1e9);
        return std::make_pair(host->get_netpoint(),
                              static_cast<simgrid::kernel::routing::NetPoint*>(nullptr));
      });
  sg::create_fatTree_zone("tree", nullptr, {2, {32, 32}, {1, 32}, {1, 1}}, hosts, 50e9,
                          std::strtod(argv[3], nullptr), sg::Link::SharingPolicy::SPLITDUPLEX)
      ->seal();
  Peer peer{argv[1], std::atoi(argv[2]), std::strtod(argv[4], nullptr), {}};
  const double begin = cpu_seconds();
  sg::Actor::create("all", engine.host_by_name("0"), [&peer] { peer(); });
  engine.run();
  std::printf("%.6f\n", cpu_seconds() - begin);
  std::ofstream out(argv[5], std::ios::binary);
  out.write(reinterpret_cast<const char*>(peer.times.data()),
            static_cast<std::streamsize>(peer.times.size() * sizeof(double)));
  return out ? 0 : 1;
}
