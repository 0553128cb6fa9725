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

// Every dimension is a digit of the inner index: its ranks lie `step` apart.
int Layout::step_of(Dimension dimension) const {
  switch (dimension) {
    case Dimension::tp:
    case Dimension::etp:
    case Dimension::pp: return 1;
    case Dimension::cp:
    case Dimension::dp: return sizes_.tp;
    case Dimension::ep: return sizes_.etp;
    case Dimension::edp: return sizes_.etp * sizes_.ep;
  }
  return 1;
}

int Layout::block(const Part& part) const {
  const int extent = size(part.over);
  const bool runs = part.stride == 1 && part.count > 0 && extent % part.count == 0;
  return step_of(part.over) * (runs ? part.count : extent);
}

Layout::Ring Layout::ring(int rank, const Part& part) const {
  TR_CHECK(part.over != Dimension::pp);
  const int inner_ranks = sizes_.tp * sizes_.cp * sizes_.dp;
  const int at = rank % inner_ranks, step = step_of(part.over), extent = size(part.over);
  const int index = at / step % extent;
  const int count = part.count > 0 ? part.count : extent;
  const int place = index / part.stride % count;
  return {.first = at - place * part.stride * step,
          .step = part.stride * step,
          .count = count,
          .index = place,
          .stage = rank / inner_ranks};
}

void Layout::group(int rank, const Part& part, std::vector<int>& out) const {
  const Ring r = ring(rank, part);
  out.clear();
  for (int k = 0; k < r.count; ++k) out.push_back(member(r, k));
}

int Layout::at_stage(int rank, int stage) const {
  Digits d = digits(rank);
  d.pp = stage;
  return this->rank(d);
}

}  // namespace tightrope::netsim
