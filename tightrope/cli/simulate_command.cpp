#include "tightrope/cli/simulate_command.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <ostream>

#include <fmt/format.h>

#include "tightrope/cli/draw.h"
#include "tightrope/cli/interrupt.h"
#include "tightrope/cli/simulate_request.h"
#include "tightrope/core/csv.h"
#include "tightrope/core/unit_text.h"
#include "tightrope/report/simulate_report.h"
#include "tightrope/report/validation_page.h"

namespace tightrope::cli {
namespace {

// A viewer takes no more with pleasure.
constexpr std::size_t most_stretches = 200'000;

// Lines of requests as they finish, in a file that has its name only once it is whole.
class RequestFile {
 public:
  Result<void> open(const std::string& path) {
    path_ = path;
    out_.open(path_ + ".part", std::ios::binary | std::ios::trunc);
    if (!out_) return fail(ErrorCode::io, fmt::format("cannot write \"{}\"", path_));
    out_ << report::request_header;
    return {};
  }
  void add(const serving::RequestRecord& done) { out_ << report::request_line(done); }
  Result<void> close() {
    if (path_.empty()) return {};
    out_.close();
    std::error_code failed;
    if (out_) std::filesystem::rename(path_ + ".part", path_, failed);
    if (!out_ || failed) return fail(ErrorCode::io, fmt::format("cannot write \"{}\"", path_));
    return {};
  }

 private:
  std::string path_;
  std::ofstream out_;
};

// How far the run is, where that can be told.
std::string progress_words(const serving::Progress& p, std::int64_t expected) {
  std::string text = fmt::format("{} requests done, {} under way, {} simulated",
                                 with_thousands(static_cast<double>(p.finished)),
                                 with_thousands(static_cast<double>(p.in_flight)),
                                 to_text(p.time));
  if (expected <= 0) return text;
  constexpr int width = 24;
  const double share =
      std::min(1.0, static_cast<double>(p.finished) / static_cast<double>(expected));
  const auto full = static_cast<std::size_t>(share * width);
  return fmt::format("[{}{}] {:3.0f} %  {}", std::string(full, '#'),
                     std::string(width - full, '.'), 100 * share, text);
}

Result<void> write_page(const Session& session, const std::string& path,
                        const serving_study::SimulateRequest& request,
                        const serving_study::SimulateResult& result) {
  auto svg = draw(report::simulate_script(result));
  if (!svg) session.err << "note: " << to_string(svg.error()) << "\n";
  const std::string picture = svg ? *svg : std::string();
  return write_file(path, report::html_page("Serving " + request.model.model.name,
                                            report::simulate_markdown(request, result,
                                                                      svg.has_value()),
                                            picture));
}

Result<int> simulate(const Session& session, const SimulateServingOptions& options) {
  TR_TRY(const serving_study::SimulateRequest request, simulate_request(options));
  TR_TRY(const catalog::Catalog catalog, load_catalog(session));
  RequestFile lines;
  if (!options.csv.empty()) TR_TRY_VOID(lines.open(options.csv));
  std::vector<serving::WorkRecord> work;
  std::int64_t left_out = 0;
  serving_study::RunHooks hooks;
  hooks.curves = !options.html.empty();
  if (!options.csv.empty()) {
    hooks.on_finish = [&lines](const serving::RequestRecord& done) { lines.add(done); };
  }
  if (!options.timeline.empty()) {
    hooks.on_work = [&work, &left_out](const serving::WorkRecord& did) {
      if (work.size() < most_stretches) {
        work.push_back(did);
      } else {
        ++left_out;
      }
    };
  }
  const Interrupt interrupt;
  hooks.cancel = &interrupt.flag();
  Result<serving_study::SimulateResult> ran = [&] {
    ProgressLine line(session.err);
    const std::int64_t expected = request.load.trace.empty() ? request.load.requests : 0;
    hooks.on_progress = [&line, expected](const serving::Progress& p) {
      if (line.is_due()) line.show(progress_words(p, expected));
    };
    return serving_study::simulate_serving(request, catalog, hooks);
  }();
  TR_TRY(const serving_study::SimulateResult result, std::move(ran));
  TR_TRY_VOID(lines.close());
  if (!options.timeline.empty()) {
    TR_TRY_VOID(write_file(options.timeline, report::simulate_timeline(result, work, left_out)));
  }
  if (!options.html.empty()) {
    TR_TRY_VOID(write_page(session, options.html, request, result));
  }
  const int code = result.cancelled ? exit_infeasible : exit_ok;
  if (!options.json.empty()) {
    const std::string text = report::simulate_json(request, result, session.version);
    if (options.json == "-") {
      session.out << text;
      return code;
    }
    TR_TRY_VOID(write_file(options.json, text));
  }
  session.out << report::simulate_text(request, result);
  return code;
}

}  // namespace

int run_simulate_serving(const Session& session, const SimulateServingOptions& options) {
  const Result<int> done = simulate(session, options);
  return done ? *done : report_error(session, done.error());
}

}  // namespace tightrope::cli
