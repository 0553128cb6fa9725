#include "tightrope/network_study/simulate_trace.h"

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "tightrope/chakra/trace_file.h"
#include "tightrope/network_study/simulate_step.h"
#include "tightrope/network_study/step_chakra.h"
#include "tightrope/step/estimate.h"
#include "tightrope/step/test_contexts_internal.h"

namespace tightrope::network_study {
namespace {

using chakra::Node;
using chakra::NodeKind;
using chakra::Trace;

constexpr double rate = 450e9;  // of a p5's chip over NVLink, bytes/s

/// A folder for traces that goes away with the test.
class Folder {
 public:
  Folder() {
    const testing::TestInfo* info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(testing::TempDir()) / fmt_name(info->name());
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string prefix(const std::string& name) const {
    return (path_ / name).string();
  }

 private:
  static std::string fmt_name(const std::string& name) { return "tightrope_trace_" + name; }
  std::filesystem::path path_;
};

Node node(std::uint64_t id, NodeKind kind, std::vector<std::uint64_t> deps = {}) {
  Node n;
  n.id = id;
  n.name = "n" + std::to_string(id);
  n.kind = kind;
  n.deps = std::move(deps);
  return n;
}
Node kernel(std::uint64_t id, double seconds, std::vector<std::uint64_t> deps = {}) {
  Node n = node(id, NodeKind::compute, std::move(deps));
  n.duration = Seconds(seconds);
  return n;
}
Node message(std::uint64_t id, NodeKind kind, int peer, double bytes,
             std::vector<std::uint64_t> deps = {}) {
  Node n = node(id, kind, std::move(deps));
  n.peer = peer;
  n.bytes = Bytes(bytes);
  return n;
}
Node all_reduce(std::uint64_t id, double bytes, std::vector<std::uint64_t> deps = {}) {
  Node n = node(id, NodeKind::collective, std::move(deps));
  n.collective = chakra::Collective::all_reduce;
  n.bytes = Bytes(bytes);
  return n;
}

void write(const std::string& prefix, const std::vector<std::vector<Node>>& ranks) {
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    Trace trace;
    trace.rank = static_cast<int>(r);
    trace.nodes = ranks[r];
    ASSERT_TRUE(
        chakra::write_trace(chakra::trace_name(prefix, static_cast<int>(r)), trace).has_value());
  }
}

TraceScene ideal(std::vector<std::string> prefixes) {
  TraceScene scene;
  scene.prefixes = std::move(prefixes);
  scene.ideal = true;
  return scene;
}

Result<TraceStudy> simulate(const TraceScene& scene, const char* system = "p5.48xlarge") {
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  return simulate_trace(catalog, *catalog.find_system(system), scene);
}

TEST(SimulateTrace, MessagesWaitForTheirSenderAndTakeTheirBytes) {
  Folder folder;
  const std::string p = folder.prefix("pair");
  write(p, {{kernel(0, 1.0), message(1, NodeKind::send, 1, rate, {0}), kernel(2, 0.25, {0})},
            {kernel(0, 0.5), message(1, NodeKind::recv, 0, rate), kernel(2, 3.0, {1})}});
  const auto study = simulate(ideal({p}));
  ASSERT_TRUE(study.has_value()) << to_string(study.error());
  EXPECT_EQ(study->never, 0u);
  EXPECT_NEAR(study->end, 5.0, 1e-9);  // 1 to compute, 1 on the way, 3 to compute
  const RankTime& second = study->ranks[0][1];
  EXPECT_NEAR(second.compute, 3.5, 1e-9);
  EXPECT_NEAR(second.exposed.at("recv"), 1.0, 1e-9);
  EXPECT_NEAR(second.waiting, 0.5, 1e-9);  // the sender computes, this rank no longer
}

TEST(SimulateTrace, CollectivesBeginWithTheLastAndHideBehindKernels) {
  Folder folder;
  const std::string p = folder.prefix("group");
  // A ring of four moves 2 * 3/4 of the size.
  const double bytes = rate / 1.5;
  std::vector<std::vector<Node>> ranks;
  for (int r = 0; r < 4; ++r) {
    ranks.push_back({kernel(0, r == 3 ? 2.0 : 1.0), all_reduce(1, bytes, {0}), kernel(2, 0.75, {0}),
                     kernel(3, 1.0, {1, 2})});
  }
  write(p, ranks);
  TraceScene scene = ideal({p});
  scene.wires.only = netsim::Algorithm::ring;
  for (const bool stepped : {false, true}) {
    scene.wires.question.detail = stepped ? netsim::Detail::stepped : netsim::Detail::fluid;
    const auto study = simulate(scene);
    ASSERT_TRUE(study.has_value()) << to_string(study.error());
    EXPECT_NEAR(study->end, 4.0, 1e-9);
    EXPECT_NEAR(study->ranks[0][3].exposed.at("all_reduce"), 0.25, 1e-9);
    EXPECT_NEAR(study->ranks[0][0].exposed.at("all_reduce"), 1.0, 1e-9);
    EXPECT_NEAR(study->ranks[0][0].waiting, 0.25, 1e-9);
  }
}

TEST(SimulateTrace, JobsOnTheSameLinksSlowEachOther) {
  Folder folder;
  const std::string p = folder.prefix("job");
  write(p, {{message(0, NodeKind::send, 1, rate)}, {message(0, NodeKind::recv, 0, rate)}});
  const auto apart = simulate(ideal({p, p}));
  ASSERT_TRUE(apart.has_value()) << to_string(apart.error());
  EXPECT_NEAR(apart->end, 1.0, 1e-9);
  EXPECT_EQ(apart->jobs.size(), 2u);
  TraceScene scene = ideal({p, p});
  scene.first_chips = {0, 0};
  const auto together = simulate(scene);
  ASSERT_TRUE(together.has_value()) << to_string(together.error());
  EXPECT_NEAR(together->end, 2.0, 1e-9);
}

TEST(SimulateTrace, WhatNeverComesIsSaid) {
  Folder folder;
  const std::string p = folder.prefix("stuck");
  write(p, {{kernel(0, 1.0)},
            {message(0, NodeKind::recv, 0, 1e9), kernel(1, 1.0, {0})},
            {kernel(0, 1.0), all_reduce(1, 1e9, {0})}});
  const auto study = simulate(ideal({p}));
  ASSERT_TRUE(study.has_value()) << to_string(study.error());
  EXPECT_EQ(study->never, 3u);
  ASSERT_GE(study->stalled.size(), 2u);
  EXPECT_NE(study->stalled[0].find("never sends"), std::string::npos);
  EXPECT_NE(study->stalled[1].find("does not join"), std::string::npos);
  EXPECT_NEAR(study->end, 1.0, 1e-12);
}

TEST(SimulateTrace, MembersThatDisagreeAreAnError) {
  Folder folder;
  const std::string p = folder.prefix("conflict");
  write(p, {{all_reduce(0, 1e9)}, {all_reduce(0, 2e9)}});
  const auto study = simulate(ideal({p}));
  ASSERT_FALSE(study.has_value());
  EXPECT_EQ(study.error().code, ErrorCode::conflict);
  EXPECT_FALSE(simulate(ideal({folder.prefix("nothing")})).has_value());
}

/// A step written as traces against the step simulated as it is. A transfer that is repeated is one
/// of the whole size in a trace (fewer latencies); both agree to a few percent.
void expect_round_trip(const step::TestSetup& setup, step::Mapping mapping, double tolerance) {
  Folder folder;
  const catalog::Catalog& catalog = catalog::Catalog::embedded();
  const step::Context context = step::test_context(setup);
  const step::Estimate estimate = step::estimate(context, mapping);
  const auto step = simulate_step(catalog, context, estimate, {});
  ASSERT_TRUE(step.has_value()) << to_string(step.error());
  const std::string p = folder.prefix("step");
  ASSERT_TRUE(write_chakra(*step, mapping, p).has_value());
  TraceScene scene;
  scene.prefixes = {p};
  double ends[2] = {};
  for (const bool reduce : {false, true}) {
    scene.wires.question.reduce = reduce;
    const auto study = simulate(scene, setup.system.c_str());
    ASSERT_TRUE(study.has_value()) << to_string(study.error());
    EXPECT_EQ(study->never, 0u);
    ends[reduce ? 1 : 0] = study->end;
    if (reduce) {
      EXPECT_LT(study->classes, study->tasks / 2);
    }
  }
  EXPECT_NEAR(ends[1] / ends[0], 1.0, 1e-9);  // symmetry changes nothing
  const double expected = step->result.pipeline + step->result.sync;
  EXPECT_NEAR(ends[0] / expected, 1.0, tolerance)
      << step::to_text(mapping) << ": trace " << ends[0] << " step " << expected;
}

TEST(SimulateTrace, AStepWrittenAsTracesTakesAboutItsTime) {
  step::TestSetup setup;
  step::Mapping m;
  m.tp = 2;
  m.pp = 2;
  m.dp = 2;
  m.micro_batch = 1;
  expect_round_trip(setup, m, 0.05);
  m.tp = 8;
  m.pp = 1;
  m.dp = 1;
  expect_round_trip(setup, m, 0.05);
  // Sharded parameters are gathered beside the kernels, in part; a layer's latencies are one here.
  m.tp = 1;
  m.dp = 8;
  m.sharding = step::Sharding::full;
  expect_round_trip(setup, m, 0.07);
}

}  // namespace
}  // namespace tightrope::network_study
