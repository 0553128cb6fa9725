// Markdown to a page of HTML, by md4c.
#include <fmt/format.h>
#include <md4c-html.h>

#include "tightrope/core/check.h"
#include "tightrope/report/validation_page.h"

namespace tightrope::report {
namespace {

constexpr const char* style = R"(
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 72rem; margin: 2rem auto;
       padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; margin: 2rem 0 0.6rem; }
h2 { border-bottom: 1px solid #ddd; padding-bottom: 0.2rem; }
p { max-width: 48rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0;
        font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.7rem; border-bottom: 1px solid #eee; text-align: left; }
th { border-bottom: 2px solid #bbb; white-space: nowrap; }
tr:hover td { background: #f6f8fa; }
[align=right] { text-align: right; }
code { background: #f3f4f6; padding: 0 0.25rem; border-radius: 3px; font-size: 0.92em; }
figure { margin: 1.5rem 0; } figure svg { max-width: 100%; height: auto; }
)";

void append(const MD_CHAR* text, MD_SIZE size, void* out) {
  static_cast<std::string*>(out)->append(text, size);
}

// As text of HTML.
std::string text_of(std::string_view words) {
  std::string out;
  for (const char c : words) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

// The picture alone: what stands before <svg> has no place inside a page.
std::string_view drawing(std::string_view svg) {
  const std::size_t at = svg.find("<svg");
  return at == std::string_view::npos ? std::string_view() : svg.substr(at);
}

}  // namespace

std::string html_page(std::string_view title, std::string_view markdown, std::string_view svg) {
  std::string body;
  const int failed = md_html(markdown.data(), static_cast<MD_SIZE>(markdown.size()), append, &body,
                             MD_FLAG_TABLES | MD_FLAG_NOHTML, 0);
  TR_CHECK(failed == 0, markdown.size());
  const std::string slot = fmt::format("<p>{}</p>", chart_slot);
  if (const std::size_t at = body.find(slot); at != std::string::npos) {
    body.replace(at, slot.size(), fmt::format("<figure>{}</figure>", drawing(svg)));
  }
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
      text_of(title), style, body);
}

}  // namespace tightrope::report
