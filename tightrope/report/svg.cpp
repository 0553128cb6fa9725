#include "tightrope/report/svg.h"

#include <fmt/format.h>

namespace tightrope::report {
namespace {

std::string attributes(const Stroke& s) {
  if (s.colour.empty()) return {};
  std::string out = fmt::format(" stroke=\"{}\" stroke-width=\"{:.2g}\"", s.colour, s.width);
  if (s.opacity < 1.0) out += fmt::format(" stroke-opacity=\"{:.2g}\"", s.opacity);
  if (!s.dashes.empty()) out += fmt::format(" stroke-dasharray=\"{}\"", s.dashes);
  return out;
}

std::string escaped(std::string_view words) {
  std::string out;
  for (const char c : words) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string_view fill_or_none(std::string_view fill) { return fill.empty() ? "none" : fill; }

}  // namespace

void Svg::line(Point a, Point b, const Stroke& stroke) {
  body_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"{}/>\n", a.x,
                       a.y, b.x, b.y, attributes(stroke));
}

void Svg::curve(Point a, Point c, Point b, const Stroke& stroke) {
  body_ += fmt::format("<path d=\"M{:.1f} {:.1f}Q{:.1f} {:.1f} {:.1f} {:.1f}\" fill=\"none\"{}/>\n",
                       a.x, a.y, c.x, c.y, b.x, b.y, attributes(stroke));
}

void Svg::circle(Point at, double radius, std::string_view fill, const Stroke& stroke) {
  body_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\"{}/>\n", at.x,
                       at.y, radius, fill_or_none(fill), attributes(stroke));
}

void Svg::box(Point corner, Point size, double rounding, std::string_view fill,
              const Stroke& stroke) {
  body_ += fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"{:.1f}\" "
      "fill=\"{}\"{}/>\n",
      corner.x, corner.y, size.x, size.y, rounding, fill_or_none(fill), attributes(stroke));
}

void Svg::text(Point at, std::string_view words, const Font& font) {
  const char* anchor = font.anchor == Anchor::start    ? ""
                       : font.anchor == Anchor::middle ? " text-anchor=\"middle\""
                                                       : " text-anchor=\"end\"";
  body_ += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{:.3g}\" fill=\"{}\"{}{}>{}</text>\n", at.x,
      at.y, font.size, font.colour, anchor, font.bold ? " font-weight=\"600\"" : "",
      escaped(words));
}

std::string Svg::document(Point size) const {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0:.0f} {1:.0f}\" font-family=\"Helvetica, Arial, sans-serif\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{2}</svg>\n",
      size.x, size.y, body_);
}

}  // namespace tightrope::report
