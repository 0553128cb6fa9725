#include "tightrope/step/cost.h"

namespace tightrope::step {

CostKey cost_key(const Mapping& m) {
  CostKey key;
  key.tp = m.tp;
  key.cp = m.cp;
  key.ep = m.ep;
  key.etp = m.etp;
  key.micro_batch = m.micro_batch;
  key.tp_comm = m.tp_comm;
  key.tp_overlap = m.tp_overlap;
  key.cp_kind = m.cp_kind;
  key.regather = m.regather;
  key.ep_overlap = m.ep_overlap;
  key.tp_scaleout = m.tp_scaleout;
  key.capacity_factor = m.capacity_factor;
  key.recompute = m.recompute;
  return key;
}

}  // namespace tightrope::step
