#include <fmt/format.h>

#include "tightrope/traffic/spec_file.h"

namespace tightrope::traffic {
namespace {

std::string number(double value) { return fmt::format("{:.9g}", value); }

// Eight to a line, so that a table of 33 stays readable.
std::string list(const std::vector<double>& values) {
  std::string out = "[";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += i % 8 == 0 ? ",\n  " : ", ";
    if (i == 0 && values.size() > 8) out += "\n  ";
    out += number(values[i]);
  }
  return out + "]";
}

void write_distribution(std::string& out, const char* table, const Distribution& d) {
  out += fmt::format("\n[{}]\ndistribution = \"{}\"\n", table, to_string(d.shape));
  if (d.shape == Shape::quantiles) {
    out += fmt::format("at = {}\nvalues = {}\n", list(d.at), list(d.values));
  } else if (d.shape != Shape::uniform) {
    out += fmt::format("mean = {}\n", number(d.mean));
  }
  if (d.shape == Shape::lognormal || d.shape == Shape::gamma) {
    out += fmt::format("cv = {}\n", number(d.cv));
  }
  out += fmt::format("min = {}\nmax = {}\n", number(d.min), number(d.max));
}

void write_arrivals(std::string& out, const Arrivals& a) {
  out += fmt::format("\n[arrivals]\nprocess = \"{}\"\nrate_per_s = {}\n", to_string(a.process),
                     number(a.rate.raw()));
  if (a.process == Process::gamma) out += fmt::format("cv = {}\n", number(a.cv));
  if (a.process == Process::bursty) {
    out += fmt::format("on_s = {}\noff_s = {}\n", number(a.on.raw()), number(a.off.raw()));
  }
  if (!a.profile.empty()) {
    out += fmt::format("profile = {}\nprofile_period_s = {}\n", list(a.profile),
                       number(a.profile_period.raw()));
  }
}

}  // namespace

std::string spec_text(const GeneratorSpec& spec) {
  std::string out = fmt::format(
      "# Traffic for `tightrope trace generate`; docs/guide/traffic.md explains the keys.\n"
      "version = 1\nblock_tokens = {}\ncorrelation = {}\n",
      spec.block_tokens, number(spec.correlation));
  write_arrivals(out, spec.arrivals);
  write_distribution(out, "input_tokens", spec.input);
  write_distribution(out, "output_tokens", spec.output);
  if (spec.prompts.share > 0.0) {
    out += fmt::format("\n[prompts]\nshare = {}\ntokens = {}\ncount = {}\n",
                       number(spec.prompts.share), spec.prompts.tokens, spec.prompts.count);
  }
  if (spec.sessions.on) {
    out +=
        fmt::format("\n[sessions]\ngrowth = \"{}\"\nmax_context_tokens = {}\n",
                    spec.sessions.history ? "history" : "none", spec.sessions.max_context_tokens);
    write_distribution(out, "sessions.turns", spec.sessions.turns);
    write_distribution(out, "sessions.think_s", spec.sessions.think_s);
    write_distribution(out, "sessions.first_input_tokens", spec.sessions.first_input);
  }
  if (spec.reuse.share > 0.0) {
    out += fmt::format("\n[reuse]\nshare = {}\n", number(spec.reuse.share));
    write_distribution(out, "reuse.kept", spec.reuse.kept);
    write_distribution(out, "reuse.age_s", spec.reuse.age_s);
  }
  return out;
}

}  // namespace tightrope::traffic
