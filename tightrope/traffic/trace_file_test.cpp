#include "tightrope/traffic/trace_file.h"

#include <string>

#include <gtest/gtest.h>

#include "tightrope/traffic/summary.h"

namespace tightrope::traffic {
namespace {

std::string sample(const std::string& name) {
  return std::string(TIGHTROPE_SOURCE_DIR) + "/examples/traces/" + name;
}

Error error_of(const std::string& text) {
  const auto trace = parse_trace(text, "t");
  return trace ? Error{} : trace.error();
}

TEST(TraceFile, AzureDatesAreSortedAndCountFromTheFirst) {
  const auto trace = read_trace(sample("azure_sample.csv"));
  ASSERT_TRUE(trace) << to_string(trace.error());
  ASSERT_EQ(trace->size(), 6u);
  EXPECT_EQ(trace->requests[0].arrival_ns, 0);
  EXPECT_EQ(trace->requests[0].input, 396);
  EXPECT_EQ(trace->requests[1].arrival_ns, 2'499'999'900);
  EXPECT_EQ(trace->requests[2].input, 879);  // equal times keep their order
  EXPECT_EQ(trace->requests[3].input, 91);
}

TEST(TraceFile, RequestsOfOneMomentKeepTheirOrder) {
  std::string text = "arrival_s,input_tokens,output_tokens\n";
  for (int i = 1; i <= 200; ++i) text += std::to_string(i % 2) + "," + std::to_string(i) + ",1\n";
  const auto trace = parse_trace(text, "t");
  ASSERT_TRUE(trace) << to_string(trace.error());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(trace->requests[i].input, 2 * (i + 1));
}

TEST(TraceFile, MooncakeBlocksAreCountedByContent) {
  const auto trace = read_trace(sample("mooncake_sample.jsonl"));
  ASSERT_TRUE(trace) << to_string(trace.error());
  EXPECT_EQ(trace->requests[2].arrival_ns, 2'100'500'000);
  const Summary summary = describe(*trace);
  EXPECT_EQ(summary.block_references, 11);
  EXPECT_EQ(summary.unique_blocks, 6);
  EXPECT_NEAR(summary.reuse_share, 5.0 / 11.0, 1e-12);
}

TEST(TraceFile, PromptsAsTokenIdsShareTheirCommonBlocks) {
  const auto trace = read_trace(sample("token_ids_sample.jsonl"));
  ASSERT_TRUE(trace) << to_string(trace.error());
  EXPECT_EQ(trace->block_tokens, 16);
  EXPECT_EQ(trace->blocks, (std::vector<std::uint32_t>{0, 1, 0, 2}));
  EXPECT_EQ(trace->requests[1].arrival_ns, 1'500'000'000);
}

TEST(TraceFile, UsualNamesOfLengthsAndTimesAreKnown) {
  const auto trace = parse_trace(
      "{\"prompt_len\": 5, \"output_len\": 6, \"arrival_time\": 1.5, \"session_id\": \"a\"}\n\n"
      "{\"input_tokens\": 7, \"output_tokens\": 8, \"arrival_s\": 0.25, \"session_id\": \"b\"}\n"
      "{\"input_length\": 9, \"output_length\": 1, \"timestamp\": 2000, \"session_id\": \"a\"}",
      "t");
  ASSERT_TRUE(trace) << to_string(trace.error());
  EXPECT_EQ(trace->requests[0].arrival_ns, 250'000'000);
  EXPECT_EQ(trace->requests[1].session, trace->requests[2].session);
  EXPECT_NE(trace->requests[0].session, trace->requests[1].session);
}

TEST(TraceFile, OwnFormatsReadBackWhatWasWritten) {
  Trace trace;
  trace.block_tokens = 64;
  trace.blocks = {0, 1, 0, 2};
  trace.requests = {{1, 100, 5, 0, 0, 2}, {123'456'789'012'345, 128, 1, 1, 2, 2}};
  const auto lines = parse_trace(trace_text(trace, TraceFormat::json_lines), "t");
  ASSERT_TRUE(lines) << to_string(lines.error());
  EXPECT_EQ(lines->blocks, trace.blocks);
  EXPECT_EQ(lines->block_tokens, 64);
  const auto csv = parse_trace(trace_text(trace, TraceFormat::own_csv), "t");
  ASSERT_TRUE(csv) << to_string(csv.error());
  for (const auto* read : {&*lines, &*csv}) {
    ASSERT_EQ(read->size(), 2u);
    EXPECT_EQ(read->requests[0].arrival_ns, 1);
    EXPECT_EQ(read->requests[1].arrival_ns, 123'456'789'012'345);
    EXPECT_EQ(read->requests[1].input, 128);
    EXPECT_EQ(read->requests[1].session, 1);
  }
}

// Others' headers say the same as ours.
TEST(TraceFile, OtherHeadersAreKnown) {
  const auto burst = parse_trace(
      "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log "
      "Type\n5,7,1.2,ChatGPT,472,18,490,API log\n45,7,2,ChatGPT,1087,230,1317,API log\n",
      "t");
  ASSERT_TRUE(burst) << to_string(burst.error());
  EXPECT_EQ(burst->requests[1].arrival_ns, 45'000'000'000);
  EXPECT_EQ(burst->requests[1].input, 1087);
  EXPECT_EQ(burst->requests[1].output, 230);
  EXPECT_EQ(burst->requests[1].session, burst->requests[0].session);
  const auto other = parse_trace("arrived_at,num_prefill_tokens,num_decode_tokens\n0.5,3,4\n", "t");
  ASSERT_TRUE(other) << to_string(other.error());
  EXPECT_EQ(other->requests[0].arrival_ns, 500'000'000);
  EXPECT_EQ(other->requests[0].session, -1);
}

// Lengths alone are a trace whose requests have an order and no times.
TEST(TraceFile, TimesMayBeMissingAltogether) {
  for (const char* text : {"{\"prompt_len\": 5, \"output_len\": 6}\n"
                           "{\"prompt_len\": 3, \"output_len\": 2}\n",
                           "input_tokens,output_tokens\n5,6\n3,2\n"}) {
    auto trace = parse_trace(text, "t");
    ASSERT_TRUE(trace) << to_string(trace.error());
    EXPECT_FALSE(trace->timed);
    EXPECT_FALSE(describe(*trace).timed);
    EXPECT_EQ(trace->requests[0].input, 5);
    EXPECT_EQ(trace->requests[1].input, 3);
  }
  EXPECT_TRUE(parse_trace("arrival_s,input_tokens,output_tokens\n0,5,6\n", "t")->timed);
}

TEST(TraceFile, BadInputNamesItsLine) {
  struct Case {
    std::string text;
    ErrorCode code;
    int line;
  };
  const std::string own = "arrival_s,input_tokens,output_tokens\n";
  const std::string azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
  const std::string good = "{\"timestamp\": 0, \"input_length\": 5, \"output_length\": 6}\n";
  const Case cases[] = {
      {"", ErrorCode::syntax, 1},
      {own, ErrorCode::syntax, 1},
      {"a,b\n1,2\n", ErrorCode::unknown_key, 1},
      {own + "0,1,1\nx,1,1\n", ErrorCode::type, 3},
      {own + "-1,1,1\n", ErrorCode::type, 2},
      {own + "nan,1,1\n", ErrorCode::type, 2},
      {own + "1e20,1,1\n", ErrorCode::type, 2},
      {own + "0,1.5,1\n", ErrorCode::type, 2},
      {own + "0,0,1\n", ErrorCode::range, 2},
      {own + "0,1,99999999999\n", ErrorCode::range, 2},
      {azure + "2023-13-01 00:00:00,1,1\n", ErrorCode::type, 2},
      {azure + "2023-02-30 00:00:00,1,1\n", ErrorCode::type, 2},
      {good + "{\"timestamp\": 0, \"input_length\": 5}\n", ErrorCode::unknown_key, 2},
      {good + "{\"timestamp\": \n", ErrorCode::syntax, 2},
      {good + "[1]\n", ErrorCode::syntax, 2},
      {good + "{\"input_length\": 5, \"output_length\": 6}\n", ErrorCode::unknown_key, 2},
      {"{\"timestamp\": -1, \"input_length\": 5, \"output_length\": 6}\n", ErrorCode::type, 1},
      {"{\"timestamp\": 0, \"input_length\": \"5\", \"output_length\": 6}\n", ErrorCode::type, 1},
      {"{\"conversations\": [{\"value\": \"hi\"}]}\n", ErrorCode::unsupported, 1},
      {"{\"sub_requests\": []}\n", ErrorCode::unsupported, 1},
      {"{\"timestamp\": 0, \"input_length\": 512, \"output_length\": 6, \"hash_ids\": [1, 2]}\n",
       ErrorCode::conflict, 1},
      {"{\"timestamp\": 0, \"input_length\": 512, \"output_length\": 6, \"hash_ids\": [\"x\"]}\n",
       ErrorCode::type, 1},
  };
  for (const Case& c : cases) {
    const Error error = error_of(c.text);
    EXPECT_EQ(to_string(error.code), std::string(to_string(c.code))) << c.text << error.what;
    EXPECT_EQ(error.where.line, c.line) << c.text << error.what;
    EXPECT_EQ(error.where.file, "t") << c.text;
  }
}

}  // namespace
}  // namespace tightrope::traffic
