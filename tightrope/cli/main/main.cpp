// The program. Everything lives in tightrope/cli/app.cpp, so that tests can call it.
#include <exception>
#include <iostream>

#include "tightrope/cli/session.h"

int main(int argc, char** argv) {
  try {
    return tightrope::cli::run(argc, argv, std::cout, std::cerr);
  } catch (const std::exception& bug) {
    std::cerr << "tightrope: unexpected: " << bug.what() << "\nThis is a bug in tightrope.\n";
  } catch (...) {
    std::cerr << "tightrope: unexpected exception\nThis is a bug in tightrope.\n";
  }
  return tightrope::cli::exit_bug;
}
