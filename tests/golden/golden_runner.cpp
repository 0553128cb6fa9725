// golden_runner [--update] [--tightrope PROGRAM] SESSION.test...
//
// Runs the commands of each session by /bin/sh in the current folder, with the program's folder
// first in PATH and `{tmp}` standing for a fresh folder; compares (exit 1 when something differs)
// or rewrites what they print.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <sys/wait.h>

#include "tests/golden/session.h"

namespace fs = std::filesystem;
namespace golden = tightrope::golden;

namespace {

struct Options {
  bool update = false;
  fs::path program;
  std::vector<std::string> sessions;
};

std::string read_all(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

golden::Output run(const std::string& command, const fs::path& scratch) {
  const fs::path out = scratch / ".stdout";
  const fs::path err = scratch / ".stderr";
  const std::string line = replaced(command, "{tmp}", scratch.string());
  const std::string shell = "( " + line + "\n) >'" + out.string() + "' 2>'" + err.string() + "'";
  const int status = std::system(shell.c_str());
  golden::Output output;
  output.out = lines_of(replaced(read_all(out), scratch.string(), "{tmp}"));
  output.err = lines_of(replaced(read_all(err), scratch.string(), "{tmp}"));
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

bool same(const golden::Output& expected, const golden::Output& actual, double tolerance) {
  return expected.exit_code == actual.exit_code &&
         golden::matches(expected.out, actual.out, tolerance) &&
         golden::matches(expected.err, actual.err, tolerance);
}

void report(const std::string& path, const golden::Step& step, const golden::Output& actual,
            double tolerance) {
  std::cout << path << ":" << step.line << ": $ " << step.command << "\n"
            << golden::difference(step.expected.out, actual.out, tolerance);
  if (!golden::matches(step.expected.err, actual.err, tolerance)) {
    std::cout << "stderr:\n" << golden::difference(step.expected.err, actual.err, tolerance);
  }
  if (step.expected.exit_code != actual.exit_code) {
    std::cout << "exit: expected " << step.expected.exit_code << ", got " << actual.exit_code
              << "\n";
  }
}

/// Runs one session; false when it differs (never when it is being rewritten).
bool run_session(const std::string& path, const Options& options) {
  golden::Session session = golden::parse_session(read_all(path));
  if (session.steps.empty()) {
    std::cout << path << ": no line starts with `$ `\n";
    return false;
  }
  const fs::path scratch =
      fs::temp_directory_path() /
      ("tightrope-golden-" + fs::path(path).stem().string() + "-" + std::to_string(::getpid()));
  fs::create_directories(scratch);
  bool sound = true;
  for (golden::Step& step : session.steps) {
    const golden::Output actual = run(step.command, scratch);
    if (options.update) {
      step.expected.out = golden::merge(step.expected.out, actual.out, session.tolerance);
      step.expected.err = golden::merge(step.expected.err, actual.err, session.tolerance);
      step.expected.exit_code = actual.exit_code;
    } else if (!same(step.expected, actual, session.tolerance)) {
      report(path, step, actual, session.tolerance);
      sound = false;
    }
  }
  fs::remove_all(scratch);
  if (options.update) std::ofstream(path, std::ios::binary) << golden::to_text(session);
  return sound;
}

Options parse(int argc, char** argv) {
  Options options;
  options.program = fs::absolute(argv[0]).parent_path() / "tightrope";
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--update") {
      options.update = true;
    } else if (argument == "--tightrope" && i + 1 < argc) {
      options.program = fs::absolute(argv[++i]);
    } else {
      options.sessions.push_back(argument);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  if (options.sessions.empty()) {
    std::cerr << "usage: golden_runner [--update] [--tightrope PROGRAM] SESSION.test...\n";
    return 2;
  }
  const char* path = std::getenv("PATH");
  setenv("PATH", (options.program.parent_path().string() + ":" + (path ? path : "")).c_str(), 1);
  setenv("LC_ALL", "C.UTF-8", 1);
  setenv("COLUMNS", "100", 1);
  bool sound = true;
  for (const std::string& session : options.sessions)
    sound = run_session(session, options) && sound;
  return sound ? 0 : 1;
}
