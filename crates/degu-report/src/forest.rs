//! Named rows over one numeric axis: dots, intervals, bands.

use crate::axis::Axis;
use crate::palette::{AXIS, GRID, INK, MUTED};
use crate::panel::panel_title;
use crate::svg::{Anchor, Svg, text_width};
use crate::text::shorten;

/// Rows of a dot plot.
pub(crate) struct Forest {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) row_height: f64,
    pub(crate) rows: usize,
    pub(crate) x: Axis,
}

impl Forest {
    pub(crate) fn px(&self, value: f64) -> f64 {
        self.left + self.x.at(value).clamp(0.0, 1.0) * self.width
    }

    /// Middle of a row.
    pub(crate) fn row(&self, index: usize) -> f64 {
        self.top + (index as f64 + 0.5) * self.row_height
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.top + self.rows as f64 * self.row_height
    }

    /// Draws grid, axis and title; row names are drawn at the left if given.
    pub(crate) fn frame(&self, svg: &mut Svg, title: &str, names: &[String]) {
        let (bottom, right) = (self.bottom(), self.left + self.width);
        for (value, label) in self.x.ticks() {
            let x = self.px(*value);
            svg.line(x, self.top, x, bottom).stroke(GRID, 1.0).end();
            svg.text(x, bottom + 16.0, 11.0, Anchor::Middle)
                .fill(MUTED)
                .words(label);
        }
        for row in 1..self.rows {
            let y = self.top + row as f64 * self.row_height;
            svg.line(self.left, y, right, y)
                .stroke(GRID, 1.0)
                .a("stroke-opacity", "0.6")
                .end();
        }
        svg.line(self.left, bottom, right, bottom)
            .stroke(AXIS, 1.0)
            .end();
        for (row, name) in names.iter().enumerate() {
            svg.text(self.left - 10.0, self.row(row) + 4.0, 12.0, Anchor::End)
                .fill(INK)
                .words(&shorten(name, 42));
        }
        if !self.x.label.is_empty() {
            svg.text(
                self.left + self.width / 2.0,
                bottom + 34.0,
                12.0,
                Anchor::Middle,
            )
            .words(&self.x.label);
        }
        if !title.is_empty() {
            panel_title(svg, self.left, self.top - 12.0, title);
        }
    }

    /// A horizontal interval; ends outside of the axis get an arrow.
    pub(crate) fn interval(
        &self,
        svg: &mut Svg,
        row: f64,
        low: f64,
        high: f64,
        color: &str,
        width: f64,
    ) {
        if low.is_nan() || high.is_nan() {
            return;
        }
        let (x1, x2) = (self.px(low), self.px(high));
        svg.line(x1, row, x2, row)
            .stroke(color, width)
            .a("stroke-linecap", "round")
            .end();
        if self.x.at(high) > 1.0 {
            arrow(svg, x2, row, 1.0, color);
        }
        if self.x.at(low) < 0.0 {
            arrow(svg, x1, row, -1.0, color);
        }
    }
}

/// An arrow head that says "continues".
pub(crate) fn arrow(svg: &mut Svg, x: f64, y: f64, direction: f64, color: &str) {
    svg.polyline(&[
        (x - 6.0 * direction, y - 5.0),
        (x, y),
        (x - 6.0 * direction, y + 5.0),
    ])
    .stroke(color, 1.8)
    .end();
}

/// Room that row names need at the left.
pub(crate) fn name_room(names: &[String]) -> f64 {
    names
        .iter()
        .map(|name| text_width(&shorten(name, 42), 12.0))
        .fold(40.0, f64::max)
        + 18.0
}
