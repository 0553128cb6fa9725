#include "tightrope/netsim/communicators.h"

#include <numeric>

#include "tightrope/core/check.h"

namespace tightrope::netsim {

Layout::Layout(const Sizes& sizes) : sizes_(sizes) {
  TR_CHECK(sizes.tp >= 1 && sizes.cp >= 1 && sizes.dp >= 1 && sizes.pp >= 1);
  const int joined = sizes.ep * sizes.etp, replica = sizes.tp * sizes.cp;
  TR_CHECK(replica * sizes.dp % joined == 0, replica * sizes.dp, joined);
  // An expert group covers `joined` neighbouring ranks, a replica `replica` of them.
  island_width_ = std::lcm(joined, replica) / replica;
  while (sizes.dp % island_width_ != 0) ++island_width_;
}

Digits Layout::digits(int rank) const {
  const int at = rank % (sizes_.tp * sizes_.cp * sizes_.dp);
  return {at % sizes_.tp, at / sizes_.tp % sizes_.cp, at / (sizes_.tp * sizes_.cp),
          rank / (sizes_.tp * sizes_.cp * sizes_.dp)};
}

int Layout::rank(const Digits& d) const { return from_inner(inner(d), d.pp); }

int Layout::size(Dimension dimension) const {
  switch (dimension) {
    case Dimension::tp: return sizes_.tp;
    case Dimension::cp: return sizes_.cp;
    case Dimension::ep: return sizes_.ep;
    case Dimension::etp: return sizes_.etp;
    case Dimension::dp: return sizes_.cp * sizes_.dp;
    case Dimension::edp: return sizes_.tp * sizes_.cp * sizes_.dp / (sizes_.ep * sizes_.etp);
    case Dimension::pp: return sizes_.pp;
  }
  return 1;
}

// Every dimension is a digit of the inner index: `extent` ranks `step` apart.
Layout::Run Layout::run_of(const Digits& d, const Part& part) const {
  TR_CHECK(part.over != Dimension::pp);
  const int at = inner(d), extent = size(part.over);
  int step = 1;
  switch (part.over) {
    case Dimension::tp:
    case Dimension::etp:
    case Dimension::pp: break;
    case Dimension::cp:
    case Dimension::dp: step = sizes_.tp; break;
    case Dimension::ep: step = sizes_.etp; break;
    case Dimension::edp: step = sizes_.etp * sizes_.ep; break;
  }
  const int index = at / step % extent;
  const int count = part.count > 0 ? part.count : extent;
  const int first = index - index / part.stride % count * part.stride;
  return {at + (first - index) * step, part.stride * step, count};
}

void Layout::group(int rank, const Part& part, std::vector<int>& out) const {
  const Digits d = digits(rank);
  const Run run = run_of(d, part);
  out.clear();
  for (int k = 0; k < run.count; ++k) out.push_back(from_inner(run.first + k * run.step, d.pp));
}

std::pair<int, int> Layout::ends(int rank, const Part& part) const {
  const Digits d = digits(rank);
  const Run run = run_of(d, part);
  return {from_inner(run.first, d.pp), from_inner(run.first + (run.count - 1) * run.step, d.pp)};
}

int Layout::at_stage(int rank, int stage) const {
  Digits d = digits(rank);
  d.pp = stage;
  return this->rank(d);
}

}  // namespace tightrope::netsim
