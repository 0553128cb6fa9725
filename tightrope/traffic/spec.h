// What a synthetic trace is made from: arrivals, lengths, and what requests share.
#pragma once

#include <string>
#include <vector>

#include "tightrope/traffic/request.h"

namespace tightrope::traffic {

enum class Shape { constant, uniform, lognormal, gamma, quantiles };
[[nodiscard]] const char* to_string(Shape shape);

/// A distribution of positive numbers (tokens, seconds, turns, shares), cut to [min, max].
struct Distribution {
  Shape shape = Shape::constant;
  double mean = 1.0;            ///< of constant, lognormal and gamma, before the cut
  double cv = 1.0;              ///< of lognormal and gamma: deviation over mean, 0.05 to 10
  std::vector<double> at;       ///< of quantiles: shares from 0 to 1, rising
  std::vector<double> values;   ///< of quantiles: beside `at`, rising; straight lines between
  double min = 0.0, max = 1e9;  ///< also the ends of uniform
  friend bool operator==(const Distribution&, const Distribution&) = default;
};

enum class Process { poisson, gamma, constant, bursty };
[[nodiscard]] const char* to_string(Process process);

/// When requests come; with sessions, when sessions begin.
struct Arrivals {
  Process process = Process::poisson;
  PerSecond rate{1.0};  ///< requests a second, all turns of all sessions counted
  double cv = 1.0;      ///< of gamma: deviation of gaps over their mean
  /// Of bursty: mean seconds with and without arrivals, both exponential; Poisson in between.
  Seconds on{10.0}, off{10.0};
  std::vector<double> profile;      ///< relative rates over one period, in equal parts; empty: flat
  Seconds profile_period{86400.0};  ///< after which the profile begins again
  friend bool operator==(const Arrivals&, const Arrivals&) = default;
};

/// System prompts: a share of requests (or sessions) begins with one of `count` texts.
struct Prompts {
  double share = 0.0;
  int tokens = 0;
  int count = 1;
  friend bool operator==(const Prompts&, const Prompts&) = default;
};

/// Conversations. With history each turn's prompt is the prompt and the answer before it and new
/// tokens (the spec's `input`); without, a session is a label.
struct Sessions {
  bool on = false;
  bool history = true;
  int max_context_tokens = 131072;  ///< where a prompt stops to grow
  Distribution turns, think_s;      ///< think_s: from one turn's arrival to the next one's
  Distribution first_input;         ///< new tokens of the first turn, the system prompt not counted
  friend bool operator==(const Sessions&, const Sessions&) = default;
};

/// Requests that begin as an earlier request did, without saying why (agents, documents, sessions
/// of a trace that does not name them).
struct Reuse {
  double share = 0.0;  ///< of requests that share more than the system prompt
  Distribution kept;   ///< share of their blocks that an earlier request had
  Distribution age_s;  ///< seconds since that earlier request
  friend bool operator==(const Reuse&, const Reuse&) = default;
};

struct GeneratorSpec {
  int block_tokens = 512;
  Arrivals arrivals;
  Distribution input, output;  ///< tokens
  double correlation = 0.0;    ///< of the normal scores of input and output, -1 to 1
  Prompts prompts;
  Sessions sessions;  ///< not beside `reuse`
  Reuse reuse;
  friend bool operator==(const GeneratorSpec&, const GeneratorSpec&) = default;
};

}  // namespace tightrope::traffic
