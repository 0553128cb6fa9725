// Drawings in SVG, written shape by shape.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tightrope::report {

struct Point {
  double x = 0.0, y = 0.0;
};

/// How a shape is drawn; empty colours draw nothing.
struct Stroke {
  std::string_view colour;
  double width = 1.0;
  double opacity = 1.0;
  std::string_view dashes{};  ///< "4 3"
};

/// Collects shapes; coordinates in pixels, y downwards, written with one decimal.
class Svg {
 public:
  void line(Point a, Point b, const Stroke& stroke);
  /// A curve from a to b that leans towards c.
  void curve(Point a, Point c, Point b, const Stroke& stroke);
  void circle(Point at, double radius, std::string_view fill, const Stroke& stroke);
  void box(Point corner, Point size, double rounding, std::string_view fill, const Stroke& stroke);
  enum class Anchor { start, middle, end };
  struct Font {
    double size = 13.0;
    std::string_view colour = "#333333";
    Anchor anchor = Anchor::start;
    bool bold = false;
  };
  void text(Point at, std::string_view words, const Font& font);

  /// The file, on white.
  [[nodiscard]] std::string document(Point size) const;

 private:
  std::string body_;
};

}  // namespace tightrope::report
