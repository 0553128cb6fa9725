// A simulated fleet for people and programs: text, JSON, a page with charts, CSV, a timeline.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tightrope/serving_study/simulate.h"

namespace tightrope::report {

/// What ran, how long requests took, what it cost; at most 100 columns wide.
[[nodiscard]] std::string simulate_text(const serving_study::SimulateRequest& request,
                                        const serving_study::SimulateResult& result);

/// Schema "tightrope.simulate_serving/1"; units are in the keys.
[[nodiscard]] std::string simulate_json(const serving_study::SimulateRequest& request,
                                        const serving_study::SimulateResult& result,
                                        std::string_view version);

/// The text's content as Markdown with a place for the charts (html_page makes a page of it).
/// `has_chart`: there is one.
[[nodiscard]] std::string simulate_markdown(const serving_study::SimulateRequest& request,
                                            const serving_study::SimulateResult& result,
                                            bool has_chart);

/// A gnuplot script that prints an SVG: shares of requests below latencies, and queue, sequences
/// and cache over time. Needs the result's curves.
[[nodiscard]] std::string simulate_script(const serving_study::SimulateResult& result);

/// Header of request_line's CSV.
inline constexpr std::string_view request_header =
    "serial,arrival_s,queue_s,ttft_s,tpot_s,e2e_s,input_tokens,output_tokens,session,hit_tokens,"
    "retries,replica\n";
[[nodiscard]] std::string request_line(const serving::RequestRecord& done);

/// Trace-event JSON for Perfetto: a process a pool, a row a replica, its stretches of work.
/// `left_out`: stretches that are not among `work`.
[[nodiscard]] std::string simulate_timeline(const serving_study::SimulateResult& result,
                                            const std::vector<serving::WorkRecord>& work,
                                            std::int64_t left_out);

}  // namespace tightrope::report
