// Requests made up from a spec, one after the other, in memory that does not grow with their
// number.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <queue>
#include <span>
#include <vector>

#include "tightrope/traffic/request.h"
#include "tightrope/traffic/sampler.h"
#include "tightrope/traffic/spec.h"

namespace tightrope::traffic {

/// The moments at which requests, or sessions, come. Gaps are drawn at the mean rate and then
/// stretched by the profile.
class ArrivalClock {
 public:
  /// `starts`: mean rate of what is counted here.
  ArrivalClock(const Arrivals& arrivals, PerSecond starts, std::uint64_t seed);
  /// The time since the start, never falling.
  [[nodiscard]] Seconds next();

 private:
  [[nodiscard]] double gap();
  [[nodiscard]] double bursty_gap(double units);
  void advance(double seconds);
  Arrivals arrivals_;
  double rate_;
  std::uint64_t seed_, drawn_ = 0, bursts_ = 0;
  double on_left_ = 0.0;
  double flat_s_ = 0.0;    // the time, without a profile
  std::int64_t part_ = 0;  // of the profile, since the start
  double in_part_s_ = 0.0, part_s_ = 0.0;
};

/// Pulls requests by arrival. The same spec and seed give the same bytes everywhere, and the first
/// n requests do not depend on how many are asked for. Memory: the sessions that are under way, and
/// for `reuse` the blocks of the last 32,768 requests.
class Generator {
 public:
  static constexpr std::int64_t endless = std::numeric_limits<std::int64_t>::max();

  /// The spec must be one that `read_spec` would take.
  Generator(const GeneratorSpec& spec, std::uint64_t seed, std::int64_t requests = endless);

  /// The next request, or nothing after the last. Its first_block is 0: see blocks().
  [[nodiscard]] std::optional<Request> next();
  /// Blocks of the request that next() gave last; valid until it is called again. Ids of 32 bits
  /// begin again after 4 billion.
  [[nodiscard]] std::span<const std::uint32_t> blocks() const { return blocks_; }

 private:
  struct Session {
    Seconds time;
    std::int64_t number;
    int turn, turns;
    std::int64_t context;  // tokens before the next turn's new ones
    std::uint32_t first_own_block, most_whole_blocks;
    int prompt_blocks, prompt;  // prompt: which one
    bool operator>(const Session& other) const {
      return time != other.time ? time > other.time : number > other.number;
    }
  };
  struct Past {
    Seconds time;
    std::vector<std::uint32_t> blocks;
  };
  struct Lengths {
    int input, output;
  };

  [[nodiscard]] Lengths lengths(const Sampler& input, std::uint64_t lane,
                                std::uint64_t index) const;
  [[nodiscard]] Lengths turn_lengths(std::int64_t session, int turn) const;
  [[nodiscard]] int drawn_prompt(std::uint64_t index) const;  // -1: none
  [[nodiscard]] Request alone();
  [[nodiscard]] Session begin_session(Seconds time);
  [[nodiscard]] Request turn_of(Session session);
  void fill_blocks(int input, int prompt, std::uint64_t index, Seconds time);
  [[nodiscard]] const Past* forebear(Seconds time, std::size_t wanted) const;
  void remember(Seconds time);
  [[nodiscard]] std::uint32_t fresh_block();

  GeneratorSpec spec_;
  std::uint64_t seed_;
  std::int64_t left_;
  Sampler input_, output_, first_input_, turns_, think_s_, kept_, age_s_;
  ArrivalClock clock_;
  int prompt_blocks_;  // whole blocks of a system prompt
  std::uint32_t next_block_;
  std::uint64_t made_ = 0;
  std::int64_t sessions_ = 0;
  Seconds next_start_;
  std::priority_queue<Session, std::vector<Session>, std::greater<>> waiting_;
  std::vector<Past> past_;  // a ring, by arrival
  std::size_t oldest_ = 0;
  std::vector<std::uint32_t> blocks_;
};

/// The first `requests` of a generator as a trace.
[[nodiscard]] Trace generate(const GeneratorSpec& spec, std::uint64_t seed, std::int64_t requests);

/// Lets a trace's requests come as a Poisson process of `rate` > 0, in the order they have,
/// whatever arrivals they had.
void draw_arrivals(Trace& trace, PerSecond rate, std::uint64_t seed);

}  // namespace tightrope::traffic
