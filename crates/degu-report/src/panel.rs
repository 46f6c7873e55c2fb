//! A plotting area with two numeric axes, titles and legends.

use crate::axis::Axis;
use crate::palette::{AXIS, GRID, INK, MUTED};
use crate::svg::{Anchor, Svg, text_width};

/// Width of every figure, in pixels of its view box.
pub(crate) const WIDTH: f64 = 920.0;

/// A rectangle with a horizontal and a vertical axis.
pub(crate) struct Panel {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

impl Panel {
    pub(crate) fn px(&self, value: f64) -> f64 {
        self.left + self.x.at(value) * self.width
    }

    pub(crate) fn py(&self, value: f64) -> f64 {
        self.top + (1.0 - self.y.at(value)) * self.height
    }

    /// Draws grid, ticks, axis titles and a title above.
    pub(crate) fn frame(&self, svg: &mut Svg, title: &str) {
        let bottom = self.top + self.height;
        let right = self.left + self.width;
        for (value, label) in self.y.ticks() {
            let y = self.py(*value);
            svg.line(self.left, y, right, y).stroke(GRID, 1.0).end();
            svg.text(self.left - 7.0, y + 3.8, 11.0, Anchor::End)
                .fill(MUTED)
                .words(label);
        }
        for (value, label) in self.x.ticks() {
            let x = self.px(*value);
            svg.line(x, self.top, x, bottom).stroke(GRID, 1.0).end();
            svg.text(x, bottom + 16.0, 11.0, Anchor::Middle)
                .fill(MUTED)
                .words(label);
        }
        svg.line(self.left, bottom, right, bottom)
            .stroke(AXIS, 1.0)
            .end();
        svg.line(self.left, self.top, self.left, bottom)
            .stroke(AXIS, 1.0)
            .end();
        if !self.x.label.is_empty() {
            svg.text(
                self.left + self.width / 2.0,
                bottom + 34.0,
                12.0,
                Anchor::Middle,
            )
            .words(&self.x.label);
        }
        if !self.y.label.is_empty() {
            let (x, y) = (self.left - 44.0, self.top + self.height / 2.0);
            svg.text(x, y, 12.0, Anchor::Middle)
                .a(
                    "transform",
                    &format!("rotate(-90 {} {})", crate::svg::px(x), crate::svg::px(y)),
                )
                .words(&self.y.label);
        }
        if !title.is_empty() {
            panel_title(svg, self.left, self.top - 12.0, title);
        }
    }

    /// Clips what follows to the panel.
    pub(crate) fn clip(&self, svg: &mut Svg, name: &str) {
        svg.clip(name, self.left, self.top, self.width, self.height);
    }
}

/// Title of a panel, left-aligned above it.
pub(crate) fn panel_title(svg: &mut Svg, x: f64, y: f64, title: &str) {
    svg.text(x, y, 13.0, Anchor::Start)
        .bold()
        .fill(INK)
        .words(title);
}

/// Mark of a legend entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Dot,
    Diamond,
    Line,
    Dashed,
    Band,
}

/// One legend entry.
pub(crate) struct Entry {
    pub(crate) label: String,
    pub(crate) color: String,
    pub(crate) mark: Mark,
}

impl Entry {
    pub(crate) fn new(label: &str, color: &str, mark: Mark) -> Self {
        Self {
            label: label.to_owned(),
            color: color.to_owned(),
            mark,
        }
    }
}

/// Draws entries in a row that wraps at the right margin; returns the height used.
pub(crate) fn legend(svg: &mut Svg, left: f64, top: f64, entries: &[Entry]) -> f64 {
    let (mut x, mut y) = (left, top);
    for entry in entries {
        let width = 24.0 + text_width(&entry.label, 12.0) + 18.0;
        if x > left && x + width > WIDTH - 4.0 {
            x = left;
            y += 20.0;
        }
        let (mid, color) = (y + 6.0, entry.color.as_str());
        match entry.mark {
            Mark::Dot => svg.circle(x + 9.0, mid, 4.5).fill(color).end(),
            Mark::Diamond => svg.diamond(x + 9.0, mid, 6.0).fill(color).end(),
            Mark::Line => svg.line(x, mid, x + 18.0, mid).stroke(color, 2.5).end(),
            Mark::Dashed => svg
                .line(x, mid, x + 18.0, mid)
                .stroke(color, 2.0)
                .dash("4 3")
                .end(),
            Mark::Band => svg.rect(x, mid - 5.0, 18.0, 10.0).fill(color).end(),
        }
        svg.text(x + 24.0, y + 10.0, 12.0, Anchor::Start)
            .fill(INK)
            .words(&entry.label);
        x += width;
    }
    y - top + 20.0
}

/// Columns and the left edge and width of each, for `n` panels side by side.
pub(crate) struct Columns {
    pub(crate) across: usize,
    pub(crate) width: f64,
    gap: f64,
}

impl Columns {
    /// At most `most` panels in a row.
    pub(crate) fn new(n: usize, most: usize) -> Self {
        let columns = n.clamp(1, most.max(1));
        let gap = 78.0;
        let width = (WIDTH - 14.0 - gap * columns as f64) / columns as f64;
        Self {
            across: columns,
            width,
            gap,
        }
    }

    pub(crate) fn left(&self, index: usize) -> f64 {
        let column = (index % self.across) as f64;
        self.gap - 14.0 + column * (self.width + self.gap)
    }

    pub(crate) fn row(&self, index: usize) -> f64 {
        (index / self.across) as f64
    }

    pub(crate) fn rows(&self, n: usize) -> f64 {
        n.div_ceil(self.across).max(1) as f64
    }
}
