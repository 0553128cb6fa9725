// Finds functions by brace structure (see find_functions).
#include <algorithm>
#include <cctype>

#include "tests/tidy/source.h"

namespace tightrope::tidy {
namespace {

enum class BlockKind { space, type, function, other };

struct Block {
  BlockKind kind = BlockKind::other;
  std::string name;
  std::size_t function = 0;  ///< index of the Function it is the body of
};

/// Preprocessor lines blanked, with their continuations.
std::string blank_directives(std::string code) {
  bool continued = false;
  for (std::size_t start = 0; start < code.size();) {
    const std::size_t end = std::min(code.find('\n', start), code.size());
    const std::size_t first = code.find_first_not_of(" \t", start);
    const bool directive = continued || (first < end && code[first] == '#');
    continued = directive && end > start && code[end - 1] == '\\';
    if (directive)
      std::fill(code.begin() + static_cast<long>(start), code.begin() + static_cast<long>(end),
                ' ');
    start = end + 1;
  }
  return code;
}

/// Removes `open ... close` (balanced) that follow `keyword`, the keyword included.
std::string without(std::string head, std::string_view keyword, char open, char close) {
  std::size_t at = 0;
  while (find_word(head, keyword, 0, at)) {
    std::size_t i = head.find(open, at);
    if (i == std::string::npos) return head;
    int depth = 0;
    do {
      if (head[i] == open) ++depth;
      if (head[i] == close) --depth;
      ++i;
    } while (i < head.size() && depth > 0);
    head.erase(at, i - at);
  }
  return head;
}

/// A declaration without attributes, template header and access specifiers.
std::string plain(std::string head) {
  head = without(std::move(head), "template", '<', '>');
  head = without(std::move(head), "[[", '[', ']');
  head = without(std::move(head), "alignas", '(', ')');
  for (const char* access : {"public:", "private:", "protected:"}) {
    const std::size_t at = head.find(access);
    if (at != std::string::npos) head.erase(0, at + std::string(access).size());
  }
  return trim(head);
}

bool has_word(const std::string& text, std::string_view word) {
  std::size_t at = 0;
  return find_word(text, word, 0, at);
}

/// An `=` outside parentheses, before any parameter list: a variable, not a function.
bool is_initialised(const std::string& head) {
  if (head.find("operator") != std::string::npos) return false;
  const std::size_t equals = head.find('=');
  return equals != std::string::npos && equals < head.find('(');
}

std::string name_before_parameters(const std::string& head) {
  const std::size_t open = head.find('(');
  if (open == std::string::npos) return {};
  std::size_t end = open;
  while (end > 0 && head[end - 1] == ' ') --end;
  std::size_t start = end;
  while (start > 0 &&
         (std::isalnum(static_cast<unsigned char>(head[start - 1])) != 0 ||
          head[start - 1] == '_' || head[start - 1] == ':' || head[start - 1] == '~')) {
    --start;
  }
  return head.substr(start, end - start);
}

std::string last_word(const std::string& head) {
  const std::string text = trim(head.substr(0, head.find_first_of(":<")));
  const std::size_t space = text.find_last_of(" \n");
  return space == std::string::npos ? text : text.substr(space + 1);
}

std::string name_of_space(const std::string& head) {
  std::size_t at = 0;
  if (!find_word(head, "namespace", 0, at)) return {};
  return trim(head.substr(at + 9));
}

class Finder {
 public:
  explicit Finder(std::string code) : code_(blank_directives(std::move(code))) {}

  std::vector<Function> run() {
    int parentheses = 0;
    for (std::size_t i = 0; i < code_.size(); ++i) {
      const char c = code_[i];
      if (c == '(') ++parentheses;
      if (c == ')') --parentheses;
      if (c == '{') {
        open(i);
        parentheses_.push_back(parentheses);
        parentheses = 0;
      } else if (c == '}') {
        close(i);
        if (!parentheses_.empty()) parentheses = parentheses_.back();
        if (!parentheses_.empty()) parentheses_.pop_back();
      } else if (c == ';' && parentheses == 0) {
        declare(i);
        start_ = i + 1;
      }
    }
    return std::move(found_);
  }

 private:
  [[nodiscard]] bool inside_function() const {
    return std::any_of(blocks_.begin(), blocks_.end(), [](const Block& block) {
      return block.kind == BlockKind::function || block.kind == BlockKind::other;
    });
  }

  [[nodiscard]] int line_of(std::size_t at) const {
    return 1 +
           static_cast<int>(std::count(code_.begin(), code_.begin() + static_cast<long>(at), '\n'));
  }

  void add(const std::string& head, std::size_t end, bool body) {
    Function f;
    f.name = name_before_parameters(head);
    f.head = head;
    f.has_body = body;
    for (const Block& block : blocks_) {
      if (!f.scope.empty()) f.scope += "::";
      f.scope += block.name.empty() ? "(anonymous)" : block.name;
      f.in_type = f.in_type || block.kind == BlockKind::type;
    }
    const std::size_t first = code_.find_first_not_of(" \t\n", start_);
    f.first_line = line_of(std::min(first, end));
    f.last_line = line_of(end);
    found_.push_back(std::move(f));
  }

  void open(std::size_t at) {
    Block block;
    const std::string head = plain(code_.substr(start_, at - start_));
    if (inside_function()) {
      block.kind = BlockKind::other;
    } else if (has_word(head, "namespace") || head.starts_with("extern \"")) {
      block.kind = BlockKind::space;
      block.name = name_of_space(head);
    } else if (head.find('(') != std::string::npos && !is_initialised(head)) {
      block.kind = BlockKind::function;
      block.function = found_.size();
      add(head, at, true);
    } else if (has_word(head, "class") || has_word(head, "struct") || has_word(head, "union") ||
               has_word(head, "enum")) {
      block.kind = has_word(head, "enum") ? BlockKind::other : BlockKind::type;
      block.name = last_word(head);
    } else if (head.empty() && after_body_ && !found_.empty()) {
      block.kind = BlockKind::function;  // the body after `: x_{...}` of a constructor
      block.function = found_.size() - 1;
    }
    after_body_ = false;
    blocks_.push_back(block);
    start_ = at + 1;
  }

  void close(std::size_t at) {
    if (blocks_.empty()) return;
    const Block block = blocks_.back();
    blocks_.pop_back();
    after_body_ = block.kind == BlockKind::function;
    if (after_body_) found_[block.function].last_line = line_of(at);
    start_ = at + 1;
  }

  void declare(std::size_t at) {
    if (inside_function()) return;
    after_body_ = false;
    const std::string head = plain(code_.substr(start_, at - start_));
    for (const char* word : {"using", "friend", "static_assert", "typedef"}) {
      if (has_word(head, word)) return;
    }
    if (head.find('(') != std::string::npos && !is_initialised(head)) add(head, at, false);
  }

  std::string code_;
  std::size_t start_ = 0;
  bool after_body_ = false;
  std::vector<Block> blocks_;
  std::vector<int> parentheses_;
  std::vector<Function> found_;
};

}  // namespace

std::vector<Function> find_functions(const std::string& code) { return Finder(code).run(); }

}  // namespace tightrope::tidy
