//! A small writer of SVG text. Coordinates are pixels of the view box; a number that is not finite
//! is never written.

use std::fmt::Write as _;

use crate::palette;
use crate::text::escape;

const FONT: &str = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif";

/// Horizontal anchor of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing under construction.
pub(crate) struct Svg {
    id: String,
    title: String,
    width: f64,
    height: f64,
    body: String,
}

/// One element; nothing is written before `end`, `tip` or `words`.
#[must_use]
pub(crate) struct Element<'a> {
    svg: &'a mut Svg,
    tag: &'static str,
    attributes: String,
}

/// A coordinate with at most two decimals; a non-finite one becomes 0.
pub(crate) fn px(value: f64) -> String {
    if !value.is_finite() {
        return "0".into();
    }
    let mut text = format!("{value:.2}");
    while text.ends_with('0') {
        text.pop();
    }
    if text.ends_with('.') {
        text.pop();
    }
    if text == "-0" { "0".into() } else { text }
}

/// Width of a text in pixels, roughly, and rather too wide: the font is the reader's.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let units: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'l' | 'j' | '.' | ',' | ':' | '|' | '\'' | ' ' | '(' | ')' | '[' | ']' => 0.38,
            'm' | 'w' | 'M' | 'W' | '%' | '@' | '∞' => 0.88,
            c if c.is_uppercase() => 0.72,
            _ => 0.62,
        })
        .sum();
    units * size
}

impl Svg {
    /// An empty drawing; `id` makes ids inside it unique within a page, `title` is its accessible
    /// name.
    pub(crate) fn new(id: &str, title: &str, width: f64, height: f64) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            width,
            height,
            body: String::new(),
        }
    }

    pub(crate) fn shape(&mut self, tag: &'static str) -> Element<'_> {
        Element {
            svg: self,
            tag,
            attributes: String::new(),
        }
    }

    pub(crate) fn line(&mut self, x1: f64, y1: f64, x2: f64, y2: f64) -> Element<'_> {
        self.shape("line")
            .n("x1", x1)
            .n("y1", y1)
            .n("x2", x2)
            .n("y2", y2)
    }

    pub(crate) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64) -> Element<'_> {
        self.shape("rect")
            .n("x", x)
            .n("y", y)
            .n("width", width.max(0.0))
            .n("height", height.max(0.0))
    }

    pub(crate) fn circle(&mut self, x: f64, y: f64, r: f64) -> Element<'_> {
        self.shape("circle").n("cx", x).n("cy", y).n("r", r)
    }

    pub(crate) fn diamond(&mut self, x: f64, y: f64, r: f64) -> Element<'_> {
        let data = format!(
            "M{} {}L{} {}L{} {}L{} {}Z",
            px(x - r),
            px(y),
            px(x),
            px(y - r),
            px(x + r),
            px(y),
            px(x),
            px(y + r)
        );
        self.path(&data)
    }

    pub(crate) fn path(&mut self, data: &str) -> Element<'_> {
        self.shape("path").a("d", data)
    }

    /// A path without fill through points; a non-finite point breaks the line.
    pub(crate) fn polyline(&mut self, points: &[(f64, f64)]) -> Element<'_> {
        let mut data = String::new();
        let mut pen_down = false;
        for &(x, y) in points {
            if x.is_finite() && y.is_finite() {
                let _ = write!(
                    data,
                    "{}{} {}",
                    if pen_down { 'L' } else { 'M' },
                    px(x),
                    px(y)
                );
                pen_down = true;
            } else {
                pen_down = false;
            }
        }
        self.path(&data)
            .a("fill", "none")
            .a("stroke-linejoin", "round")
            .a("stroke-linecap", "round")
    }

    pub(crate) fn text(&mut self, x: f64, y: f64, size: f64, anchor: Anchor) -> Element<'_> {
        let element = self.shape("text").n("x", x).n("y", y).n("font-size", size);
        match anchor {
            Anchor::Start => element,
            Anchor::Middle => element.a("text-anchor", "middle"),
            Anchor::End => element.a("text-anchor", "end"),
        }
    }

    /// Opens a group that is clipped to a rectangle; close it with [`Svg::close`].
    pub(crate) fn clip(&mut self, name: &str, x: f64, y: f64, width: f64, height: f64) {
        let id = format!("{}-clip-{name}", self.id);
        let _ = write!(
            self.body,
            r#"<clipPath id="{id}"><rect x="{}" y="{}" width="{}" height="{}"/></clipPath><g clip-path="url(#{id})">"#,
            px(x),
            px(y),
            px(width.max(0.0)),
            px(height.max(0.0))
        );
        self.body.push('\n');
    }

    pub(crate) fn close(&mut self) {
        self.body.push_str("</g>\n");
    }

    /// Height of the view box, which a figure may fix after laying out its rows.
    pub(crate) fn set_height(&mut self, height: f64) {
        self.height = height;
    }

    /// The finished document.
    pub(crate) fn finish(self) -> String {
        let (width, height) = (px(self.width), px(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\" aria-label=\"{title}\" font-family=\"{FONT}\" fill=\"{ink}\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{body}</svg>\n",
            title = escape(&self.title),
            ink = palette::INK,
            body = self.body,
        )
    }
}

impl Element<'_> {
    /// A text attribute.
    pub(crate) fn a(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.attributes, " {name}=\"{}\"", escape(value));
        self
    }

    /// A number attribute.
    pub(crate) fn n(mut self, name: &str, value: f64) -> Self {
        let _ = write!(self.attributes, " {name}=\"{}\"", px(value));
        self
    }

    pub(crate) fn fill(self, color: &str) -> Self {
        self.a("fill", color)
    }

    pub(crate) fn stroke(self, color: &str, width: f64) -> Self {
        self.a("stroke", color).n("stroke-width", width)
    }

    pub(crate) fn dash(self, pattern: &str) -> Self {
        if pattern.is_empty() {
            self
        } else {
            self.a("stroke-dasharray", pattern)
        }
    }

    pub(crate) fn bold(self) -> Self {
        self.a("font-weight", "600")
    }

    /// Writes the element.
    pub(crate) fn end(self) {
        let _ = writeln!(self.svg.body, "<{}{}/>", self.tag, self.attributes);
    }

    /// Writes the element with a tooltip.
    pub(crate) fn tip(self, text: &str) {
        let _ = writeln!(
            self.svg.body,
            "<{tag}{}><title>{}</title></{tag}>",
            self.attributes,
            escape(text),
            tag = self.tag
        );
    }

    /// Writes a text element.
    pub(crate) fn words(self, text: &str) {
        let _ = writeln!(
            self.svg.body,
            "<{tag}{}>{}</{tag}>",
            self.attributes,
            escape(text),
            tag = self.tag
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short_and_always_finite() {
        for (value, expected) in [
            (1.0, "1"),
            (1.005, "1"),
            (-0.001, "0"),
            (2.5, "2.5"),
            (f64::NAN, "0"),
            (f64::INFINITY, "0"),
        ] {
            assert_eq!(px(value), expected);
        }
    }

    #[test]
    fn a_gap_breaks_a_line() {
        let mut svg = Svg::new("t", "t", 10.0, 10.0);
        svg.polyline(&[(0.0, 0.0), (1.0, f64::NAN), (2.0, 2.0), (3.0, 3.0)])
            .end();
        assert!(svg.finish().contains("d=\"M0 0M2 2L3 3\""));
    }
}
