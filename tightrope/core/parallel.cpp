#include "tightrope/core/parallel.h"

#include <memory>

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

namespace tightrope {
namespace {
std::unique_ptr<tbb::global_control>& limit() {
  static std::unique_ptr<tbb::global_control> control;
  return control;
}
}  // namespace

void for_each_index(std::size_t count, const std::function<void(std::size_t)>& body) {
  tbb::parallel_for(std::size_t{0}, count, [&body](std::size_t i) { body(i); });
}

void set_thread_limit(int threads) {
  limit().reset();
  if (threads > 0) {
    limit() = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
                                                    static_cast<std::size_t>(threads));
  }
}

}  // namespace tightrope
