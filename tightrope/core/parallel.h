// Parallel loops whose result does not depend on the number of threads.
#pragma once

#include <cstddef>
#include <functional>

namespace tightrope {

/// Calls `body(i)` once for every i in [0, count), on all threads allowed. The caller gives each i
/// its own place to write and combines in index order afterwards: same bytes at any thread count.
void for_each_index(std::size_t count, const std::function<void(std::size_t)>& body);

/// Limits the threads of later loops in this process; 0 means one a processor.
void set_thread_limit(int threads);

}  // namespace tightrope
