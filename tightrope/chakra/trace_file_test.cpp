#include "tightrope/chakra/trace_file.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace tightrope::chakra {
namespace {

Trace small_trace() {
  Trace trace;
  trace.rank = 3;
  trace.groups = {{"tp0", {0, 1, 2, 3}}, {"dp", {3, 7}}};
  Node compute{.id = 1, .name = "matmul", .duration = Seconds(12e-6), .flops = Flops(1e12)};
  Node reduce{.id = 2,
              .name = "sum",
              .kind = NodeKind::collective,
              .bytes = Bytes(1 << 20),
              .collective = Collective::reduce_scatter,
              .group = "dp",
              .deps = {1}};
  Node send{.id = 9,
            .name = "to the next stage",
            .kind = NodeKind::send,
            .bytes = Bytes(4096),
            .peer = 7,
            .tag = 5,
            .deps = {1},
            .control_deps = {2}};
  trace.nodes = {compute, reduce, send};
  return trace;
}

Node any_node(std::uint64_t id) {
  Node node;
  node.id = id;
  node.name = *rc::gen::arbitrary<std::string>();
  for (char& c : node.name) c = static_cast<char>(c & 0x7f);  // protobuf text is UTF-8
  node.kind = static_cast<NodeKind>(*rc::gen::inRange(1, 8));
  node.start = Seconds(*rc::gen::inRange(0, 1'000'000'000) * 1e-9);
  node.duration = Seconds(*rc::gen::inRange(0, 1'000'000'000) * 1e-9);
  const bool pair = node.kind == NodeKind::send || node.kind == NodeKind::recv;
  if (node.kind != NodeKind::metadata)
    node.bytes = Bytes(static_cast<double>(*rc::gen::inRange<std::int64_t>(0, 1ll << 40)));
  if (pair) node.peer = *rc::gen::inRange(0, 1000);
  if (pair) node.tag = *rc::gen::inRange(-5, 1000);
  if (node.kind == NodeKind::collective) {
    node.collective = static_cast<Collective>(*rc::gen::inRange(0, 10));
    node.group = *rc::gen::element<std::string>("", "tp", "dp");
  }
  if (node.kind == NodeKind::compute) node.flops = Flops(*rc::gen::inRange(0, 1 << 30));
  for (int i = *rc::gen::inRange(0, 4); i > 0 && id > 0; --i) {
    auto& deps = *rc::gen::element(true, false) ? node.deps : node.control_deps;
    deps.push_back(*rc::gen::inRange<std::uint64_t>(0, id));
  }
  return node;
}

// What is written is read again, whatever it is, and twice written is twice the same.
RC_GTEST_PROP(ChakraFile, RoundTrip, ()) {
  Trace trace;
  trace.rank = *rc::gen::inRange(-1, 600'000);
  trace.groups = {{"tp", {0, 1}}, {"dp", {}}};
  const auto nodes = *rc::gen::inRange<std::uint64_t>(0, 30);
  for (std::uint64_t id = 0; id < nodes; ++id) trace.nodes.push_back(any_node(id));
  const std::string bytes = encode(trace);
  const auto again = decode(bytes, "x");
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == trace);
  RC_ASSERT(encode(*again) == bytes);
}

// No prefix of a file is read as a whole one of more nodes, and none crashes the reader.
TEST(ChakraFile, CutOffFilesAreRefusedOrShorter) {
  const Trace trace = small_trace();
  const std::string bytes = encode(trace);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto cut = decode(std::string_view(bytes).substr(0, n), "x");
    if (cut) {
      EXPECT_LT(cut->nodes.size(), trace.nodes.size());
    }
  }
}

// A damaged byte is refused or read; it never ends the program.
RC_GTEST_PROP(ChakraFile, DamageIsSurvived, ()) {
  std::string bytes = encode(small_trace());
  for (int i = *rc::gen::inRange(1, 6); i > 0; --i) {
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] =
        static_cast<char>(*rc::gen::inRange(0, 256));
  }
  const auto trace = decode(bytes, "x");
  RC_ASSERT(trace.has_value() || !trace.error().what.empty());
}

/// A field of bytes: tag, length, content. Also a message of the file, without tag.
std::string packed(std::string_view tag, const std::string& content) {
  return std::string(tag) + static_cast<char>(content.size()) + content;
}

/// An attribute: its name, then the bytes of its value.
std::string attribute(const std::string& name, std::string_view value) {
  return packed("\x52", packed("\x0a", name) + std::string(value));
}

// The bytes that Chakra's own schema gives, put together field by field.
TEST(ChakraFile, BytesFollowTheSchema) {
  using namespace std::string_view_literals;
  Trace trace;
  trace.nodes = {{.id = 5, .name = "a", .kind = NodeKind::send, .bytes = Bytes(3), .peer = 2}};
  const std::string node = "\x08\x05" + packed("\x12", "a") + "\x18\x05" +  // id, name, type
                           attribute("is_cpu_op", "\xd8\x01\x00"sv) +       // bool, field 27
                           attribute("comm_size", "\x48\x03"sv) +           // int64, field 9
                           attribute("comm_dst", "\x38\x02"sv) +            // int32, field 7
                           attribute("comm_tag", "\x38\x00"sv);
  EXPECT_EQ(encode(trace), packed("", packed("\x0a", "1.0.0")) + packed("", node));
}

// Files of others: integers of any type, attributes that we do not know, the rank in the name.
TEST(ChakraFile, ReadsWhatOthersWrite) {
  using namespace std::string_view_literals;
  const std::string texts = packed("\xf2\x01", packed("\x0a", "one") + packed("\x0a", "two"));
  const std::string node = "\x08\x01\x18\x07" + attribute("comm_type", "\x58\x02"sv) +  // uint32
                           attribute("comm_size", "\x68\x80\x08"sv) +                   // uint64
                           attribute("seen", texts);
  const auto trace =
      decode(packed("", packed("\x0a", "0.0.4")) + packed("", node), "runs/step.12.et");
  ASSERT_TRUE(trace.has_value()) << to_string(trace.error());
  EXPECT_EQ(trace->rank, 12);
  EXPECT_EQ(trace->version, "0.0.4");
  ASSERT_EQ(trace->nodes.size(), 1u);
  EXPECT_EQ(trace->nodes[0].collective, Collective::all_gather);
  EXPECT_EQ(trace->nodes[0].bytes, Bytes(1024));
}

TEST(ChakraFile, ErrorsSayWhere) {
  const std::string bytes = encode(small_trace());
  const auto cut = decode(std::string_view(bytes).substr(0, bytes.size() - 1), "s.0.et");
  ASSERT_FALSE(cut.has_value());
  EXPECT_EQ(cut.error().where.file, "s.0.et");
  EXPECT_TRUE(cut.error().what.starts_with("byte ")) << cut.error().what;
  EXPECT_FALSE(cut.error().hint.empty());
  EXPECT_EQ(decode("", "x").error().code, ErrorCode::syntax);
  EXPECT_EQ(decode("{\"nodes\": []}", "x").error().code, ErrorCode::syntax);
}

TEST(Chakra, ChecksWhatNodesSayOfEachOther) {
  const Trace sound = small_trace();
  EXPECT_TRUE(check(sound, "x").has_value());
  Trace twice = sound;
  twice.nodes[1].id = 1;
  EXPECT_EQ(check(twice, "x").error().code, ErrorCode::conflict);
  Trace missing = sound;
  missing.nodes[1].deps = {77};
  EXPECT_EQ(check(missing, "x").error().code, ErrorCode::not_found);
  Trace circle = sound;
  circle.nodes[0].control_deps = {9};
  EXPECT_EQ(check(circle, "x").error().code, ErrorCode::conflict);
  Trace peerless = sound;
  peerless.nodes[2].peer = -1;
  EXPECT_EQ(check(peerless, "x").error().code, ErrorCode::not_found);
  Trace strange = sound;
  strange.nodes[1].group = "ep";
  EXPECT_EQ(check(strange, "x").error().code, ErrorCode::not_found);
}

TEST(Chakra, FilesAreNamedByRank) { EXPECT_EQ(trace_name("step", 12), "step.12.et"); }

}  // namespace
}  // namespace tightrope::chakra
